"""Requests without an answer: how to lose one, and which kinds leave a trace of theirs."""

from fakes.nova_answers import Answer
from fakes.world import OWN, World
from serveractions.api.resource import Key
from serveractions.api.status import ConditionStatus, Reason, Status

UNRECORDED = ("ServerNetworkInjection", "ServerNetworkReset")
RECORDED = [kind for kind in OWN if kind not in UNRECORDED]
LONG = 10_000.0


def conditions(status: Status) -> dict[str, ConditionStatus]:
    return {each.type: each.status for each in status.conditions}


async def lose(world: World, answer: Answer, kind: str = "ServerMigration", **spec: object) -> Key:
    """Have an object's first request meet an answer that tells nothing."""
    world.nova.answers.append(answer)
    key = world.create(kind, **spec)
    await world.until_reason(key, Reason.RECOVERING)
    return key
