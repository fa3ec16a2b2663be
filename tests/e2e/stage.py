"""Where one case runs: its namespace, its servers, its variables."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import requests

from e2e.case import SECRET, Case
from e2e.world import World
from serveractions.api.kinds import BY_NAME, GROUP, VERSION

POLL = 0.2
NOVA_POLL = 0.7
"""A look at Nova takes its only core for 30 ms, and each step needs several."""
WITHIN = 120.0


class FinalMismatchError(AssertionError):
    """What was expected cannot come any more."""


@dataclass
class Stage:
    """One case's own part of the world."""

    case: Case
    world: World
    session: requests.Session
    variables: dict[str, str] = field(default_factory=dict)
    servers: dict[str, str] = field(default_factory=dict)
    """Handle and id."""
    earlier_actions: dict[str, set[str]] = field(default_factory=dict)
    """The request ids of a server's instance actions when its servers step was over."""
    hosts_down: set[str] = field(default_factory=set)

    def set_up(self) -> None:
        """Make the namespace, and the Secret unless the case does."""
        plane, namespace = self.world.stack.kubernetes, self.case.namespace
        clouds = self.world.stack.openstack
        self.variables["namespace"] = namespace
        self.variables["cloudsYaml"] = clouds.clouds_yaml.read_text()
        self.variables["authUrl"] = clouds.ports.identity_url
        self.variables |= {f"passwords.{user}": text for user, text in clouds.passwords.items()}
        items: list[dict[str, Any]] = [
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
        ]
        if not self.case.brings_secret:
            items.append(
                {
                    "apiVersion": "v1",
                    "kind": "Secret",
                    "metadata": {"name": SECRET, "namespace": namespace},
                    "stringData": {"clouds.yaml": self.variables["cloudsYaml"]},
                }
            )
        manifest = {"apiVersion": "v1", "kind": "List", "items": items}
        plane.kubectl("create", "-f", "-", stdin=json.dumps(manifest))

    def tear_down(self) -> None:
        """Take back what others would feel; the rest goes with the stack."""
        for host in self.hosts_down:
            self.world.stack.openstack.control.host_up(host)
        if self.servers:
            self.world.stack.openstack.control.reset(list(self.servers.values()))
        if self.case.alone:
            self.world.restore_operator()
        for kind in self.case.kinds:  # what is not finished would be looked at for ever
            self.session.delete(
                self.world.stack.kubernetes.server + self.path(kind), timeout=30
            ).raise_for_status()
        self.session.close()

    def server(self, handle: str) -> str:
        """Return a server's id."""
        return self.servers[handle]

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """Run kubectl in the case's namespace."""
        return self.world.stack.kubernetes.kubectl(
            "-n", self.case.namespace, *arguments, stdin=stdin
        )

    def get(self, kind: str, name: str) -> dict[str, Any] | None:
        """Read an object, None when there is none."""
        answer = self.read(f"{self.path(kind)}/{name}")
        if answer.status_code == requests.codes.not_found:
            return None
        answer.raise_for_status()
        body: dict[str, Any] = answer.json()
        return body

    def path(self, kind: str) -> str:
        """Return the path of a kind's objects in the case's namespace."""
        namespace = f"namespaces/{self.case.namespace}"
        if kind in BY_NAME:
            return f"/apis/{GROUP}/{VERSION}/{namespace}/{BY_NAME[kind].plural}"
        return f"/api/v1/{namespace}/{kind.lower()}s"

    def read(self, path: str) -> requests.Response:
        """GET a path of the Kubernetes API."""
        return self.session.get(self.world.stack.kubernetes.server + path, timeout=30)

    def nova(self, path: str, *, cloud: str = "admin", missing: bool = False) -> dict[str, Any]:
        """GET a path of Nova's API; empty when `missing` is allowed and it is."""
        answer = self.world.connection(cloud).compute.get(path, microversion="2.90")
        if missing and answer.status_code == requests.codes.not_found:
            return {}
        assert answer.ok, f"GET {path}: {answer.status_code} {answer.text[:300]}"
        body: dict[str, Any] = answer.json()
        return body

    def actions(self, server: str) -> list[dict[str, Any]]:
        """Return a server's instance actions, newest first."""
        found = self.nova(f"/servers/{server}/os-instance-actions")["instanceActions"]
        return list(found)

    def migrations(self, server: str) -> list[dict[str, Any]]:
        """Return a server's migrations, oldest first."""
        found = self.nova(f"/os-migrations?instance_uuid={server}")["migrations"]
        return sorted(found, key=lambda each: (each["created_at"], each["id"]))


def until_none(
    look: Callable[[], list[str]], *, within: float, what: str, every: float = POLL
) -> None:
    """Poll until `look` returns no differences.

    Raises:
        AssertionError: It still returned some in the end; they are in the message.
    """
    deadline = time.monotonic() + within
    while lines := look():
        if time.monotonic() > deadline:
            raise AssertionError(_told(f"{what} within {within:g} s", lines))
        time.sleep(every)


def while_none(look: Callable[[], list[str]], *, seconds: float, what: str) -> None:
    """Poll for some time and have `look` return no differences all along."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if lines := look():
            raise AssertionError(_told(f"{what} for {seconds:g} s", lines))
        time.sleep(POLL)


def only_keys(document: Mapping[str, Any], *allowed: str) -> None:
    """Refuse what the format does not know: a misspelt expectation would expect nothing."""
    unknown = document.keys() - set(allowed)
    assert not unknown, f"not known in this step: {', '.join(sorted(unknown))}"


def _told(what: str, lines: list[str]) -> str:
    return "\n  ".join([f"not {what}:", *lines])
