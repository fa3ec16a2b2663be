"""Keystone: tokens for passwords, and the catalogue that leads to the other services."""

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

from fakes.cloud.records import User
from fakes.cloud.state import Cloud

REGION = "RegionOne"
DOMAIN = {"id": "default", "name": "Default"}
_ROLES = ("reader", "member", "manager", "admin")


class Identity:
    """Gives tokens and knows whose each is."""

    def __init__(
        self,
        cloud: Cloud,
        *,
        token_life: timedelta = timedelta(hours=1),
        origins: Mapping[str, str] | None = None,
    ) -> None:
        """Know nobody yet.

        Args:
            cloud: Its accounts.
            token_life: How long a token is good.
            origins: Where each service is to be found; where the request came to if not given.
        """
        self._cloud = cloud
        self._token_life = token_life
        self._origins = origins or {}
        self._tokens: dict[str, tuple[User, datetime]] = {}

    def origin(self, service: str, request: web.Request) -> str:
        """Return where a service is to be found."""
        return self._origins.get(service, str(request.url.origin()))

    def expire(self, token: str) -> None:
        """Make a token invalid now."""
        self._tokens.pop(token, None)

    def expire_all(self) -> None:
        """Make all tokens invalid now."""
        self._tokens.clear()

    def user_of(self, token: str | None) -> User | None:
        """Return whose token it is, None when it is nobody's or has ended."""
        user, end = self._tokens.get(token or "", (None, None))
        return user if end is not None and end > datetime.now(UTC) else None

    async def version(self, request: web.Request) -> web.Response:
        """GET /identity/v3."""
        links = [{"rel": "self", "href": f"{request.url.origin()}/identity/v3/"}]
        document = {"id": "v3.14", "status": "stable", "updated": "2020-04-07T00:00:00Z"}
        media = {
            "base": "application/json",
            "type": "application/vnd.openstack.identity-v3+json",
        }
        return web.json_response({"version": document | {"links": links, "media-types": [media]}})

    async def log_in(self, request: web.Request) -> web.Response:
        """POST /identity/v3/auth/tokens."""
        try:
            user = self._checked((await request.json())["auth"])
        except (ValueError, LookupError, TypeError, AttributeError):
            user = None
        if user is None:
            return unauthorized(request)
        token = f"gAAAAA{secrets.token_urlsafe(48)}"
        now = datetime.now(UTC)
        self._tokens[token] = (user, now + self._token_life)
        body = {
            "methods": ["password"],
            "user": {"id": user.id, "name": user.name, "domain": DOMAIN}
            | {"password_expires_at": None},
            "audit_ids": [secrets.token_urlsafe(16)],
            "issued_at": _time(now),
            "expires_at": _time(now + self._token_life),
            "project": {"id": user.project_id, "name": user.project, "domain": DOMAIN},
            "is_domain": False,
            "roles": [
                {"id": secrets.token_hex(16), "name": role}
                for role in _ROLES[: _ROLES.index(user.role) + 1]
            ],
            "catalog": self._catalog(request),
        }
        headers = {"X-Subject-Token": token, "Vary": "X-Auth-Token"}
        return web.json_response({"token": body}, status=201, headers=headers)

    def _checked(self, auth: dict[str, Any]) -> User | None:
        """Return the user whose password and project these are."""
        given = auth["identity"]["password"]["user"]
        project = auth.get("scope", {}).get("project", {})
        for user in self._cloud.users.values():
            named = given.get("id") == user.id or (
                given.get("name") == user.name and given.get("domain") == {"id": "default"}
            )
            scoped = project.get("id") == user.project_id or project.get("name") == user.project
            if named and scoped and given["password"] == user.password:
                return user
        return None

    def _catalog(self, request: web.Request) -> list[dict[str, Any]]:
        services = {
            "identity": ("keystone", "/identity/v3"),
            "compute": ("compute", "/compute/v2.1"),
            "image": ("image", "/image"),
        }
        return [
            {
                "id": name,
                "type": type_,
                "name": name,
                "endpoints": [
                    {
                        "id": f"{name}-{interface}",
                        "interface": interface,
                        "region_id": REGION,
                        "region": REGION,
                        "url": f"{self.origin(type_, request)}{path}",
                    }
                    for interface in ("public", "internal", "admin")
                ],
            }
            for type_, (name, path) in services.items()
        ]


def unauthorized(request: web.Request) -> web.Response:
    """Return the 401 that Keystone gives, and its middleware in front of the other services."""
    error = {
        "code": 401,
        "message": "The request you have made requires authentication.",
        "title": "Unauthorized",
    }
    where = f'Keystone uri="{request.url.origin()}/identity/v3"'
    headers = {"WWW-Authenticate": where}
    return web.json_response({"error": error}, status=401, headers=headers)


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000000Z")
