"""The two clouds that have to be alike, and what a test needs of either beside its API."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import requests
import yaml

from contract.client import Client, until
from fakes.cloud import remote
from fakes.cloud.remote import FakeCloud
from local_stack import stack
from local_stack.control import Control
from local_stack.openstack import NOVA
from local_stack.progress import Silent
from local_stack.servers import ServerFactory
from local_stack.stack import Stack
from local_stack.supervisor import Supervisor

Ask = Callable[[], requests.Response]

CONFIRM_WINDOW = 1
PACE = {"live-migration": "0", "cold-migration": "0", "confirm": "0", "backup": "0"}


class World(Protocol):
    """One cloud."""

    @property
    def control(self) -> Control:
        """Slows its hypervisors down and breaks them."""
        ...

    def clouds(self) -> Mapping[str, Any]:
        """Return the entries of its clouds.yaml."""
        ...

    def boot(
        self, *names: str, host: str | None, only_host: str | None, volume_backed: bool, user: str
    ) -> list[str]:
        """Boot servers and wait until they are ACTIVE."""
        ...

    def restart(self) -> None:
        """End all of Nova without any warning, and start it again."""
        ...

    def confirm_unasked(self) -> None:
        """Have Nova confirm what has waited for `CONFIRM_WINDOW`."""
        ...

    def at_once(self, server: str, ask: Ask, times: int) -> list[requests.Response]:
        """Send an action so often at the same moment that each is checked before one begins."""
        ...

    def errors(self) -> list[str]:
        """Return the lines of its log that tell of errors."""
        ...


@dataclass
class FakeWorld:
    """The fake, as a process."""

    cloud: FakeCloud

    @property
    def control(self) -> Control:
        return self.cloud.driver

    def clouds(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = json.loads(self.cloud.clouds_yaml())["clouds"]
        return found

    def boot(
        self, *names: str, host: str | None, only_host: str | None, volume_backed: bool, user: str
    ) -> list[str]:
        how = {"host": host, "only_host": only_host, "volume_backed": volume_backed, "user": user}
        return self.cloud.boot(*names, **how)

    def restart(self) -> None:
        self.cloud.happen("nova-restarted")

    def confirm_unasked(self) -> None:
        self.cloud.happen("confirm-window", seconds=CONFIRM_WINDOW)

    def at_once(self, server: str, ask: Ask, times: int) -> list[requests.Response]:
        """It does one thing at a time: that another came between has to be ordered."""
        self.cloud.happen("race", server=server, times=times - 1)
        return [ask() for _ in range(times)]

    def errors(self) -> list[str]:
        """It answers every error with all that it knows."""
        return []


@dataclass
class NovaWorld:
    """The real Nova of the local stack."""

    up: Stack
    _factories: dict[str, ServerFactory] = field(default_factory=dict)

    @property
    def control(self) -> Control:
        return self.up.openstack.control

    def clouds(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = yaml.safe_load(self.up.openstack.clouds_yaml.read_text())
        return found["clouds"]  # type: ignore[no-any-return]

    def boot(
        self, *names: str, host: str | None, only_host: str | None, volume_backed: bool, user: str
    ) -> list[str]:
        if user not in self._factories:
            self._factories[user] = ServerFactory(self.up.openstack.clouds_yaml, user)
        factory = self._factories[user]
        if volume_backed:
            return [factory.create_volume_backed(name, host=host) for name in names]
        flavor = f"m1.only-{only_host}" if only_host else "m1.tiny"
        return factory.create_many(names, host=host, flavor=flavor)

    def restart(self) -> None:
        self.up.supervisor.kill("nova")
        self.up.supervisor.start(self.up.openstack.nova())

    def confirm_unasked(self) -> None:
        self.control.confirm_unasked(CONFIRM_WINDOW)

    def at_once(self, server: str, ask: Ask, times: int) -> list[requests.Response]:
        asking = [Asking(ask) for _ in range(times)]
        return [each.answer() for each in asking]

    def errors(self) -> list[str]:
        log = self.up.supervisor.logs / f"{NOVA}.log"
        return [line for line in log.read_text(errors="replace").splitlines() if " ERROR " in line]


@contextmanager
def fake() -> Iterator[World]:
    """Run the fake."""
    with Supervisor(progress=Silent()) as supervisor:
        process = remote.process(supervisor, "contract-cloud", PACE)
        supervisor.start(process)
        yield FakeWorld(remote.of(process))


@contextmanager
def nova() -> Iterator[World]:
    """Run the real Nova."""
    with stack.running(progress=Silent(), with_kubernetes=False) as up:
        yield NovaWorld(up)


@dataclass
class Cloud:
    """A cloud with its users and a fleet of servers."""

    world: World
    _clients: dict[str, Client] = field(default_factory=dict)
    _fleet: dict[str, str] = field(default_factory=dict)
    _earlier: dict[str, set[str]] = field(default_factory=dict)
    """The migrations that each server had before the last action was sent."""

    @property
    def admin(self) -> Client:
        """The administrator."""
        return self.user("admin")

    @property
    def control(self) -> Control:
        """Slows the hypervisors down and breaks them."""
        return self.world.control

    def user(self, name: str) -> Client:
        """Return a user: admin, manager, member, reader, or `other` in another project."""
        if name not in self._clients:
            auth = self.world.clouds()[name]["auth"]
            self._clients[name] = Client(
                auth_url=auth["auth_url"],
                name=auth["username"],
                password=auth["password"],
                project=auth["project_name"],
            )
        return self._clients[name]

    def boot(
        self,
        *names: str,
        host: str | None = "host1",
        only_host: str | None = None,
        volume_backed: bool = False,
        user: str = "admin",
    ) -> list[str]:
        """Boot servers that the fleet knows by name."""
        if only_host is not None or user != "admin":
            host = None
        ids = self.world.boot(
            *names, host=host, only_host=only_host, volume_backed=volume_backed, user=user
        )
        self._fleet |= dict(zip(names, ids, strict=True))
        return ids

    @property
    def still(self) -> str:
        """A server on which nothing is ever begun."""
        return self._fleet["still"]

    @cached_property
    def stuck(self) -> str:
        """A server that fits on its own host alone."""
        (server,) = self.boot("stuck", only_host="host1")
        return server

    def idle(self, name: str) -> str:
        """Return a server of the fleet; whoever had it before has to have left it ACTIVE."""
        server = self._fleet[name]
        seen = self.admin.server(server)
        state = (seen["status"], seen["OS-EXT-STS:task_state"], seen["locked"])
        assert state == ("ACTIVE", None, False), f"{name} was left {state}"
        return server

    def begin(
        self, server: str, body: Mapping[str, Any], *, version: str = "2.68", user: str = "admin"
    ) -> str:
        """Send an action that has to be accepted; return its request id."""
        self._earlier[server] = {each["uuid"] for each in self.admin.migrations(server)}
        answer = self.user(user).act(server, body, version=version)
        assert answer.status_code == requests.codes.accepted, answer.text
        request_id: str = answer.headers["x-compute-request-id"]
        return request_id

    def ended(self, server: str, request_id: str) -> list[tuple[str, str | None]]:
        """Wait until an action has events and all have ended; return them, newest first."""
        seen: list[tuple[str, str | None]] = []

        def there() -> bool:
            seen[:] = self.admin.events(server, request_id)
            return bool(seen) and all(result for _, result in seen)

        until(there, f"the end of all events of {request_id}")
        return seen

    def failed(self, server: str, request_id: str) -> dict[str, Any]:
        """Wait until an action says `Error`; return it."""
        seen: dict[str, Any] = {}

        def there() -> bool:
            seen.update(self.admin.action(server, request_id))
            return str(seen["message"]) == "Error"

        until(there, f"failure of {request_id}")
        return seen

    def settles(self, server: str, *statuses: str) -> dict[str, Any]:
        """Wait until a server has one of the statuses and no task; return it."""
        seen: dict[str, Any] = {}

        def there() -> bool:
            seen.update(self.admin.server(server))
            idle = seen["OS-EXT-STS:task_state"] is None
            return idle and str(seen["status"]) in statuses

        until(there, f"server {server} in {statuses}")
        return seen

    def shows_task(self, server: str, task: str) -> dict[str, Any]:
        """Wait until a server has a task; return it."""
        seen: dict[str, Any] = {}

        def there() -> bool:
            seen.update(self.admin.server(server))
            return str(seen["OS-EXT-STS:task_state"]) == task

        until(there, f"server {server} with task {task}")
        return seen

    def migration(self, server: str, *statuses: str) -> dict[str, Any]:
        """Wait until the migration that was begun last has one of the statuses; return it."""
        seen: list[dict[str, Any]] = []
        earlier = self._earlier.get(server, set())

        def there() -> bool:
            found = self.admin.migrations(server)
            seen[:] = [each for each in found if each["uuid"] not in earlier]
            return bool(seen) and seen[0]["status"] in statuses

        until(there, f"a migration of {server} in {statuses}")
        return seen[0]

    def reset(self, server: str, state: str = "active") -> None:
        """Set a server's state."""
        answer = self.admin.act(server, {"os-resetState": {"state": state}})
        assert answer.status_code == requests.codes.accepted, answer.text

    @contextmanager
    def brought_to(self, server: str, there: str, back: str, status: str) -> Iterator[None]:
        """Bring a server into a status by an action, and back by another."""
        assert self.admin.act(server, {there: None}).ok
        self.settles(server, status)
        yield
        assert self.admin.act(server, {back: None}).ok
        self.settles(server, "ACTIVE")


class Asking:
    """A request in a thread, where the answer is long in coming."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._ended: list[requests.Response | requests.RequestException] = []
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    @property
    def answered(self) -> bool:
        """Whether the answer is there."""
        return bool(self._ended)

    def answer(self) -> requests.Response:
        """Wait for the answer. Raises RequestException where none came."""
        self._thread.join()
        (ended,) = self._ended
        if isinstance(ended, requests.RequestException):
            raise ended
        return ended

    def _run(self) -> None:
        try:
            self._ended.append(self._ask())
        except requests.RequestException as error:
            self._ended.append(error)
