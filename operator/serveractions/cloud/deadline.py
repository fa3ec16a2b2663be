"""HTTP connections that keep to a time for the whole exchange.

The time-out of a socket begins anew with each byte, so a server that sends one now and then holds a
thread for ever, in the status line, in a header or between two chunks. A thread cannot be ended
from outside: at SIGTERM the process would wait for it. So each read gets what is left of the time
of the whole request, and so does each address that a name resolves to.
"""

import io
import math
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPResponse
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError


class _Clock(threading.local):
    """When the request must be over that this thread makes."""

    end = math.inf


_clock = _Clock()


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Give every connection that is used in here no more than this time in all."""
    before, _clock.end = _clock.end, time.monotonic() + seconds
    try:
        yield
    finally:
        _clock.end = before


def obey(manager: PoolManager) -> None:
    """Have all connections of a pool keep to the time that `within` gives."""
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}


def _left() -> float | None:
    """Return the seconds that are left, None for no limit. Raises TimeoutError."""
    if _clock.end == math.inf:
        return None
    left = _clock.end - time.monotonic()
    if left <= 0:
        raise TimeoutError("the time for the whole exchange is over")
    return left


class _Reads(io.RawIOBase):
    """The bytes of a socket, each read with the time that is left."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket) -> None:
        self._raw = raw
        self._sock = sock

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(_left())
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_Reads(self.fp.detach(), sock))


class _Connection(HTTPConnection):
    response_class = _Response

    def _new_conn(self) -> socket.socket:
        try:
            return _connect(self._dns_host, self.port)
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        except TimeoutError as error:
            raise ConnectTimeoutError(self, "no connection in time") from error
        except OSError as error:
            raise NewConnectionError(self, "no connection") from error


class _SecureConnection(_Connection, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


def _connect(host: str, port: int) -> socket.socket:
    """Connect to the first address of a host that answers. Raises OSError, the last one's."""
    failure = OSError(f"{host} has no address")
    for *_, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        try:
            place = (str(address[0]), int(address[1]))
            connected = socket.create_connection(place, timeout=_left())
        except OSError as error:
            failure = error
            if isinstance(error, TimeoutError):
                break  # nothing is left for the next one
            continue
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connected
    raise failure
