"""The composition root: makes every part, starts them in order and stops them in order.

Crash-only: a part that ends by itself ends the process, and the next one goes on from what is
written in the objects. The way out is long instead. What was sent is recorded before the Leases are
given back, and they are given back before anything else is closed.
"""

import asyncio
import contextlib
import logging
import signal
from collections.abc import AsyncIterator, Coroutine, Mapping
from typing import Any

import kopf

from serveractions import handlers, kopf_settings
from serveractions.api.resource import Key, UnreadableError, parse
from serveractions.clock import SystemClock
from serveractions.cloud.connections import Connections, quiet_loggers
from serveractions.cloud.poller import SharedPoller
from serveractions.config import Config
from serveractions.core.engine import Engine, Ports, Timing
from serveractions.core.errors import ApiUnavailable
from serveractions.core.inbox import Inbox
from serveractions.core.rooms import Limits
from serveractions.handlers import WatchEndedError
from serveractions.health import Health, liveness, readiness
from serveractions.kube import cluster
from serveractions.kube.client import Api
from serveractions.kube.events import KubeEvents
from serveractions.kube.lease import SlotLeases
from serveractions.kube.lease_record import KubeLeases
from serveractions.kube.pulse import WatchPulse
from serveractions.kube.secrets import KubeSecrets
from serveractions.kube.shard import parse_shard
from serveractions.kube.slot import slot_of
from serveractions.kube.status import KubeObjects
from serveractions.metrics import Metrics, Sources

log = logging.getLogger(__name__)

CLUSTER_RETRY = 2.0
"""Seconds between looks at an API server that does not answer yet."""
EVENTS_GRACE = 5.0
"""Seconds that Events still in the queue get at the end."""
BRIEF = 60.0
"""Seconds of watching that are so few that the next failure counts as the same one."""
MOST_BRIEF = 10
"""So many of them in a row end the process."""


class SetBackError(Exception):
    """What this process knows is not what the API server knows: the next one has to begin anew."""


class Watched:
    """Hands what the watches show to the engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def seen(self, body: Mapping[str, Any]) -> None:
        """Take an unfinished object in."""
        if self._engine.knows(_key(body), body["metadata"]["resourceVersion"]):
            return
        try:
            self._engine.seen(parse(body))
        except UnreadableError as error:
            log.error("%s", error)  # noqa: TRY400 - the message is whole; a traceback adds nothing

    def left(self, body: Mapping[str, Any]) -> None:
        """Take in that an object left the view."""
        self._engine.left(_key(body))


def _key(body: Mapping[str, Any]) -> Key:
    metadata = body["metadata"]
    return Key(body["kind"], metadata["namespace"], metadata["name"], metadata["uid"])


class Operator:
    """One operator process.

    Args:
        config: All settings.
        kubeconfig: Its path; None for the pod's own service account.
    """

    def __init__(self, *, config: Config, kubeconfig: str | None) -> None:
        self._config = config
        self._kubeconfig = kubeconfig
        self._stop = asyncio.Event()
        self._set_back = False
        self._streams = False
        self._watching = asyncio.Event()
        self._metrics = Metrics()

    def stop(self) -> None:
        """Begin the way out."""
        self._stop.set()

    def _begin_anew(self) -> None:
        """Begin the way out, for another process to read everything as it is now."""
        self._set_back = True
        self._stop.set()

    async def run(self) -> None:
        """Run until `stop`, SIGTERM or SIGINT.

        Raises:
            UnsuitableClusterError: A person has to do something first.
            SetBackError: etcd was set back; a new process has to take over.
            Exception: Whatever ended one of the parts.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            with contextlib.suppress(ValueError, RuntimeError):  # not in the main thread
                loop.add_signal_handler(number, self._stop.set)
        quiet_loggers()
        api = await Api.connect(self._kubeconfig)
        try:
            await self._wait_for_cluster(api)
            if not self._stop.is_set():
                await self._run(api)
        finally:
            await api.close()
        if self._set_back:
            raise SetBackError(
                "etcd was set back to an earlier state while this process ran: it ends, so that the"
                " next one reads every object as it is now"
            )

    async def _wait_for_cluster(self, api: Api) -> None:
        while not self._stop.is_set():
            try:
                namespaces = self._config.watch_namespaces
                self._streams = await cluster.check(api, namespaces=namespaces)
            except ApiUnavailable as error:
                log.warning("waiting for the Kubernetes API: %s", error)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stop.wait(), CLUSTER_RETRY)
            else:
                return

    async def _run(self, api: Api) -> None:
        config, clock = self._config, SystemClock()
        inbox = Inbox(width=config.workers_per_credentials)
        connections = Connections(
            config=config, secrets=KubeSecrets(api=api), count=self._metrics.count_request
        )
        poller = SharedPoller(
            open_cloud=connections.open,
            deliver=inbox.observed,
            unseen=inbox.unseen,
            config=config,
        )
        leases = SlotLeases(
            store=KubeLeases(api=api, namespace=config.namespace, seconds=config.lease_renew / 2),
            clock=clock,
            on_gain=lambda _slots: engine.learn(),
            on_set_back=self._begin_anew,
            identity=config.identity,
            slots=config.slots,
            duration=config.lease_duration,
            renew=config.lease_renew,
            shard=parse_shard(config.shard, identity=config.identity),
            busy=lambda slot: slot in {slot_of(id_, config.slots) for id_ in engine.acting_on()},
        )
        events = KubeEvents(api=api, clock=clock, instance=leases.identity)
        engine = Engine(
            inbox=inbox,
            ports=Ports(
                objects=KubeObjects(api=api, namespaces=config.watch_namespaces),
                events=events,
                leases=leases,
                clouds=connections,
                poller=poller,
                clock=clock,
                telemetry=self._metrics,
            ),
            timing=Timing.of(config, limits=_limits(config)),
            workers=config.workers,
        )
        pulse = WatchPulse(clock=asyncio.get_running_loop().time)
        logins = handlers.Logins(api.credentials, pulse)
        registry = handlers.build_registry(Watched(engine), logins)
        self._metrics.show(
            Sources(
                unfinished=inbox.unfinished,
                line=lambda: len(engine.line),
                overdue=inbox.queue.overdue,
                watch_silence=pulse.silence,
                poll_age=poller.unseen,
                circuits_open=connections.silent,
                slots=config.slots,
                leases_held=lambda: len(leases.held),
            )
        )
        health = Health(
            live=liveness(inbox=inbox, poller=poller, pulse=pulse, api=api, config=config),
            ready=readiness(watching=self._watching, pulse=pulse, leases=leases, config=config),
            metrics=self._metrics,
        )
        port = await health.start(config.probe_address, config.probe_port)
        log.info("probes and metrics are served on %s:%s", config.probe_address, port)
        engine.start()
        try:
            async with _together(
                self._stop,
                leases.run(),
                events.run(),
                poller.run(),
                engine.sweep(),
                engine.relist(),
                self._metrics.watch_lag(),
                self._watch(api, registry, logins),
            ):
                await self._stop.wait()
                log.info("stopping: what was sent is recorded, nothing new is sent")
                await engine.stop(config.shutdown_grace)
                await leases.release()
                await events.drain(EVENTS_GRACE)
        finally:
            await poller.close()
            await connections.close()
            await health.stop()

    async def _watch(
        self, api: Api, registry: kopf.OperatorRegistry, logins: handlers.Logins
    ) -> None:
        """Watch, and begin anew where kopf cannot go on, so that nothing is lost that only this
        process knows.

        Raises:
            UnsuitableClusterError: That is why: the definitions or the rights are gone.
            WatchEndedError: It happens again and again.
        """
        loop = asyncio.get_running_loop()
        in_a_row = 0
        while not self._stop.is_set():
            settings, begun = kopf.OperatorSettings(), loop.time()
            kopf_settings.configure(settings, self._config, streams=self._streams)
            try:
                await handlers.watch(
                    config=self._config,
                    registry=registry,
                    logins=logins,
                    settings=settings,
                    stop=self._stop,
                    ready=self._watching,
                )
            except WatchEndedError as error:
                in_a_row = in_a_row + 1 if loop.time() - begun < BRIEF else 1
                if in_a_row == MOST_BRIEF:
                    raise
                log.warning("%s; the watches begin anew", error)
                await self._wait_for_cluster(api)


def _limits(config: Config) -> Limits:
    return Limits(
        per_second=config.actions_per_second,
        in_flight=config.actions_in_flight,
        per_source=config.live_migrations_per_source,
        per_destination=config.live_migrations_per_destination,
        processes=parse_shard(config.shard, identity=config.identity).count,
    )


@contextlib.asynccontextmanager
async def _together(stop: asyncio.Event, *parts: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run the parts beside the body; one that fails begins the way out, and its error ends it."""
    tasks = [asyncio.create_task(part) for part in parts]
    for task in tasks:
        task.add_done_callback(lambda _task: stop.set())
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException) and not isinstance(result, asyncio.CancelledError):
            raise result
