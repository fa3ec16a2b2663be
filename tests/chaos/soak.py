"""A long run in which everything goes wrong at once, and the audit of what became of it."""

import asyncio
import contextlib
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from chaos import cloud
from chaos.audit import Breach, Finding, Told, audit, why_unknown
from chaos.cloud import Cloud
from chaos.cluster import Cluster, cluster, holder
from chaos.herd import Herd, Hurts
from chaos.logs import complaints, kept_a_lease
from chaos.nursery import nursery
from chaos.people import People
from chaos.rival import NAME as RIVAL
from chaos.rival import Rival
from chaos.stage import CREDENTIALS, SYSTEM, furnish, install
from chaos.table import table
from chaos.truth import NOTHING, Account, accounts
from chaos.waiting import until
from chaos.weather import Weather
from local_stack.kubernetes import ControlPlane
from serveractions.api.kinds import KINDS

NAMESPACE = "soak"
IDENTITIES = ("red", "green", "blue")
SETTINGS = {
    "slots": "4",
    "lease-duration": "4",
    "lease-renew": "1.2",
    "claim-bound": "2",
    "post-deadline": "2",
    "proxy-lifetime": "2",
    "recovery-deadline": "600",
    "read-timeout": "3",
    "poll-interval": "1",
    "poll-interval-urgent": "0.5",
    "progress-interval": "1",
    "retry-interval": "0.5",
    "relist-interval": "30",
    "sweep-interval": "20",
    "shutdown-grace": "10",
    "probe-port": "0",
    "watch-namespaces": NAMESPACE,
}
PACE = {"live-migration": "3", "cold-migration": "1.5", "confirm": "0.5", "backup": "2"}
LATENCY = {"read-latency": "0.01", "write-latency": "0.02"}
SETTLE_WITHIN = 300.0
"""Seconds from the last hurt until the last object has ended."""
POLL = 1.0


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How much of everything.

    Attributes:
        seed: Of all dice.
        actions, servers: How many.
        hurts, faults: How many there have to be at least.
    """

    seed: int
    actions: int = 1000
    servers: int = 160
    hurts: int = 200
    faults: int = 2000


@dataclass(frozen=True, kw_only=True)
class Soaked:
    """What came of it."""

    plan: Plan
    told: Sequence[Told]
    known: Mapping[str, Account]
    findings: Sequence[Finding]
    evidence: Sequence[Mapping[str, Any]]
    """For each finding all that the cloud and the API server know of its server and its object."""
    disorders: Sequence[str]
    """Of the processes: how they ended, what they left behind, what they logged."""
    hurts: Hurts
    injected: Mapping[str, int]
    events: Mapping[str, int]
    edits: Mapping[str, int]
    rival: Mapping[str, int]
    seconds: float

    @property
    def unknown(self) -> Sequence[Told]:
        """The objects that end without saying what became of them."""
        return [each for each in self.told if each.unknown]


async def soak(kubernetes: ControlPlane, directory: Path, plan: Plan) -> Soaked:
    """Let it all happen, let it all end, and look at what there is."""
    began = time.monotonic()
    async with _world(kubernetes, directory, plan) as world:
        await world.storm()
        disorders = await world.settle()
        return await world.look(disorders, time.monotonic() - began)


@dataclass
class _World:
    """Everybody who takes part."""

    plan: Plan
    cluster: Cluster
    cloud: Cloud
    herd: Herd
    weather: Weather
    people: People
    rival: Rival

    async def storm(self) -> None:
        """Do everything at once until there was enough of it."""
        await self.weather.begin()
        async with _while_it_lasts(
            self.people.watch(),
            self.people.change_their_minds(),
            self.rival.act(),
            self.weather.blow(),
            self.weather.restart_apiserver(),
            *(self.herd.keep(identity) for identity in IDENTITIES),
        ) as failed:
            wishing = asyncio.create_task(self.people.wish(self.plan.actions))
            await asyncio.wait({wishing, failed}, return_when=asyncio.FIRST_COMPLETED)
            await until(lambda: self._enough(failed), every=POLL)
            wishing.cancel()

    async def _enough(self, failed: "asyncio.Future[Any]") -> bool:
        if failed.done():
            return True
        injected = sum((await self.cloud.injected()).values())
        return self.herd.hurts.all >= self.plan.hurts and injected >= self.plan.faults

    async def settle(self) -> Sequence[str]:
        """Let nothing more go wrong until everything has ended; return what is out of order."""
        await self.weather.end()
        await self.rival.tidy()
        await self.herd.leave()
        for identity in IDENTITIES[:2]:
            await self.herd.start(identity)
        with contextlib.suppress(TimeoutError):
            await until(self._over, within=SETTLE_WITHIN, every=POLL)
        await self.herd.leave()
        names = {holder(each) for each in await self.cluster.leases(SYSTEM)}
        kept = [log.stem for log in self.herd.logs if log.stem in names and kept_a_lease(log)]
        return [
            *self.herd.hurts.wrong_exits,
            *(f"{each} has not given its Lease back" for each in kept),
            *(line for log in self.herd.logs for line in complaints(log)),
        ]

    async def _over(self) -> bool:
        await self.people.decide_all()
        return not await self.people.look()

    async def look(self, disorders: Sequence[str], seconds: float) -> Soaked:
        """Hold what the objects say against what the cloud has on record."""
        known = accounts(await self.cloud.ledger())
        told = await self._told()
        findings = [
            finding for each in told for finding in audit(each, known.get(each.uid, NOTHING))
        ]
        return Soaked(
            plan=self.plan,
            told=told,
            known=known,
            findings=findings,
            evidence=[await self._evidence(each) for each in findings],
            disorders=disorders,
            hurts=self.herd.hurts,
            injected=await self.cloud.injected(),
            events=self.weather.events,
            edits=self.people.edits,
            rival=self.rival.accepted,
            seconds=seconds,
        )

    async def _evidence(self, finding: Finding) -> Mapping[str, Any]:
        kind, name = finding.name.split()
        objects = await self.cluster.objects(NAMESPACE, kind)
        body = next(each for each in objects if each["metadata"]["name"] == name)
        ledger = await self.cloud.ledger(body["spec"]["serverRef"]["id"])
        return {"finding": str(finding), "object": body, "ledger": ledger}

    async def _told(self) -> list[Told]:
        """Return every object that was ever asked for, those that are gone included."""
        lists = [await self.cluster.objects(NAMESPACE, kind.name) for kind in KINDS]
        bodies = {body["metadata"]["uid"]: body for found in lists for body in found}
        return [
            Told(
                name=f"{wish.kind} {wish.name}",
                kind=wish.kind,
                uid=wish.uid,
                status=bodies.get(wish.uid, {}).get("status", {}),
                undoing=wish.uid in self.people.undoing,
                deleted=wish.uid in self.people.deleted,
            )
            for wish in self.people.wishes
        ]


@contextlib.asynccontextmanager
async def _while_it_lasts(
    *activities: Coroutine[Any, Any, None],
) -> AsyncIterator["asyncio.Future[Any]"]:
    """Let the activities go on beside the body, which is given what ends when one of them fails."""
    together = asyncio.gather(*activities)
    try:
        yield together
    finally:
        if not together.done():
            together.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await together


@contextlib.asynccontextmanager
async def _world(kubernetes: ControlPlane, directory: Path, plan: Plan) -> AsyncIterator[_World]:
    kubeconfig = install(kubernetes, directory)
    async with (
        cluster(kubernetes) as administrator,
        aiohttp.ClientSession() as session,
        nursery(directory / "zygote.log") as operators,
    ):
        with cloud.running(
            kubernetes.supervisor, session, name="soak-cloud", pace={**PACE, **LATENCY}
        ) as place:
            clouds = await place.clouds_yaml()
            servers = await place.boot(*(f"server-{number:03}" for number in range(plan.servers)))
            await furnish(administrator, NAMESPACE, clouds=clouds)
            herd = Herd(
                operators,
                settings={**SETTINGS, "kubeconfig": str(kubeconfig)},
                directory=directory,
                seed=f"{plan.seed} herd",
            )
            try:
                yield _World(
                    plan=plan,
                    cluster=administrator,
                    cloud=place,
                    herd=herd,
                    weather=Weather(place, kubernetes, servers, f"{plan.seed} weather"),
                    people=People(administrator, NAMESPACE, servers, f"{plan.seed}", CREDENTIALS),
                    rival=Rival(
                        session, json.loads(clouds)["clouds"][RIVAL], servers, f"{plan.seed} rival"
                    ),
                )
            finally:
                await herd.kill()


def report(soaked: Soaked) -> str:
    """Return the tables for people."""
    breaches = Counter(finding.breach for finding in soaked.findings)
    ambiguous = sum(each.ambiguous for known in soaked.known.values() for each in known.sent)
    ends = Counter(f"{each.phase} ({each.reason})" for each in soaked.told if not each.deleted)
    figures = {
        "seed": soaked.plan.seed,
        "duration in seconds": round(soaked.seconds),
        "actions": len(soaked.told),
        "  accepted by Nova": sum(known.outcome is not None for known in soaked.known.values()),
        "writes that reached Nova": sum(len(known.sent) for known in soaked.known.values()),
        "  ambiguous ones": ambiguous,
        "processes hurt": soaked.hurts.all,
        **{f"  by {name}": count for name, count in sorted(soaked.hurts.by_signal.items())},
        "  at a call of a port": soaked.hurts.at_a_call.total(),
        "faults injected": sum(soaked.injected.values()),
        **{f"  {name}": count for name, count in sorted(soaked.injected.items())},
        **dict(sorted(soaked.events.items())),
        "edits by people": sum(soaked.edits.values()),
        **{f"  {name}": count for name, count in sorted(soaked.edits.items())},
        "writes of another user": sum(soaked.rival.values()),
        "ends": sum(ends.values()),
        **{f"  {name}": count for name, count in sorted(ends.items())},
        "unknown outcomes": len(soaked.unknown),
        **{f"  {why}": count for why, count in sorted(_whys(soaked).items())},
        **{f"BREACH {breach}": breaches[breach] for breach in Breach},
        "DISORDER of processes": len(soaked.disorders),
    }
    return table(("", "count"), [(name, str(count)) for name, count in figures.items()])


def _whys(soaked: Soaked) -> Counter[str]:
    return Counter(f"{each.kind}: {why_unknown(each)}" for each in soaked.unknown)
