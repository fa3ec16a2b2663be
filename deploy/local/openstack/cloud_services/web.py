"""Serve WSGI applications on loopback from threads.

The services are meant for mod_wsgi or uWSGI. cheroot is a plain Python wheel that needs no
compiler and no configuration file, and it can serve several applications from one process.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from cheroot import wsgi

Application = Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]]

LOOPBACK = "127.0.0.1"
BACKLOG = 128
"""Connections that may wait for a thread: a load test opens many at once."""


class OpenInput:
    """A request body that ignores `close`.

    Glance closes `wsgi.input` after an upload. cheroot would then fail to read the next request of
    the same connection, and every client that keeps connections open would see it break.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def __iter__(self) -> Any:
        return iter(self._stream)

    def close(self) -> None:
        """Leave the connection's stream open."""


def keep_input_open(application: Application) -> Application:
    """Wrap an application so that it cannot close the connection that it is served on."""

    def wrapped(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ["wsgi.input"] = OpenInput(environ["wsgi.input"])
        return application(environ, start_response)

    return wrapped


def serve(application: Application, *, port: int, threads: int) -> None:
    """Serve in the background; the port answers when this returns."""
    server = wsgi.Server(
        (LOOPBACK, port), application, numthreads=threads, request_queue_size=BACKLOG
    )
    server.prepare()
    threading.Thread(target=server.serve, name=f"http-{port}", daemon=True).start()


def wait_for_the_end() -> None:
    """Return on SIGTERM or SIGINT."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    stop.wait()


def leave() -> None:
    """End the process without running down Nova's threads: its state is thrown away anyway."""
    os._exit(0)
