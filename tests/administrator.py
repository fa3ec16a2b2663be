"""What somebody with all rights does in one namespace of a real API server, and sees there."""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from local_stack.kubernetes import ControlPlane
from serveractions.api.kinds import API_VERSION, BY_NAME, GROUP, VERSION, Kind

SECRET = "openstack"
CLOUD = "admin"
AT_ONCE = 8
POLL = 0.25
MERGE_PATCH = {"Content-Type": "application/merge-patch+json"}
STARTING = Retry(
    total=50,
    connect=0,
    read=0,
    status_forcelist=(429, 503),
    allowed_methods=("GET",),
    backoff_factor=0.1,
    backoff_max=0.5,
)
"""An API server that has just come up answers so: "storage is (re)initializing"."""


def log_in(kubernetes: ControlPlane) -> requests.Session:
    """Return a session of the cluster's administrator, for as many threads as a test has."""
    session = requests.Session()
    session.trust_env = False
    session.verify = str(kubernetes.authority)
    session.headers["Authorization"] = f"Bearer {kubernetes.credentials.admin_token}"
    session.mount("https://", HTTPAdapter(max_retries=STARTING, pool_maxsize=64))
    return session


@dataclass(frozen=True)
class Administrator:
    """One namespace, and the rights to do anything in it."""

    kubernetes: ControlPlane
    namespace: str
    session: requests.Session
    """Of the cluster's administrator."""

    def in_namespace(self, namespace: str) -> "Administrator":
        """Return the same person in another namespace."""
        return Administrator(self.kubernetes, namespace, self.session)

    def body(
        self, kind: Kind, name: str, server: str, *, secret: str = SECRET, **spec: Any
    ) -> dict[str, Any]:
        """Return an object for a server of the cloud that a Secret leads to."""
        own = {
            "cloudCredentialsRef": {"secretName": secret, "cloudName": CLOUD},
            "serverRef": {"id": server},
        }
        return {
            "apiVersion": API_VERSION,
            "kind": kind.name,
            "metadata": {"name": name, "namespace": self.namespace},
            "spec": own | spec,
        }

    def create(self, *bodies: Mapping[str, Any]) -> None:
        """Create objects in the namespace, a few at a time as several users would."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for answer in pool.map(self._create, bodies):
                assert answer.status_code == requests.codes.created, answer.text

    def statuses(self, kind: Kind) -> dict[str, dict[str, Any]]:
        """Return the statuses of all objects of a kind, by name."""
        answer = self.session.get(self.path(kind), timeout=30)
        answer.raise_for_status()
        items = answer.json()["items"]
        return {item["metadata"]["name"]: item.get("status", {}) for item in items}

    def read(self, kind: Kind, name: str) -> dict[str, Any]:
        """Return an object, empty where there is none."""
        answer = self.session.get(self.path(kind, name), timeout=30)
        if answer.status_code == requests.codes.not_found:
            return {}
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    def status(self, kind: Kind, name: str) -> dict[str, Any]:
        """Return an object's status, empty where there is no object."""
        status: dict[str, Any] = self.read(kind, name).get("status", {})
        return status

    def phase(self, kind: Kind, name: str) -> str:
        """Return an object's phase, empty where there is no object."""
        return str(self.status(kind, name).get("phase", ""))

    def reason(self, kind: Kind, name: str) -> str:
        """Return the reason that an object gives for its phase."""
        conditions = self.status(kind, name).get("conditions", ())
        return next((each["reason"] for each in conditions if each["type"] == "Ready"), "")

    def patch(
        self, kind: Kind, name: str, change: Mapping[str, Any], *, subresource: str = ""
    ) -> dict[str, Any]:
        """Change an object, or its status; return it as stored."""
        path = self.path(kind, name) + (f"/{subresource}" if subresource else "")
        answer = self.session.patch(path, json=change, headers=MERGE_PATCH, timeout=30)
        assert answer.ok, answer.text
        stored: dict[str, Any] = answer.json()
        return stored

    def edit(self, kind: Kind, name: str, **spec: Any) -> None:
        """Change fields of an object's spec."""
        self.patch(kind, name, {"spec": spec})

    def create_secret(
        self, name: str, data: Mapping[str, str], *, label: Mapping[str, str] | None = None
    ) -> None:
        """Create a Secret."""
        body = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "labels": label or {}},
            "stringData": data,
        }
        answer = self.session.post(self._secrets(), json=body, timeout=30)
        assert answer.status_code == requests.codes.created, answer.text

    def change_secret(self, name: str, data: Mapping[str, str]) -> None:
        """Change keys of a Secret."""
        change = {"stringData": data}
        answer = self.session.patch(
            self._secrets(name), json=change, headers=MERGE_PATCH, timeout=30
        )
        assert answer.ok, answer.text

    def delete_secret(self, name: str) -> None:
        """Delete a Secret."""
        answer = self.session.delete(self._secrets(name), timeout=30)
        assert answer.ok, answer.text

    def delete(self, kind: Kind, name: str) -> None:
        """Delete an object, without waiting for its finalizers."""
        answer = self.session.delete(self.path(kind, name), timeout=30)
        assert answer.ok, answer.text

    def events(self, name: str) -> list[tuple[str, str]]:
        """Return reason and message of the Events about an object, the oldest first."""
        place = f"api/v1/namespaces/{self.namespace}/events"
        answer = self.session.get(f"{self.kubernetes.server}/{place}", timeout=30)
        answer.raise_for_status()
        items = sorted(answer.json()["items"], key=lambda item: item["eventTime"] or "")
        return [
            (item["reason"], item["message"])
            for item in items
            if item["involvedObject"]["name"] == name
        ]

    def until(self, condition: Callable[[], bool], *, seconds: float, what: str) -> None:
        """Wait until `condition` holds."""
        deadline = time.monotonic() + seconds
        while not condition():
            self.kubernetes.supervisor.check()
            assert time.monotonic() < deadline, f"{what}: not within {seconds:g} s"
            time.sleep(POLL)

    def until_phase(self, kind: Kind, name: str, *phases: str, seconds: float = 120) -> None:
        """Wait until an object is in one of the phases."""

        def there() -> bool:
            return self.phase(kind, name) in phases

        try:
            self.until(there, seconds=seconds, what=f"{name} is {' or '.join(phases)}")
        except AssertionError as error:
            raise AssertionError(f"{error}; {self._now(kind, name)}") from None

    def _now(self, kind: Kind, name: str) -> str:
        status = self.status(kind, name)
        return f"it is {status.get('phase')}: {status.get('message')}"

    def path(self, kind: Kind, name: str | None = None) -> str:
        """Return the URL of a kind's objects, or of one of them."""
        place = f"apis/{GROUP}/{VERSION}/namespaces/{self.namespace}/{kind.plural}"
        return "/".join(part for part in (self.kubernetes.server, place, name) if part)

    def _secrets(self, name: str = "") -> str:
        place = f"{self.kubernetes.server}/api/v1/namespaces/{self.namespace}/secrets"
        return f"{place}/{name}" if name else place

    def _create(self, body: Mapping[str, Any]) -> requests.Response:
        return self.session.post(self.path(BY_NAME[body["kind"]]), json=body, timeout=30)
