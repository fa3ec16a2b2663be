"""One request to Nova, past the token: who asks, in which microversion, and what may be refused."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from fakes.cloud.journal import Entry, Journal
from fakes.cloud.state import Cloud, Server, User

ENTRY = web.RequestKey("entry", Entry)
"""Where a request carries its entry in the journal."""

NEWEST = (2, 104)
OLDEST = (2, 1)

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

    def server(self) -> Server:
        """Return the server in the path; another project's is not there for this user."""
        found = self.cloud.servers.get(self.path["server"])
        if found is None or not (self.is_admin or found.project_id == self.user.project_id):
            raise Refused(404, f"Instance {self.path['server']} could not be found.")
        return found

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
