"""Plain HTTP to a cloud as one of its users: nothing of the operator's own code is between."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import requests

NEWEST = "2.95"
"""Of the microversions that are asked for where none matters."""
TIMEOUT = 60.0
WITHIN = 30.0
POLL = 0.15


@dataclass
class Client:
    """One user of one cloud."""

    auth_url: str
    name: str
    password: str
    project: str
    session: requests.Session = field(default_factory=requests.Session)

    def __post_init__(self) -> None:
        self.session.trust_env = False
        # A kept connection that the server is about to close would fail the next POST.
        self.session.headers["Connection"] = "close"

    def log_in(self, *, password: str | None = None) -> requests.Response:
        """Ask Keystone for a token."""
        domain = {"id": "default"}
        user = {"name": self.name, "password": password or self.password, "domain": domain}
        auth = {
            "identity": {"methods": ["password"], "password": {"user": user}},
            "scope": {"project": {"name": self.project, "domain": domain}},
        }
        return self.session.post(
            f"{self.auth_url}/auth/tokens", json={"auth": auth}, timeout=TIMEOUT
        )

    @cached_property
    def login(self) -> requests.Response:
        """The answer that everything else is done with."""
        return self.log_in()

    @cached_property
    def endpoints(self) -> dict[str, str]:
        """Where each service is, by type."""
        catalog = self.login.json()["token"]["catalog"]
        return {each["type"]: each["endpoints"][0]["url"].rstrip("/") for each in catalog}

    @property
    def user_id(self) -> str:
        """Who this is."""
        found: str = self.login.json()["token"]["user"]["id"]
        return found

    @property
    def project_id(self) -> str:
        """Whose servers these are."""
        found: str = self.login.json()["token"]["project"]["id"]
        return found

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        version: str | None = NEWEST,
        service: str = "compute",
        **headers: str,
    ) -> requests.Response:
        """Send one request."""
        headers = {"X-Auth-Token": self.login.headers["X-Subject-Token"]} | headers
        if version is not None and service == "compute":
            headers["OpenStack-API-Version"] = f"compute {version}"
        return self.session.request(
            method,
            f"{self.endpoints[service]}{path}",
            json=body,
            headers=headers,
            timeout=TIMEOUT,
            allow_redirects=False,
        )

    def get(self, path: str, *, version: str = NEWEST, service: str = "compute") -> Any:
        """Read JSON that has to be there."""
        answer = self.ask("GET", path, version=version, service=service)
        assert answer.ok, f"{path}: {answer.status_code} {answer.text}"
        return answer.json()

    def act(self, server: str, body: object, *, version: str = "2.68") -> requests.Response:
        """Send a server action."""
        return self.ask("POST", f"/servers/{server}/action", body, version=version)

    def server(self, server: str) -> dict[str, Any]:
        """Return a server."""
        found: dict[str, Any] = self.get(f"/servers/{server}")["server"]
        return found

    def actions(self, server: str) -> list[dict[str, Any]]:
        """Return a server's instance actions, newest first."""
        found: list[dict[str, Any]] = self.get(f"/servers/{server}/os-instance-actions")[
            "instanceActions"
        ]
        return found

    def action(self, server: str, request_id: str, *, version: str = NEWEST) -> dict[str, Any]:
        """Return one instance action with its events."""
        path = f"/servers/{server}/os-instance-actions/{request_id}"
        found: dict[str, Any] = self.get(path, version=version)["instanceAction"]
        return found

    def events(self, server: str, request_id: str) -> list[tuple[str, str | None]]:
        """Return names and results of an action's events, newest first."""
        found = self.action(server, request_id)["events"]
        return [(each["event"], each["result"]) for each in found]

    def migrations(self, server: str) -> list[dict[str, Any]]:
        """Return a server's migrations, newest first."""
        found: list[dict[str, Any]] = self.get(f"/os-migrations?instance_uuid={server}")[
            "migrations"
        ]
        return found

    def images(self, server: str, **filters: str) -> list[dict[str, Any]]:
        """Return the images that were made of a server, newest first."""
        query = "&".join(f"{key}={value}" for key, value in filters.items())
        found: list[dict[str, Any]] = self.get(
            f"/v2/images?instance_uuid={server}&{query}", service="image"
        )["images"]
        return found


def until(condition: Callable[[], object], what: str, *, within: float = WITHIN) -> None:
    """Wait until `condition` holds."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {within:g} s"
        time.sleep(POLL)


def message(answer: requests.Response) -> tuple[int, str, str]:
    """Return what an error of Nova's says: status, the name of the fault, the words."""
    (fault, inner), *more = answer.json().items()
    assert not more
    assert inner["code"] == answer.status_code
    return answer.status_code, fault, inner["message"]
