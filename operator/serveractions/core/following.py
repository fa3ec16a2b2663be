"""The life of an accepted action: seen by the poller, judged by its module, written until it is
over.
"""

from datetime import datetime, timedelta

from serveractions.actions import facts, migrations
from serveractions.actions.action import (
    Action,
    Cancelled,
    Decide,
    Failed,
    Look,
    Running,
    Succeeded,
)
from serveractions.actions.registry import action_for
from serveractions.api.resource import Resource
from serveractions.api.spec import ServerBackupSpec
from serveractions.api.status import Phase, Reason, Status
from serveractions.core import orders, timing, transitions
from serveractions.core.inbox import Entry
from serveractions.core.ports import Clock, Poller, Subject
from serveractions.core.recorder import Recorder
from serveractions.core.steering import Steering

YOUNG = timedelta(seconds=20)
"""For so long after it was accepted even a live migration is looked at often: most that fail do so
at once."""
UNSEEN = "CloudNotSeen"
"""The reason of the Event on an action whose cloud cannot be looked at. It is no reason of the
object: the action goes on in Nova, whether it is seen or not."""
_UNSEEN = "; at present it cannot be looked at: "
NEARLY = 90
"""From this percentage on an action may end any moment."""


class Following:
    """Takes a Running or AwaitingDecision object one step further."""

    def __init__(
        self,
        *,
        recorder: Recorder,
        steering: Steering,
        poller: Poller,
        clock: Clock,
        progress_interval: float,
    ) -> None:
        self._recorder = recorder
        self._steering = steering
        self._poller = poller
        self._clock = clock
        self._progress_interval = progress_interval

    async def step(self, entry: Entry) -> float | None:
        """Judge the newest look at Nova; return when to look again without one, for the deadline's
        sake.
        """
        resource, seen = entry.resource, entry.observation
        now = self._clock.now()
        action = action_for(resource.kind.name)
        status = _latched(entry, now)
        self._poller.follow(_subject(resource, status, action, now))
        if seen is None and status.awaiting_since is not None:
            return None  # before the first look nothing says that the wait for a decision is over
        if seen is not None:
            status = facts.update(status, seen, migration=migrations.ours(status, seen))
        verdict = (
            action.judge(resource.spec, status, seen) if seen else Running(_waiting_text(status))
        )
        match verdict:
            case Succeeded(message):
                done = facts.completed(status)
                await self._finish(entry, done, Phase.SUCCEEDED, Reason.SUCCEEDED, message)
            case Failed(reason, message):
                await self._finish(entry, status, Phase.FAILED, reason, message)
            case Cancelled(message):
                await self._finish(entry, status, Phase.CANCELLED, Reason.CANCELLED, message)
            case Running() | Decide():
                return await self._go_on(entry, status, verdict, now)
        return None

    async def _go_on(
        self, entry: Entry, status: Status, verdict: Running | Decide, now: datetime
    ) -> float | None:
        resource = entry.resource
        overdue = timing.overdue(resource, status, now)
        if overdue is timing.Overdue.END:
            if entry.observation is None:
                return None  # it may have ended well while no process looked: a look comes first
            message = f"the deadline has passed; Nova was last seen like this: {verdict.message}"
            await self._finish(entry, status, Phase.FAILED, Reason.DEADLINE_EXCEEDED, message)
            return None
        if overdue is timing.Overdue.BEGIN:
            status = status.model_copy(update={"deadline_time": now})
        order = orders.due(resource.spec, status, verdict)
        if order is None and isinstance(verdict, Decide):
            await self._await_decision(entry, status, verdict, now)
            return None
        status = timing.resume_clock(status, now)
        if order is None:
            held = await self._show(entry, status, _with_sight(entry, verdict.message), now)
            if held and entry.memory.unseen:  # no look will come that brings it up again
                due = timing.seconds_until(timing.deadline(resource, status), now)
                return held if due is None else min(held, due)
        else:
            steered = await self._steering.carry_out(resource, status, order)
            match steered:
                case Failed(reason, message):
                    await self._finish(entry, status, Phase.FAILED, reason, message)
                    return None
                case Resource():
                    return 0.0  # a follow-up was sent and written: judge again from there
                case Running(message):
                    await self._show(entry, status, f"{verdict.message}; {message}", now)
        return timing.seconds_until(timing.deadline(resource, status), now)

    async def _await_decision(
        self, entry: Entry, status: Status, verdict: Decide, now: datetime
    ) -> None:
        status = status.model_copy(update={"awaiting_since": status.awaiting_since or now})
        status = transitions.move(
            entry.resource,
            status,
            phase=Phase.AWAITING_DECISION,
            reason=Reason.AWAITING_DECISION,
            message=f"{verdict.message}; set spec.decision to Confirm or Revert",
            now=now,
        )
        await self._recorder.write(entry.resource, status)

    async def _show(self, entry: Entry, status: Status, message: str, now: datetime) -> float:
        """Write a running status: at once where a person asked for something, else at intervals;
        return in how many seconds it may be written, 0 where it is.
        """
        resource = entry.resource
        status = transitions.move(
            resource,
            status,
            phase=Phase.RUNNING,
            reason=Reason.PROGRESSING,
            message=message + _beside_text(status),
            now=now,
        )
        since = self._clock.boottime() - entry.memory.written
        if not _steered(resource.status, status) and since < self._progress_interval:
            return self._progress_interval - since
        stored = await self._recorder.write(resource, status)
        if _UNSEEN in message and _UNSEEN not in (resource.status.message or ""):
            self._recorder.warn(stored, UNSEEN, message)
        entry.memory.written = self._clock.boottime()
        return 0.0

    async def _finish(
        self, entry: Entry, status: Status, phase: Phase, reason: Reason, message: str
    ) -> None:
        now = self._clock.now()
        status = transitions.move(
            entry.resource,
            timing.resume_clock(status, now),
            phase=phase,
            reason=reason,
            message=message + _beside_text(status),
            now=now,
        )
        await self._recorder.write(entry.resource, status)


def _ending(status: Status) -> bool:
    percent = status.progress.percent if status.progress else None
    return percent is not None and percent >= NEARLY


def _latched(entry: Entry, now: datetime) -> Status:
    """Return the status with what was asked taken up for good: a later change of the spec does not
    undo it.
    """
    resource, status = entry.resource, entry.resource.status
    changes: dict[str, object] = {}
    if resource.spec.cancel and status.cancel_requested_time is None:
        changes["cancel_requested_time"] = now
    fresh = tuple(other for other in entry.memory.beside if other not in status.beside)
    if fresh:
        changes["beside"] = (*status.beside, *fresh)
    return status.model_copy(update=changes) if changes else status


def _steered(old: Status, new: Status) -> bool:
    """Whether a person or a neighbour changed something, or the phase moved: what is written
    without delay.
    """
    return (
        old.phase,
        old.observed_generation,
        old.cancel_requested_time,
        old.deadline_time,
        old.beside,
    ) != (
        new.phase,
        new.observed_generation,
        new.cancel_requested_time,
        new.deadline_time,
        new.beside,
    )


def _beside_text(status: Status) -> str:
    return f" (on the same server: {', '.join(status.beside)})" if status.beside else ""


def _with_sight(entry: Entry, message: str) -> str:
    """Return a message with why Nova cannot be looked at, where that is so."""
    known, _, _ = message.partition(_UNSEEN)  # before the first look it is what was written last
    return f"{known}{_UNSEEN}{entry.memory.unseen}" if entry.memory.unseen else known


def _waiting_text(status: Status) -> str:
    return status.message or "accepted by Nova"


def _subject(resource: Resource, status: Status, action: Action, now: datetime) -> Subject:
    spec = resource.spec
    long = Look.PROGRESS in action.looks
    young = status.issued_time is not None and now - status.issued_time < YOUNG
    return Subject(
        key=resource.key,
        namespace=resource.namespace,
        credentials=spec.cloud_credentials_ref,
        server_id=status.server.id if status.server else "",
        request_id=status.request_id,
        image_id=status.image.id if status.image else None,
        backup_type=spec.backup_type if isinstance(spec, ServerBackupSpec) else None,
        looks=action.looks,
        endpoint=status.intent.endpoint if status.intent else None,
        project_id=status.intent.project_id if status.intent else None,
        sent=status.intent.nova_time if status.intent else None,
        urgent=status.phase is not Phase.AWAITING_DECISION
        and (young or not long or _ending(status)),
    )
