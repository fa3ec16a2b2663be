"""Puts the operator's engine together over a journal, and runs it until its objects are finished.

A signal begins the same way out as in the operator: a request that has begun is brought to its end
and recorded, nothing new is sent.
"""

import asyncio
import contextlib
import signal
from collections.abc import Iterator, Sequence

from serveractions.api.resource import Key, Resource
from serveractions.clock import SystemClock
from serveractions.cloud.connections import Connections, quiet_loggers
from serveractions.cloud.poller import SharedPoller
from serveractions.config import Config
from serveractions.core.engine import Engine, Ports, Timing
from serveractions.core.inbox import Inbox
from serveractions.shell.credentials import PersonsClouds, PersonsSecrets
from serveractions.shell.leases import JournalLease
from serveractions.shell.objects import JournalObjects
from serveractions.shell.outcome import needs_a_person
from serveractions.shell.view import View

WORKERS = 16
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Unposted:
    """The port `Events` where nobody keeps any: the view tells what happens."""

    def post(self, resource: Resource, *, kind: str, reason: str, message: str) -> None:
        """Post nothing."""


class Run:
    """One run.

    Attributes:
        signalled: The signal that interrupted it, None where none did.
    """

    def __init__(
        self,
        *,
        objects: JournalObjects,
        secrets: PersonsSecrets,
        lease: JournalLease,
        config: Config,
        view: View,
    ) -> None:
        self._objects = objects
        self._secrets = secrets
        self._lease = lease
        self._config = config
        self._view = view
        self._stop = asyncio.Event()
        self.signalled: int | None = None

    async def until_finished(self, keys: Sequence[Key], seconds: float | None) -> None:
        """Run the engine until none of the objects can go on, a signal, or the time has passed."""
        config = self._config
        quiet_loggers()
        inbox = Inbox()
        connections = Connections(config=config, secrets=self._secrets)
        clouds = PersonsClouds(connections)
        poller = SharedPoller(
            open_cloud=clouds.open, deliver=inbox.observed, unseen=inbox.unseen, config=config
        )
        engine = Engine(
            inbox=inbox,
            ports=Ports(
                objects=self._objects,
                events=Unposted(),
                leases=self._lease,
                clouds=clouds,
                poller=poller,
                clock=SystemClock(),
            ),
            timing=Timing.of(config),
            workers=WORKERS,
        )

        def changed(resource: Resource) -> None:
            if resource.status.phase.finished:
                engine.left(resource.key)
            else:
                engine.seen(resource)
            self._view.show(resource)
            if not self._going_on(keys):
                self._stop.set()

        self._objects.changed.append(changed)
        with self._hearing_signals():
            looking = asyncio.create_task(poller.run())
            looking.add_done_callback(lambda _task: self._stop.set())
            engine.start()
            try:
                await engine.learn()
                for key in keys:
                    self._view.show(self._objects.get(key))
                if self._going_on(keys):
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._stop.wait(), seconds)
                await engine.stop(config.shutdown_grace)
            finally:
                looking.cancel()
                await poller.close()
                await connections.close()
                self._objects.changed.remove(changed)
            with contextlib.suppress(asyncio.CancelledError):
                await looking

    def _going_on(self, keys: Sequence[Key]) -> bool:
        """Say whether an object is unfinished and needs nobody."""
        known = [self._objects.get(key) for key in keys]
        return any(
            not each.status.phase.finished and needs_a_person(each) is None for each in known
        )

    @contextlib.contextmanager
    def _hearing_signals(self) -> Iterator[None]:
        """Take signals over, SIGINT too where it was inherited as ignored (`&`, nohup)."""
        loop = asyncio.get_running_loop()

        def heard(number: int) -> None:
            self.signalled = self.signalled or number
            self._stop.set()

        for number in SIGNALS:
            loop.add_signal_handler(number, heard, number)
        try:
            yield
        finally:
            for number in SIGNALS:
                loop.remove_signal_handler(number)
