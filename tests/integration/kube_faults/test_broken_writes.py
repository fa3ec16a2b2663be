"""Each write on which "exactly once" rests is spoiled in each way that there is on the path to an
API server, before it took effect and after.

Whatever the operator is told of a write: Nova gets the action once, and the object ends as Nova's
record says.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from assembled import Assembled
from fakes.proxy import Fault, Seen
from serveractions.api.kinds import BY_NAME, Kind
from side_by_side import Running, SideBySide

LIVE, COLD = BY_NAME["ServerLiveMigration"], BY_NAME["ServerMigration"]


@dataclass(frozen=True)
class Write:
    """One of the writes of an action."""

    kind: Kind
    posts: tuple[str, ...]
    is_it: Callable[[dict[str, Any]], bool]
    """Looks at the patch."""


def phase(wanted: str) -> Callable[[dict[str, Any]], bool]:
    return lambda patch: patch.get("status", {}).get("phase") == wanted


def follow_up(wanted: str) -> Callable[[dict[str, Any]], bool]:
    def is_it(patch: dict[str, Any]) -> bool:
        follow_ups = patch.get("status", {}).get("followUps")
        return bool(follow_ups) and follow_ups[-1]["state"] == wanted

    return is_it


MOVED, CONFIRMED = ("os-migrateLive",), ("migrate", "confirmResize")
WRITES = {
    "mark": Write(LIVE, MOVED, lambda patch: "annotations" in patch["metadata"]),
    "claim": Write(LIVE, MOVED, phase("Issuing")),
    "record": Write(LIVE, MOVED, phase("Running")),
    "end": Write(LIVE, MOVED, phase("Succeeded")),
    "claim-of-confirm": Write(COLD, CONFIRMED, follow_up("Issuing")),
    "record-of-confirm": Write(COLD, CONFIRMED, follow_up("Accepted")),
}
ANSWERS = {
    "not-found": 404,
    "conflict": 409,
    "too-many": 429,
    "error": 500,
    "unavailable": 503,
    "gateway-timeout": 504,
    "reset": None,
}
MOMENTS = {"before": False, "after": True}
CASES = [(write, answer, moment) for write in WRITES for answer in ANSWERS for moment in MOMENTS]
TOGETHER = SideBySide()


@dataclass(frozen=True)
class Ended:
    """What became of one object."""

    status: dict[str, Any]
    accepted: dict[str, int]
    spoiled: int


@TOGETHER.shared
def all_cases(world: Assembled) -> dict[str, Ended]:
    """Run one object for each case, each on a server of its own, all of them at once."""
    names = {"-".join(case): case for case in CASES}
    servers = dict(zip(names, world.cloud.boot(*names), strict=True))
    assert world.proxy is not None
    faults = {
        name: world.proxy.add(
            Fault(on=_on(name, WRITES[write]), reaches=MOMENTS[moment], answer=ANSWERS[answer])
        )
        for name, (write, answer, moment) in names.items()
    }
    world.create(
        *(
            world.body(WRITES[write].kind, name, servers[name])
            for name, (write, _, _) in names.items()
        )
    )
    statuses: dict[str, dict[str, Any]] = {}

    def ended() -> bool:
        statuses.update(world.statuses(LIVE) | world.statuses(COLD))
        return all("completionTime" in statuses[name] for name in names)

    world.until(ended, seconds=180, what="the end of all actions")
    accepted = world.cloud.counts()["accepted"]
    return {
        name: Ended(statuses[name], accepted.get(servers[name], {}), len(faults[name].hits))
        for name in names
    }


@pytest.fixture
def ended(side_by_side: Running) -> dict[str, Ended]:
    return all_cases(side_by_side)


@pytest.mark.parametrize(("write", "answer", "moment"), CASES)
def test_a_spoiled_write_costs_neither_the_action_nor_a_second_one(
    ended: dict[str, Ended], write: str, answer: str, moment: str
) -> None:
    seen = ended[f"{write}-{answer}-{moment}"]
    assert seen.spoiled == 1, "the write was not spoiled"
    assert seen.accepted == dict.fromkeys(WRITES[write].posts, 1)
    assert seen.status["phase"] == "Succeeded", seen.status["message"]


def _on(name: str, write: Write) -> Callable[[Seen], bool]:
    """Choose the write of the object of that name."""

    def chosen(seen: Seen) -> bool:
        where = seen.path.partition("?")[0].split("/")
        return seen.method == "PATCH" and name in where[-2:] and write.is_it(seen.json)

    return chosen
