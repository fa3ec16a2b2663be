"""The core in a world whose cloud is out of its mind, for a while or for good.

Virtual time, the real engine, the real poller. No answer may bring a worker down, and once the
cloud stands still the object comes to its end, whatever was said before.
"""

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st

from fakes.faults import Faults
from fakes.ports import FakeEvents, FakeLeases, FakeObjects
from fakes.virtual_time import VirtualLoop
from fakes.world import PROGRESS, RETRY, World
from integration.hostile import generated, observed
from integration.hostile.hostile_cloud import HostileClouds, Script
from serveractions.api.conditions import TRUTH
from serveractions.api.resource import Key
from serveractions.api.status import Phase, Reason, Status
from serveractions.cloud.poller import SharedPoller
from serveractions.config import Config
from serveractions.core.engine import Engine, Ports, Timing
from serveractions.core.errors import (
    Ambiguous,
    CloudUnavailable,
    Forbidden,
    InvalidCredentials,
    NeverSent,
    NotFound,
    SecretMissing,
    UnsupportedCloud,
)
from serveractions.core.inbox import Inbox
from serveractions.core.marks import ANNOTATION
from serveractions.core.ports import Reply

HALF = settings.default.max_examples // 2
"""Each is a whole life."""
HOURS = 6 * 3600.0
"""Longer than any search and any deadline that the operator has of its own."""
SEEN_RARELY = Config(poll_interval=60.0, poll_interval_urgent=20.0)
WORDS = st.sampled_from(
    [
        "",
        "Cannot 'x' instance y while it is in task_state migrating",
        "Instance y is locked",
        "Policy doesn't allow os_compute_api:x to be performed.",
        "No valid host was found.",
    ]
)

mishaps = st.sampled_from(
    [
        CloudUnavailable("Nova answered 500: no words"),
        CloudUnavailable("Nova answered 503: no words", retry_after=3600.0),
        CloudUnavailable("it did not answer in time", retry_after=0.0),
    ]
)
hidden = st.just(Forbidden("Policy doesn't allow it"))
replies = st.builds(
    Reply,
    status=st.sampled_from([202, 202, 202, 204, 200, 302, 400, 401, 403, 404, 406, 409, 410, 429])
    | st.integers(100, 999),
    request_id=st.none() | generated.request_ids,
    message=WORDS,
    body=st.sampled_from([{}, {"image_id": "x" * 300}, {"image_id": 7}, {"image_id": "\ud800"}])
    | generated.image_ids.map(lambda image_id: {"image_id": image_id}),
    retry_after=st.none() | st.sampled_from([0.0, 1.0, 3600.0]),
)
lost = st.sampled_from([NeverSent("no connection"), Ambiguous("the answer broke off")])
last_replies = st.builds(
    Reply,
    status=st.sampled_from([202, 400, 403, 404, 410, 501]),
    request_id=st.none() | generated.request_ids,
    message=WORDS,
)
"""What a cloud says once it is calm: not busy, and clear about it."""
calm_servers = observed.servers.map(lambda one: replace(one, task_state=None, partial=False))


def seldom(rare: st.SearchStrategy[Any], usual: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return what is rare once in eight times: it would end most objects before they are sent."""
    return st.integers(0, 7).flatmap(lambda number: usual if number else rare)


def lists(values: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(values, max_size=3)


@st.composite
def scripts(draw: st.DrawFn) -> Script:
    """Return a cloud that is hostile for a few answers of each kind, and stands still then."""

    def told(wild: st.SearchStrategy[Any], calm: st.SearchStrategy[Any]) -> list[Any]:
        return [*draw(st.lists(seldom(mishaps, wild), max_size=4)), draw(calm)]

    partial = observed.servers.map(lambda one: replace(one, partial=True))
    wrong = st.sampled_from([SecretMissing("no Secret"), CloudUnavailable("no Keystone")])
    return Script(
        opened=told(wrong, st.none()),
        servers=told(observed.servers | partial, seldom(st.just(NotFound("gone")), calm_servers)),
        actions=told(*([seldom(hidden, lists(observed.actions))] * 2)),
        migrations=told(*([seldom(hidden, lists(observed.migrations))] * 2)),
        progress=told(*([seldom(hidden, st.none() | observed.progresses)] * 2)),
        images=told(*([seldom(hidden, st.none() | observed.images)] * 2)),
        backups=told(*([seldom(hidden, lists(observed.images))] * 2)),
        replies=[*draw(st.lists(replies | lost, max_size=4)), draw(last_replies)],
        passwords=told(st.just("s3cret"), st.just("s3cret")),
        newest=draw(st.sampled_from(["2.65", "2.79", "2.87", "2.88", "2.100"])),
    )


class Watched(logging.Handler):
    """Keeps what should not have been logged."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.ERROR or record.exc_info:
            self.lines.append(self.format(record))


class Run:
    """One world with one operator and one object."""

    def __init__(self, script: Script) -> None:
        self.world = World()
        self.script = script
        self._tasks: list[asyncio.Task[Any]] = []
        world, faults, inbox = self.world, Faults(), Inbox()
        world.leases.holder = "first"
        clouds = HostileClouds(script, self._nova_time)
        self._poller = SharedPoller(
            open_cloud=clouds.open,
            deliver=inbox.observed,
            config=SEEN_RARELY,
            clock=world.clock.boottime,
        )
        self.engine = Engine(
            inbox=inbox,
            ports=Ports(
                objects=FakeObjects(world.store, faults),
                events=FakeEvents(world.events, faults),
                leases=FakeLeases(world.leases, "first", world.clock.boottime),
                clouds=clouds,
                poller=self._poller,
                clock=world.clock,
            ),
            timing=Timing(
                bounds=world.bounds,
                retry_interval=RETRY,
                progress_interval=PROGRESS,
                sweep_interval=60.0,
                relist_interval=300.0,
            ),
            workers=2,
        )

    async def start(self) -> None:
        self.world.store.watchers.append(self.engine)
        await self.engine.learn()
        self.engine.start()
        self._tasks = [asyncio.create_task(self._poller.run()), *self.engine.workers._tasks]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _nova_time(self) -> datetime:
        return self.world.clock.now()


@contextlib.asynccontextmanager
async def running(
    script: Script, kind: str, spec: dict[str, Any], annotations: dict[str, str]
) -> AsyncIterator[tuple[Run, Key]]:
    run = Run(script)
    key = run.world.create(kind, annotations=annotations, **spec)
    await run.start()
    try:
        yield run, key
    finally:
        await run.stop()


def coherent(status: Status) -> None:
    row = TRUTH[status.phase]
    said = {one.type: one.status for one in status.conditions}
    assert said["Reconciling"] == row.reconciling
    assert said["Finished"] == row.finished
    assert (status.message or "").isprintable()
    assert "Traceback" not in (status.message or "")
    assert all(-(2**63) <= number < 2**63 for number in _numbers(status.to_wire()))


def _numbers(value: Any) -> Iterator[int]:
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _numbers(inner)
    elif isinstance(value, int):
        yield value


cases = st.sampled_from(
    [
        ("ServerBackup", {"rotation": 0}),
        ("ServerBackup", {}),
        ("ServerMigration", {}),
        ("ServerMigration", {"confirmation": "Manual", "decision": "Revert"}),
        ("ServerMigration", {"activeDeadlineSeconds": 60}),
        ("ServerLiveMigration", {}),
        ("ServerLiveMigration", {"activeDeadlineSeconds": 60, "onDeadline": "Abort"}),
        ("ServerLiveMigration", {"activeDeadlineSeconds": 60, "onDeadline": "ForceComplete"}),
        ("ServerStateReset", {}),
        ("ServerPasswordChange", {}),
        ("ServerNetworkReset", {}),
        ("ServerNetworkInjection", {}),
    ]
)


turns = st.sampled_from(
    [CloudUnavailable("no Keystone"), InvalidCredentials("no file"), UnsupportedCloud("no Nova")]
)


def lived(
    script: Script, kind: str, spec: dict[str, Any], annotations: dict[str, str] | None = None
) -> Status:
    """Let an object live to its end; nothing of it may be a defect."""

    async def live() -> Status:
        async with running(script, kind, spec, annotations or {}) as (run, key):
            return await run.world.until_finished(key, within=HOURS)

    watched = Watched()
    logging.getLogger().addHandler(watched)
    try:
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            status = runner.run(live())
    finally:
        logging.getLogger().removeHandler(watched)
    assert watched.lines == []
    coherent(status)
    return status


@settings(max_examples=HALF)
@given(cases, scripts())
def test_no_answer_is_a_defect_and_once_nova_stands_still_the_object_ends(
    case: tuple[str, dict[str, Any]], script: Script
) -> None:
    kind, spec = case
    status = lived(script, kind, spec)
    event(f"{kind}: {status.phase}, {status.reason}")


@settings(max_examples=HALF)
@given(cases, scripts(), turns)
def test_a_cloud_that_turns_away_after_a_request_leaves_an_end_that_says_so(
    case: tuple[str, dict[str, Any]], script: Script, turn: Exception
) -> None:
    kind, spec = case
    script.replies = [Ambiguous("the answer broke off")]
    script.after_a_request = turn
    status = lived(script, kind, spec)
    event(f"{kind}: {status.phase}, {status.reason}")
    if script.sent:
        assert (status.phase, status.reason) == (Phase.FAILED, Reason.OUTCOME_UNKNOWN)
    assert len(script.sent) <= 1


OWN_UID = "0c1f8f3e-4a0f-4d6e-9b8e-000000000001"
"""Of the first object in the store: whoever may edit an object knows it."""
marks = st.fixed_dictionaries(
    {"uid": st.sampled_from([OWN_UID, "another"]) | generated.junk},
    optional={
        "ended": st.booleans() | generated.junk,
        "attempt": st.integers(-1, 2) | generated.junk,
        "holder": st.just("first") | generated.junk,
        "serverId": generated.server_ids | generated.junk,
        "endpoint": st.just("https://nova.example/v2.1") | generated.junk,
        "region": st.none() | generated.junk,
        "userId": generated.users | generated.junk,
        "projectId": generated.projects | generated.junk,
        "novaTime": generated.times | generated.junk,
        "microversion": st.sampled_from(["2.65", "2.100", "x"]) | generated.junk,
    },
).map(json.dumps)


@settings(max_examples=HALF)
@given(cases, scripts(), marks | generated.any_text)
def test_whatever_somebody_writes_where_the_operator_keeps_its_mark_the_object_ends(
    case: tuple[str, dict[str, Any]], script: Script, text: str
) -> None:
    kind, spec = case
    status = lived(script, kind, spec, {ANNOTATION: text})
    event(f"{status.phase}, {status.reason}")
