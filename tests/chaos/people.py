"""Those who use the operator: they ask for actions, change their minds, delete what they made."""

import asyncio
import itertools
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from chaos.cluster import Cluster, Json, RefusedError
from chaos.lives import PASSWORD_SECRET, asks_to_undo
from chaos.waiting import until
from serveractions.api.kinds import KINDS

GONE = 404
MOST_UNFINISHED = 100
"""People wait with new wishes while so many are open."""
LOOK = 1.0
"""Seconds between two looks at what is open."""
PAUSE = (0.1, 0.6)
EDIT_PAUSE = (0.2, 1.5)
UNFINISHED = "status.phase!=Succeeded,status.phase!=Failed,status.phase!=Cancelled"
DECISIONS = ("Confirm", "Confirm", "Revert")

Spec = Callable[[random.Random], Json]


def _migration(dice: random.Random) -> Json:
    manual: Json = {"confirmation": "Manual"}
    return dice.choice([{}, {}, manual, manual | {"decision": dice.choice(DECISIONS)}])


def _live_migration(dice: random.Random) -> Json:
    late: Json = {"activeDeadlineSeconds": 1}
    acts = [late | {"onDeadline": "Abort"}, late | {"onDeadline": "ForceComplete"}]
    return dice.choice([{}, {}, {"blockMigration": "Always"}, *acts])


def _password(_dice: random.Random) -> Json:
    return {"passwordSecretRef": {"name": PASSWORD_SECRET, "key": PASSWORD_SECRET}}


WISHES: dict[str, tuple[int, Spec]] = {
    "ServerBackup": (
        15,
        lambda dice: {"backupType": dice.choice(("daily", "weekly")), "rotation": 2},
    ),
    "ServerMigration": (25, _migration),
    "ServerLiveMigration": (25, _live_migration),
    "ServerStateReset": (12, lambda _dice: {"state": "Active"}),
    "ServerPasswordChange": (10, _password),
    "ServerNetworkReset": (4, lambda _dice: {}),
    "ServerNetworkInjection": (9, lambda _dice: {}),
}
"""How often each kind is asked for, and what is written into it."""


@dataclass(frozen=True)
class Wish:
    """An object that somebody made."""

    kind: str
    name: str
    uid: str


@dataclass
class People:
    """Everybody who may make objects in one namespace.

    Attributes:
        cluster: The API server.
        namespace: Where they may.
        servers: What they have.
        seed: Of the dice.
        credentials: The part of each spec that names the Secret.
        wishes: All that was asked for.
        undoing: The uids of those that somebody asked to be stopped or taken back.
        deleted: The uids of those that were deleted since.
        edits: What was done to them.
    """

    cluster: Cluster
    namespace: str
    servers: list[str]
    seed: str
    credentials: Json
    wishes: list[Wish] = field(default_factory=list)
    undoing: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)
    edits: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._wishing = random.Random(f"{self.seed} wishing")  # noqa: S311 - dice, no secret
        self._editing = random.Random(f"{self.seed} editing")  # noqa: S311
        self._open: list[Json] = []

    async def wish(self, count: int) -> None:
        """Ask for so many actions, one after the other."""
        kinds, weights = list(WISHES), [weight for weight, _ in WISHES.values()]
        for number in range(count):
            await until(self._not_too_much, every=LOOK)
            (kind,) = self._wishing.choices(kinds, weights)
            await self._ask(kind, f"wish-{number}")
            await asyncio.sleep(self._wishing.uniform(*PAUSE))

    async def watch(self) -> None:
        """Look what is open, for ever."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK)

    async def look(self) -> list[Json]:
        """Return what is open now."""
        lists = await asyncio.gather(
            *(self.cluster.objects(self.namespace, kind.name, UNFINISHED) for kind in KINDS)
        )
        self._open = list(itertools.chain(*lists))
        return self._open

    async def change_their_minds(self) -> None:
        """Edit and delete what is open, for ever."""
        dice = self._editing
        while True:
            await asyncio.sleep(dice.uniform(*EDIT_PAUSE))
            if not self._open:
                continue
            body = dice.choice(self._open)
            edit, weight = self._edit(body), dice.random()
            if edit:
                await self._change(body, edit)
            elif weight < 0.03:
                await self._delete(body)

    async def decide_all(self) -> None:
        """Give everything that waits for a person what it waits for."""
        for body in await self.look():
            if body["spec"].get("suspend"):
                await self._change(body, {"suspend": False})
            elif body["status"]["phase"] == "AwaitingDecision":
                await self._change(body, {"decision": self._editing.choice(DECISIONS)})

    def _edit(self, body: Json) -> Json:
        """Return what somebody would change now, empty for nothing."""
        dice, spec, phase = self._editing, body["spec"], body["status"]["phase"]
        if phase == "AwaitingDecision":
            return {"decision": dice.choice(DECISIONS)}
        if spec.get("suspend"):
            return {"suspend": False}
        chance = dice.random()
        if chance < 0.10:
            return {"cancel": True}
        if chance < 0.20 and phase == "Pending":
            return {"suspend": True}
        if chance < 0.25:
            return {"ttlSecondsAfterFinished": 3600}
        return {}

    async def _not_too_much(self) -> bool:
        return len(self._open) <= MOST_UNFINISHED

    async def _ask(self, kind: str, name: str) -> None:
        _, made = WISHES[kind]
        server = self._wishing.choice(self.servers)
        spec = {**self.credentials, "serverRef": {"id": server}, **made(self._wishing)}
        body = await self.cluster.create(self.namespace, kind, name, spec)
        self.wishes.append(Wish(kind, name, body["metadata"]["uid"]))
        self._note(body["metadata"]["uid"], spec)

    def _note(self, uid: str, spec: Json) -> None:
        if asks_to_undo(spec):
            self.undoing.add(uid)

    async def _change(self, body: Json, spec: Json) -> None:
        self._note(body["metadata"]["uid"], spec)
        try:
            await self.cluster.edit(self.namespace, body["kind"], body["metadata"]["name"], spec)
        except RefusedError as refused:
            if refused.status != GONE:
                raise
            return
        (what,) = spec
        self.edits[what] += 1

    async def _delete(self, body: Json) -> None:
        self.deleted.add(body["metadata"]["uid"])
        self.edits["deleted"] += 1
        try:
            await self.cluster.delete(self.namespace, body["kind"], body["metadata"]["name"])
        except RefusedError as refused:
            if refused.status != GONE:
                raise
