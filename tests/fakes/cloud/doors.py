"""The ports of the three services, each of which can be away by itself.

Some ways of being away happen before any HTTP: nobody listens, connections are reset as soon as
they stand, or nothing ever comes back. A request that meets them never arrives, so the journal does
not know it.
"""

import asyncio
import socket
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from fakes.cloud import wire
from fakes.cloud.orders import BadOrderError, only

SERVICES = ("identity", "compute", "image")
STATES = ("open", "shut", "resetting", "silent")

HOST = "127.0.0.1"
_BACKLOG = 512


class _Resetting(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        wire.reset(transport)


@dataclass
class Door:
    """One port, which stays this service's own while nobody listens."""

    state: str = "open"
    times: int | None = None
    """For how many connections more; then the door is open again."""
    refused: int = 0
    """Connections that were reset or met silence."""
    _kept: socket.socket = field(default_factory=lambda: _bound(0))
    _server: asyncio.Server | None = None
    _web: web.Server | None = None

    @property
    def port(self) -> int:
        """The same, whether it is open or not."""
        port: int = self._kept.getsockname()[1]
        return port

    async def serve(self, server: web.Server) -> None:
        """Begin to listen."""
        self._web = server
        await self._listen()

    async def turn(self, state: str, times: int | None = None, *, leave: bool = False) -> None:
        """Change what the next connections meet; those that stand end, unless they are left."""
        if state not in STATES:
            raise BadOrderError(f"no state {state!r} of a door: there is {', '.join(STATES)}")
        self.state, self.times = state, times
        if state == "open":
            await self._listen()
            return
        if not leave:
            self.break_off()
        if state == "shut":
            self.close()
        else:
            await self._listen()

    def break_off(self) -> None:
        """End the connections that stand."""
        for each in self._standing():
            wire.reset(each)

    def close(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _listen(self) -> None:
        if self._server is None:
            loop = asyncio.get_running_loop()
            self._server = await loop.create_server(
                self._connection, sock=_bound(self.port), backlog=_BACKLOG
            )

    def _standing(self) -> list[asyncio.Transport]:
        """Return the connections that came through this door."""
        found = [each.transport for each in self._web.connections] if self._web else []
        return [
            each
            for each in found
            if each is not None and each.get_extra_info("sockname")[1] == self.port
        ]

    def _connection(self) -> asyncio.Protocol:
        if self.state == "open" or self.times == 0:
            assert self._web is not None
            return self._web()
        self.refused += 1
        if self.times is not None:
            self.times -= 1
        return _Resetting() if self.state == "resetting" else asyncio.Protocol()


class Doors:
    """The doors of all services."""

    def __init__(self) -> None:
        self._doors = {name: Door() for name in SERVICES}

    @property
    def origins(self) -> dict[str, str]:
        """Where each service is to be found."""
        return {name: f"http://{HOST}:{door.port}" for name, door in self._doors.items()}

    async def serve(self, server: web.Server) -> None:
        """Open all of them."""
        for door in self._doors.values():
            await door.serve(server)

    def break_off(self, service: str) -> None:
        """End the connections that a service has, as its restart does."""
        self._doors[service].break_off()

    def close(self) -> None:
        """Stop listening."""
        for door in self._doors.values():
            door.close()

    async def turn(self, orders: dict[str, Any]) -> None:
        """Carry out `{service: {"state", "times", "leave"}}`. Raises BadOrderError."""
        for name, order in orders.items():
            if name not in self._doors:
                raise BadOrderError(f"no service {name!r}: there is {', '.join(SERVICES)}")
            only(order, "state", "times", "leave")
            await self._doors[name].turn(**order)

    def as_json(self) -> dict[str, Any]:
        """Return what each does, and to how many connections it did it."""
        return {
            name: {"state": door.state, "times": door.times, "refused": door.refused}
            for name, door in self._doors.items()
        }


def _bound(port: int) -> socket.socket:
    """Bind a port without listening, which refuses connections and keeps others off the port."""
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    made.bind((HOST, port))
    return made
