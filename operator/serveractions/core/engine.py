"""Puts the parts of the core together: what the operator, the tests and any other shell run.

Everything that touches the world comes in as a port; the engine itself has no more than tables in
memory and tasks.
"""

import asyncio
import logging
from dataclasses import dataclass, field
from typing import Self

from serveractions.api.resource import Key, Resource
from serveractions.config import Config
from serveractions.core.attempt import Attempt
from serveractions.core.errors import ApiUnavailable
from serveractions.core.evidence import Evidence
from serveractions.core.following import Following
from serveractions.core.inbox import Inbox
from serveractions.core.issue import Bounds, Issuer
from serveractions.core.ledger import Ledger
from serveractions.core.lifecycle import Lifecycle
from serveractions.core.line import Line
from serveractions.core.order import ServerOrder, place_of
from serveractions.core.ports import (
    Clock,
    Clouds,
    Events,
    Leases,
    Objects,
    Poller,
    Telemetry,
    Uncounted,
)
from serveractions.core.precedents import Precedents
from serveractions.core.prepare import Preparation
from serveractions.core.recorder import Recorder
from serveractions.core.recover import Recovery
from serveractions.core.rooms import NO_LIMITS, Limits
from serveractions.core.steering import Steering
from serveractions.core.sweep import Sweep
from serveractions.core.waiting import Waiting
from serveractions.core.workers import Workers

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """The world, as the engine sees it."""

    objects: Objects
    events: Events
    leases: Leases
    clouds: Clouds
    poller: Poller
    clock: Clock
    telemetry: Telemetry = field(default_factory=Uncounted)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """The engine's own settings, times in seconds; `config.Config` says what each means."""

    bounds: Bounds
    retry_interval: float
    progress_interval: float
    sweep_interval: float
    relist_interval: float
    argocd_instance_label: bool = False
    delete_finished: bool = True
    limits: Limits = NO_LIMITS

    @classmethod
    def of(cls, config: Config, *, limits: Limits = NO_LIMITS) -> Self:
        """Take over what is configured; the limits depend on how many processes there are, too."""
        return cls(
            bounds=Bounds(
                claim_bound=config.claim_bound,
                post_deadline=config.post_deadline,
                proxy_lifetime=config.proxy_lifetime,
                recovery_deadline=config.recovery_deadline,
                reissue_unproven=config.reissue_unproven,
            ),
            retry_interval=config.retry_interval,
            progress_interval=config.progress_interval,
            sweep_interval=config.sweep_interval,
            relist_interval=config.relist_interval,
            argocd_instance_label=config.argocd_instance_label,
            delete_finished=config.delete_finished,
            limits=limits,
        )


class Engine:
    """The assembled core.

    Args:
        inbox: Made by the caller, because the poller delivers into it.
        ports: The world.
        timing: How long things may take.
        workers: How many objects are worked on at the same time.
    """

    def __init__(self, *, inbox: Inbox, ports: Ports, timing: Timing, workers: int) -> None:
        self.inbox = inbox
        self.order = ServerOrder()
        self._ports = ports
        self._timing = timing
        clock, bounds = ports.clock, timing.bounds
        ledger = Ledger()
        self.line = Line(timing.limits, wake=lambda key: inbox.queue.add(key, news=True))
        self.recorder = Recorder(
            objects=ports.objects,
            inbox=inbox,
            order=self.order,
            events=ports.events,
            ledger=ledger,
            line=self.line,
            telemetry=ports.telemetry,
        )
        issuer = Issuer(leases=ports.leases, clock=clock, bounds=bounds)
        evidence = Evidence(clouds=ports.clouds, objects=ports.objects, ledger=ledger)
        recovery = Recovery(
            evidence=evidence,
            clouds=ports.clouds,
            recorder=self.recorder,
            telemetry=ports.telemetry,
            clock=clock,
            bounds=bounds,
            retry_interval=timing.retry_interval,
        )
        self._waiting = Waiting(
            preparation=Preparation(
                clouds=ports.clouds, objects=ports.objects, identity=ports.leases.identity
            ),
            precedents=Precedents(
                evidence=evidence, ledger=ledger, leases=ports.leases, bounds=bounds
            ),
            attempt=Attempt(recorder=self.recorder, issuer=issuer, recovery=recovery, clock=clock),
            recovery=recovery,
            recorder=self.recorder,
            order=self.order,
            line=self.line,
            leases=ports.leases,
            clock=clock,
            retry_interval=timing.retry_interval,
            progress_interval=timing.progress_interval,
        )
        self._steering = Steering(
            clouds=ports.clouds,
            recorder=self.recorder,
            issuer=issuer,
            leases=ports.leases,
            clock=clock,
            bounds=bounds,
            identity=ports.leases.identity,
        )
        following = Following(
            recorder=self.recorder,
            steering=self._steering,
            poller=ports.poller,
            clock=clock,
            progress_interval=timing.progress_interval,
        )
        self.lifecycle = Lifecycle(
            inbox=inbox,
            order=self.order,
            recorder=self.recorder,
            waiting=self._waiting,
            following=following,
            recovery=recovery,
            poller=ports.poller,
            leases=ports.leases,
            events=ports.events,
            ledger=ledger,
            line=self.line,
            clock=clock,
            bounds=bounds,
        )
        self.workers = Workers(inbox=inbox, lifecycle=self.lifecycle, count=workers)
        self._sweep = Sweep(
            objects=ports.objects,
            clock=clock,
            argocd_instance_label=timing.argocd_instance_label,
            delete_finished=timing.delete_finished,
        )

    def knows(self, key: Key, resource_version: str) -> bool:
        """Say whether this version of an object, or a newer one, is known: most of what a watch
        shows are our own writes.
        """
        entry = self.inbox.get(key)
        return entry is not None and int(entry.resource.resource_version) >= int(resource_version)

    def seen(self, resource: Resource) -> None:
        """Take in an object that the watch shows."""
        self.lifecycle.take_in(resource)

    def left(self, key: Key) -> None:
        """Take in that an object left the view of unfinished ones."""
        self.inbox.left(key)

    async def learn(self) -> None:
        """List all unfinished objects, before anything is decided for the servers just gained.

        Raises:
            ApiUnavailable: They could not be listed; nothing may be decided yet.
        """
        # The oldest first: that is the order in which they get a place where there are limits.
        for resource in sorted(await self._ports.objects.unfinished(), key=place_of):
            self.seen(resource)
        self.inbox.look_at_all()

    async def relist(self) -> None:
        """Compare what is known with a fresh list now and then, for ever.

        A watch that was away never tells what was deleted meanwhile, and an object that nothing is
        written to would be followed for ever.
        """
        while True:
            await asyncio.sleep(self._timing.relist_interval)
            try:
                listed = await self._ports.objects.unfinished()
            except ApiUnavailable as error:
                log.warning("the unfinished objects could not be listed: %s", error)
                continue
            for resource in listed:
                self.seen(resource)
            self.inbox.check_against({resource.key for resource in listed})

    async def sweep(self) -> None:
        """Visit the finished objects now and then, for ever."""
        while True:
            await asyncio.sleep(self._timing.sweep_interval)
            await self._sweep.run_once()

    def acting_on(self) -> frozenset[str]:
        """Return the servers of whose objects a step is under way: between a claim and its record,
        perhaps.
        """
        entries = (self.inbox.get(key) for key in self.inbox.queue.at_work)
        known = (
            entry.resource.status.server or entry.resource.spec.server_ref
            for entry in entries
            if entry is not None
        )
        held = map(self.order.server_of, self.inbox.queue.at_work)
        return frozenset(filter(None, (*(each.id for each in known), *held)))

    def start(self) -> None:
        """Begin to work."""
        self.workers.start()

    async def stop(self, grace: float) -> None:
        """Send nothing new, let what was sent be recorded, and stop.

        Args:
            grace: The longest that this may take, in seconds.
        """
        self._waiting.stopping = True
        self._steering.stopping = True
        await self.workers.drain(grace)
