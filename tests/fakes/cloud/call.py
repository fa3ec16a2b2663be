"""One request to Nova, past the token: who asks, in which microversion, and what may be refused."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from aiohttp import web

from fakes.cloud.journal import Entry, Journal
from fakes.cloud.records import Server, User
from fakes.cloud.state import Cloud

ENTRY = web.RequestKey("entry", Entry)
"""Where a request carries its entry in the journal."""

NEWEST = (2, 104)
OLDEST = (2, 1)

_TICK = 0.01
_RANKS = ("reader", "member", "manager", "admin")
_FAULTS = {
    400: "badRequest",
    401: "unauthorized",
    403: "forbidden",
    404: "itemNotFound",
    405: "badMethod",
    409: "conflictingRequest",
    413: "overLimit",
    429: "overLimit",
    501: "notImplemented",
    503: "serviceUnavailable",
}


class Refused(Exception):
    """The request is answered with an error; the message is Nova's own."""

    def __init__(self, status: int, message: str) -> None:
        self.status = status
        self.message = message
        super().__init__(message)

    @property
    def response(self) -> web.Response:
        """The answer."""
        return refusal(self.status, self.message)


def unexpected(what: str) -> Refused:
    """Return Nova's answer to an error that it does not expect."""
    message = f"Unexpected API Error. Please contact the administrator\n<class '{what}'>"
    return Refused(500, message)


def refusal(status: int, message: str) -> web.Response:
    """Return an error in Nova's form (nova/api/openstack/wsgi.py Fault)."""
    name = _FAULTS.get(status, "computeFault")
    return web.json_response({name: {"code": status, "message": message}}, status=status)


@dataclass(kw_only=True)
class Call:
    """A request of a known user."""

    cloud: Cloud
    journal: Journal
    entry: Entry
    user: User
    request_id: str
    microversion: tuple[int, int]
    path: Mapping[str, str]
    """The variable parts of the URL's path."""
    query: Mapping[str, str] = field(default_factory=dict)
    url: str = ""
    """Where this Nova is, for links."""

    @property
    def is_admin(self) -> bool:
        """Whether the user may do everything."""
        return self.user.role == "admin"

    def may(self, role: str) -> bool:
        """Say whether the user has at least this role."""
        return _RANKS.index(self.user.role) >= _RANKS.index(role)

    def require(self, role: str, rule: str) -> None:
        """Refuse a user without this role."""
        if not self.may(role):
            raise Refused(403, f"Policy doesn't allow {rule} to be performed.")

    def server(self, *, deleted: bool = False, unseen: bool = False) -> Server:
        """Return the server in the path; another project's is not there for this user.

        Args:
            deleted: Whether a deleted one is there, too.
            unseen: Whether a few fields will do, where its cell does not answer.
        """
        found = self.cloud.servers.get(self.path["server"])
        if (
            found is None
            or (found.deleted and not deleted)
            or not (self.is_admin or found.project_id == self.user.project_id)
        ):
            raise Refused(404, f"Instance {self.path['server']} could not be found.")
        if found.id in self.cloud.conditions.unseen and not unseen:
            raise unexpected("nova.exception.NovaException")
        return found

    async def until(self, condition: Callable[[], bool]) -> bool:
        """Wait as the API does for what a compute host answers; say whether it did in time."""
        end = self.cloud.time + timedelta(seconds=self.cloud.pace.rpc_timeout)
        while not condition():
            if self.cloud.time >= end:
                return False
            await asyncio.sleep(_TICK)
            self.cloud.settle()
        return True

    def accept(self, server: Server, action: str) -> None:
        """Note that this write takes effect, whatever becomes of its answer."""
        self.journal.accept(
            self.entry,
            server_id=server.id,
            action=action,
            request_id=self.request_id,
            user=self.user.name,
        )

    def since(self, *version: int) -> bool:
        """Say whether the request's microversion is this one or later."""
        return self.microversion >= version


def microversion(headers: Mapping[str, str]) -> tuple[int, int]:
    """Read the microversion of a request; without any it is 2.1.

    Raises:
        Refused: It is malformed or out of range.
    """
    text = headers.get("X-OpenStack-Nova-API-Version", "")
    for part in headers.get("OpenStack-API-Version", "").split(","):
        service, _, version = part.strip().partition(" ")
        if service == "compute":
            text = version.strip()
    if not text:
        return OLDEST
    if text == "latest":
        return NEWEST
    major, _, minor = text.partition(".")
    if not (major.isdecimal() and minor.isdecimal()):
        raise Refused(
            400,
            f"API Version String {text} is of invalid format. Must be of format MajorNum.MinorNum.",
        )
    version_ = (int(major), int(minor))
    if not OLDEST <= version_ <= NEWEST:
        raise Refused(
            406,
            f"Version {text} is not supported by the API. Minimum is {dotted(OLDEST)} and maximum"
            f" is {dotted(NEWEST)}.",
        )
    return version_


def dotted(version: tuple[int, int]) -> str:
    """Return `(2, 65)` as `2.65`."""
    return f"{version[0]}.{version[1]}"


def reply(body: Any = None, status: int = 200) -> web.Response:
    """Return an answer; one without a body is still of type JSON, as Nova's are."""
    if body is None:
        return web.Response(status=status, content_type="application/json")
    return web.json_response(body, status=status)
