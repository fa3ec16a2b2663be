"""Several operators that share the slots, and a play in which their number changes while actions
are in flight: nothing is lost, nothing is sent twice, and no server is acted on twice at once.
"""

from collections import Counter
from typing import Any

import lease_board
from assembled import Assembled
from operators import Operator
from phases import LIVE

SLOTS = 6
SETTINGS = {
    "slots": str(SLOTS),
    "lease-duration": "4",
    "lease-renew": "1",
    "claim-bound": "2",
    "post-deadline": "3",
    "proxy-lifetime": "1",
    "poll-interval": "1",
    "poll-interval-urgent": "0.5",
    "retry-interval": "1",
}
"""Short times, each in its distance to the others."""


def start(world: Assembled, index: int, count: int, *, wait: bool = True) -> Operator:
    """Start the operator of a shard, or the next one in the place of it."""
    return world.start(f"shard-{index}", settings={"shard": f"{index}/{count}"}, wait=wait)


def divided(world: Assembled, *operators: Operator) -> bool:
    """Say whether each operator holds the slots of its shard, and no others."""
    holders = lease_board.holders(world)
    return len(holders) == SLOTS and all(
        holders[f"serveractions-slot-{slot}"].startswith(
            f"{operators[slot % len(operators)].name}_"
        )
        for slot in range(SLOTS)
    )


def until_divided(world: Assembled, *operators: Operator) -> None:
    """Wait until each operator holds the slots of its shard, and no others."""
    world.until(
        lambda: divided(world, *operators),
        seconds=60,
        what=f"{len(operators)} operators hold a shard each",
    )


def move(world: Assembled, names: list[str], servers: list[str]) -> dict[str, str]:
    """Create live migrations, in turn for each of the servers; return the server of each."""
    targets = {name: servers[number % len(servers)] for number, name in enumerate(names)}
    world.create(*(world.body(LIVE, name, server) for name, server in targets.items()))
    return targets


def until_moved(world: Assembled, targets: dict[str, str], *, seconds: float) -> None:
    """Wait until all have ended well, and show at the cloud that each was sent once, and none
    beside another one of its server.
    """
    statuses: dict[str, dict[str, Any]] = {}

    def ended() -> bool:
        statuses.update(world.statuses(LIVE))
        return all("completionTime" in statuses[name] for name in targets)

    world.until(ended, seconds=seconds, what="the end of all")
    failed = {
        name: statuses[name]["message"]
        for name in targets
        if statuses[name]["phase"] != "Succeeded"
    }
    assert failed == {}
    posts = [each for each in world.cloud.requests() if each["action"] == "os-migrateLive"]
    assert [each["status"] for each in posts] == [202] * len(targets), "Nova was busy for none"
    assert len({each["uid"] for each in posts}) == len(targets), "each object's own request"
    assert Counter(each["server_id"] for each in posts) == Counter(targets.values())
    for server in set(targets.values()):
        lives = sorted(
            (statuses[name]["issuedTime"], statuses[name]["completionTime"])
            for name, each in targets.items()
            if each == server
        )
        ends = [end for _, end in lives[:-1]]
        begins = [begin for begin, _ in lives[1:]]
        assert all(end <= begin for end, begin in zip(ends, begins, strict=True)), (server, lives)


def senders(world: Assembled, targets: dict[str, str]) -> Counter[str]:
    """Return how many requests each operator has sent, a successor counted as another one."""
    statuses = world.statuses(LIVE)
    return Counter(statuses[name]["intent"]["holder"] for name in targets)
