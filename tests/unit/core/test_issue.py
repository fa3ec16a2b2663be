"""What Nova's answer to the request leads to: accepted, certainly not accepted, or unknown."""

import asyncio
from typing import NamedTuple

import pytest

from fakes.nova_answers import Answer, LoseReply, Refuse, Unreachable
from fakes.world import RETRY, World
from serveractions.api.status import ConditionStatus, Phase


class Again(NamedTuple):
    """An answer after which the request goes out once more."""

    answer: Answer
    reason: str


AGAIN = {
    "401": Again(Refuse(401, "unauthorized"), "TransientError"),
    "413": Again(Refuse(413), "TransientError"),
    "429": Again(Refuse(429), "TransientError"),
    "409 busy": Again(
        Refuse(409, "Cannot 'migrate' instance x while it is in task_state rebooting"), "ServerBusy"
    ),
    "406": Again(Refuse(406, "Version 2.65 is not supported"), "TransientError"),
    "no connection": Again(Unreachable(), "TransientError"),
}


@pytest.mark.parametrize("case", AGAIN)
async def test_what_nova_certainly_did_not_accept_is_sent_again_after_a_pause(
    world: World, case: str
) -> None:
    answer, reason = AGAIN[case]
    world.nova.answers.append(answer)
    await world.process()
    key = world.create("ServerMigration")

    status = await world.until_reason(key, reason)
    refused = world.clock.boottime()
    assert (status.phase, status.attempts) == (Phase.PENDING, 1)
    await world.until_phase(key, Phase.RUNNING)

    assert world.clock.boottime() - refused >= RETRY - 1
    assert world.sent(key) == 1


@pytest.mark.parametrize("case", ["401", "429", "409 busy", "no connection"])
async def test_a_nova_that_stays_unwilling_is_not_hammered(world: World, case: str) -> None:
    world.nova.answers.extend([AGAIN[case].answer] * 1000)
    process = await world.process()
    world.create("ServerMigration")
    await asyncio.sleep(300)

    assert 8 <= process.faults.calls.count("cloud.send") <= 15


async def test_retry_after_is_kept(world: World) -> None:
    world.nova.answers.append(Refuse(429, retry_after=50))
    await world.process()
    key = world.create("ServerMigration")
    await world.until_reason(key, "TransientError")
    refused = world.clock.boottime()

    await world.until_phase(key, Phase.RUNNING)

    assert world.clock.boottime() - refused >= 49


async def test_refused_requests_are_listed_and_are_nobody_elses(world: World) -> None:
    world.nova.answers.extend([Refuse(429), Refuse(429)])
    await world.process()
    key = world.create("ServerMigration")

    status = await world.until_finished(key)

    assert len(set(status.refused_request_ids)) == 2
    assert status.request_id not in status.refused_request_ids


async def test_a_microversion_that_nova_refuses_twice_is_an_end(world: World) -> None:
    world.nova.answers.extend([Refuse(406, "no"), Refuse(406, "no")])
    await world.process()
    key = world.create("ServerLiveMigration")

    status = await world.until_finished(key)

    assert (status.phase, status.reason) == (Phase.FAILED, "InvalidConfiguration")
    assert world.nova.arrived == ["os-migrateLive", "os-migrateLive"]


async def test_a_microversion_that_nova_refuses_is_stepped_down(world: World) -> None:
    world.nova.answers.append(Refuse(406, "no"))
    await world.process()
    key = world.create("ServerLiveMigration")
    await world.until_phase(key, Phase.RUNNING)

    assert [each.microversion for each in world.nova.accepted] == ["2.65"]


REFUSALS = {
    400: (Refuse(400, "Invalid input"), "RefusedByNova"),
    403: (Refuse(403, "Policy doesn't allow os_compute_api:x to be performed."), "PolicyForbids"),
    404: (Refuse(404, "Instance could not be found."), "ServerNotFound"),
    409: (Refuse(409, "Cannot 'x' while it is in vm_state shelved"), "WrongServerState"),
    410: (Refuse(410, "no longer available"), "ActionRemoved"),
    501: (Refuse(501, "not implemented"), "NotSupported"),
    302: (Refuse(302), "InvalidConfiguration"),
}


@pytest.mark.parametrize("code", REFUSALS)
async def test_what_nova_refuses_for_good_ends_the_object_as_not_issued(
    world: World, code: int
) -> None:
    answer, reason = REFUSALS[code]
    world.nova.answers.append(answer)
    await world.process()
    key = world.create("ServerMigration")

    status = await world.until_finished(key)

    assert (status.phase, status.reason) == (Phase.FAILED, reason)
    conditions = {each.type: each.status for each in status.conditions}
    assert conditions["Issued"] is ConditionStatus.FALSE
    assert conditions["Succeeded"] is ConditionStatus.FALSE
    assert (status.issued_time, status.request_id) == (None, None)
    assert len(status.refused_request_ids) == 1
    assert world.nova.arrived == ["migrate"]


async def test_the_password_is_shown_nowhere(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    world.vault.passwords["default", "web-1-password", "password"] = "hunter22"
    world.nova.answers.extend([Refuse(429, "slow down"), LoseReply()])
    await world.process()
    key = world.create("ServerPasswordChange")
    await world.until_finished(key)

    resource = world.resource(key)
    shown = f"{resource.status.to_wire()} {resource.annotations} {world.events} {caplog.text}"
    assert world.machine.password == "hunter22"
    assert "hunter22" not in shown


async def test_what_the_cloud_connection_raises_unforeseen_counts_as_perhaps_sent(
    world: World,
) -> None:
    key = world.create("ServerMigration")
    other = world.create("ServerBackup", "other")
    process = await world.process(
        prepare=lambda faults: faults.plan("cloud.send", "after", RuntimeError("a defect"))
    )
    status = await world.until_finished(key)

    await world.until_finished(other)
    assert status.phase is Phase.SUCCEEDED, "Nova's records show it"
    assert world.sent(key) == 1
    assert process.engine.workers is not None
    issued, ended = world.status(other).issued_time, status.completion_time
    assert issued is None or ended is None or issued >= ended, "the server stays taken until then"
