"""One operator on the fake cloud, other users of that cloud, and many small plays at once.

What is waited for in these plays is mostly time that the operator takes on purpose, so that they
run side by side, each on a server of its own.
"""

import json
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from assembled import Assembled
from contract.client import Client
from fakes.cloud.remote import FakeCloud
from serveractions.api.kinds import BY_NAME, Kind

LIVE = BY_NAME["ServerLiveMigration"]
COLD = BY_NAME["ServerMigration"]
BACKUP = BY_NAME["ServerBackup"]
RESET = BY_NAME["ServerStateReset"]

SETTINGS = {
    "poll-interval": "1",
    "poll-interval-urgent": "0.7",
    "progress-interval": "1",
    "retry-interval": "0.5",
    "claim-bound": "2",
    "post-deadline": "3",
    "proxy-lifetime": "1",
    "read-timeout": "2",
}
PACE = {"live-migration": "1", "cold-migration": "0.6", "backup": "0.6"}
LONG = 45.0
FOREVER = 86_400.0
FINISHED = ("Succeeded", "Failed", "Cancelled")


@dataclass
class Scene:
    """What a play is played with: the operator, and one cloud."""

    world: Assembled
    cloud: FakeCloud
    secret: str
    """What the Secret is called that leads there."""
    others: ExitStack
    """The clouds that plays have brought up; they stay up while any play goes on."""
    _clients: dict[str, Client] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def elsewhere(self, name: str) -> "Scene":
        """Go to a cloud of one's own, where what happens to all of it disturbs no other play."""
        cloud = self.others.enter_context(self.world.another_cloud(name, PACE))
        return Scene(self.world, cloud, name, self.others)

    def apart(self, name: str) -> "Scene":
        """Go on with a Secret of one's own to the same cloud: its objects are looked at one by one,
        while those of a Secret that many plays use are followed by lists.
        """
        self.world.create_secret(name, {"clouds.yaml": self.cloud.clouds_yaml()})
        return Scene(self.world, self.cloud, name, self.others)

    def user(self, name: str) -> Client:
        """Return another user of the cloud; the operator itself is `admin`."""
        with self._lock:
            if name not in self._clients:
                auth = json.loads(self.cloud.clouds_yaml())["clouds"][name]["auth"]
                self._clients[name] = Client(
                    auth_url=auth["auth_url"],
                    name=auth["username"],
                    password=auth["password"],
                    project=auth["project_name"],
                )
            return self._clients[name]

    def boot(self, name: str) -> str:
        """Boot a server; return its id."""
        (server,) = self.cloud.boot(name)
        return server

    def hold(self, method: str, server: str) -> None:
        """Let a call of the hypervisor take for ever."""
        self.cloud.driver.delay(method, FOREVER, [server])

    def let_go(self, method: str, server: str) -> None:
        """Let it come to its end."""
        self.cloud.driver.delay(method, 0, [server])

    def act(self, user: str, server: str, body: Mapping[str, Any]) -> str:
        """Have somebody send an action that is accepted; return its request id."""
        answer = self.user(user).act(server, body)
        assert answer.ok, f"{body} as {user}: {answer.status_code} {answer.text}"
        request_id: str = answer.headers["x-compute-request-id"]
        return request_id

    def delete(self, server: str) -> None:
        """Have somebody delete a server, and wait until it is gone."""
        manager, path = self.user("manager"), f"/servers/{server}"
        assert manager.ask("DELETE", path).ok
        self.until(lambda: manager.ask("GET", path).status_code == 404, f"the end of {server}")

    def begin(self, kind: Kind, server: str, **spec: Any) -> "Followed":
        """Create an object for a server."""
        body = self.world.body(kind, f"play-{server}", server, secret=self.secret, **spec)
        self.world.create(body)
        return Followed(self, kind, body["metadata"]["name"], server)

    def until(self, condition: Callable[[], bool], what: str, *, seconds: float = LONG) -> None:
        """Wait until `condition` holds."""
        self.world.until(condition, seconds=seconds, what=what)

    def looks(self, family: str, server: str) -> int:
        """Return how often the operator has read something of a server."""
        return len([each for each in self._entries(server) if each["family"] == family])

    def sent(self, server: str, action: str) -> int:
        """Return how often the operator has sent an action, accepted or not."""
        return len(
            [each for each in self._entries(server) if each["action"] == action and each["uid"]]
        )

    def accepted(self, server: str) -> list[tuple[str, str]]:
        """Return what took effect on a server and whose it was: the operator is `admin`."""
        accepted = self.cloud.journal()["accepted"]
        return [(each["action"], each["user"]) for each in accepted if each["server_id"] == server]

    def met(self, fault: int) -> list[dict[str, Any]]:
        """Return the requests that met a fault."""
        return [each for each in self.cloud.requests() if each["fault_id"] == fault]

    def _entries(self, server: str) -> list[dict[str, Any]]:
        return [each for each in self.cloud.requests() if each["server_id"] == server]


@dataclass(frozen=True)
class Followed:
    """An object of a play."""

    scene: Scene
    kind: Kind
    name: str
    server: str

    @property
    def status(self) -> dict[str, Any]:
        """The status now."""
        return self.scene.world.statuses(self.kind).get(self.name, {})

    def reaches(self, *phases: str) -> dict[str, Any]:
        """Wait until the object is in one of the phases; return its status."""
        seen: dict[str, Any] = {}

        def there() -> bool:
            seen.clear()
            seen.update(self.status)
            return seen.get("phase") in phases

        self.scene.until(there, f"{self.kind} {self.name} in {phases}")
        return seen

    def ends(self, phase: str, reason: str) -> dict[str, Any]:
        """Wait for the end, which has to be this one; return the status."""
        seen = self.reaches(*FINISHED)
        (finished,) = [each for each in seen["conditions"] if each["type"] == "Finished"]
        assert (seen["phase"], finished["reason"]) == (phase, reason), seen["message"]
        return seen

    def is_recovering(self) -> bool:
        """Whether Nova's records are being searched for its request."""
        seen = self.status
        reasons = {each["reason"] for each in seen.get("conditions", ())}
        return seen.get("phase") == "Issuing" and "Recovering" in reasons


Play = Callable[[Scene], None]


class Playbill(list[Play]):
    """The plays of a module, in order."""

    def play(self, function: Play) -> Play:
        """Add a play: a function whose name says what it promises."""
        self.append(function)
        return function


class Plays:
    """Plays that were all begun at once."""

    def __init__(self, scene: Scene, plays: Iterable[Play]) -> None:
        chosen = list(plays)
        self._pool = ThreadPoolExecutor(max_workers=len(chosen))
        self._begun = {play: self._pool.submit(play, scene) for play in chosen}

    def see(self, play: Play) -> None:
        """Wait for the end of a play; what went wrong in it is raised here."""
        self._begun[play].result()

    def close(self) -> None:
        """Wait for all of them."""
        self._pool.shutdown()
