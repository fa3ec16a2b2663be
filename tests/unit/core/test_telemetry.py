"""What happens to objects is counted once, by the process that wrote it."""

import asyncio

import pytest

from fakes.lost_requests import LONG, lose
from fakes.nova_answers import LoseReply, LoseRequest, Refuse
from fakes.world import RETRY, World
from serveractions.core.errors import CloudUnavailable
from serveractions.core.rooms import Limits
from serveractions.metrics import Metrics, Sources

KIND = "ServerLiveMigration"


@pytest.fixture
def metrics(world: World) -> Metrics:
    world.telemetry = metrics = Metrics()
    return metrics


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"serveractions_{name}", labels)


def finished(metrics: Metrics, phase: str, reason: str) -> float | None:
    return value(metrics, "actions_finished_total", kind=KIND, phase=phase, reason=reason)


async def test_an_end_is_counted_with_its_reason_and_what_it_took(
    world: World, metrics: Metrics
) -> None:
    assert finished(metrics, "Succeeded", "Succeeded") == 0.0
    await world.process()
    key = world.create(KIND)

    status = await world.until_finished(key)

    assert finished(metrics, "Succeeded", "Succeeded") == 1.0
    assert status.issued_time is not None
    assert status.completion_time is not None
    assert value(metrics, "action_issue_delay_seconds_count", kind=KIND) == 1.0
    delay = (status.issued_time - world.resource(key).created).total_seconds()
    assert value(metrics, "action_issue_delay_seconds_sum", kind=KIND) == pytest.approx(delay)
    lasted = (status.completion_time - status.issued_time).total_seconds()
    assert value(
        metrics, "action_duration_seconds_sum", kind=KIND, phase="Succeeded"
    ) == pytest.approx(lasted)


async def test_what_was_never_accepted_has_no_delay_and_no_duration(
    world: World, metrics: Metrics
) -> None:
    await world.process()
    world.nova.answers.append(Refuse(400, "No valid host was found"))
    await world.until_finished(world.create(KIND))

    assert finished(metrics, "Failed", "NoValidHost") == 1.0
    assert value(metrics, "action_issue_delay_seconds_count", kind=KIND) is None


async def test_an_adopted_request_is_a_recovery(world: World, metrics: Metrics) -> None:
    await world.process()
    world.nova.answers.append(LoseReply())
    await world.until_finished(world.create(KIND))

    assert value(metrics, "recoveries_total", kind=KIND, outcome="adopted") == 1.0
    assert value(metrics, "recoveries_total", kind=KIND, outcome="unknown") == 0.0


async def test_a_request_that_is_proven_lost_is_a_recovery(world: World, metrics: Metrics) -> None:
    await world.process()
    world.nova.answers.append(LoseRequest())
    await world.until_finished(world.create(KIND))

    assert value(metrics, "recoveries_total", kind=KIND, outcome="sent_again") == 1.0
    assert finished(metrics, "Succeeded", "Succeeded") == 1.0


async def test_an_outcome_that_nobody_can_tell_is_counted_as_such(
    world: World, metrics: Metrics
) -> None:
    await world.process()
    key = await lose(world, LoseRequest(), KIND)
    world.account.unreadable = CloudUnavailable("Nova answered 503")
    await world.until_finished(key, within=LONG)

    assert finished(metrics, "Failed", "OutcomeUnknown") == 1.0
    assert value(metrics, "recoveries_total", kind=KIND, outcome="unknown") == 1.0


async def test_the_gauges_are_what_the_objects_say(world: World, metrics: Metrics) -> None:
    world.limits = Limits(in_flight=1)
    process = await world.process()
    metrics.show(
        Sources(
            unfinished=process.engine.inbox.unfinished,
            line=lambda: len(process.engine.line),
            overdue=process.engine.inbox.queue.overdue,
            watch_silence=lambda: 1.0,
            poll_age=lambda: 2.0,
            circuits_open=lambda: 3,
            slots=8,
            leases_held=lambda: 7,
        )
    )
    world.create(KIND, "held", suspend=True)
    await world.until_finished(world.create(KIND, "done"))
    await asyncio.sleep(RETRY)

    labels = {"kind": KIND, "phase": "Suspended", "reason": "Suspended"}
    assert value(metrics, "unfinished_objects", **labels) == 1.0
    assert sum(
        sample.value
        for family in metrics.registry.collect()
        for sample in family.samples
        if sample.name == "serveractions_unfinished_objects"
    ) == len(tuple(process.engine.inbox.unfinished()))
    assert value(metrics, "limit_line_length") == 0.0
    assert value(metrics, "watch_silence_seconds") == 1.0
    assert value(metrics, "poll_age_seconds") == 2.0
    assert value(metrics, "circuits_open") == 3.0
    assert value(metrics, "slots") == 8.0
    assert value(metrics, "leases_held") == 7.0
    assert value(metrics, "work_overdue_seconds") == 0.0
