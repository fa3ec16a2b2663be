"""A hundred credentials with a few actions each: nothing is shared between them but the process."""

import json
from collections.abc import Mapping, Sequence

from assembled import Assembled
from scale import tally
from scale.flying import ENDS, MIGRATION, Flight, fly
from scale.results import Figures
from scale.stage import Stage

TENANTS = 100


def run(stage: Stage, size: int, seconds: float) -> Figures:
    """Divide so many live migrations among the credentials."""
    tenants = min(TENANTS, size)
    with stage.world("tenants", migration=seconds) as world:
        users = [f"tenant-{number:03}" for number in range(tenants)]
        world.cloud.add_users(*users)
        clouds = json.loads(world.cloud.clouds_yaml())["clouds"]
        for user in users:
            found = {"clouds": {"admin": clouds[user]}}
            world.create_secret(user, {"clouds.yaml": json.dumps(found)})
        operator = world.start()
        world.act(MIGRATION)
        stage.until_none(world, MIGRATION, ENDS, "the end of the first migration")
        names = [f"move-{number:05}" for number in range(size)]
        servers = world.cloud.boot(*names)
        flights = [
            Flight(name, server, users[number % tenants])
            for number, (name, server) in enumerate(zip(names, servers, strict=True))
        ]
        earlier = len(world.cloud.requests())
        figures = fly(stage, world, operator, flights)
        asked = tally.of_users(world.cloud.requests()[earlier:], users)
        following = _following(world, asked, servers)
    return figures | {
        "credentials": tenants,
        "migration_s": seconds,
        "most_requests_per_s_and_credential": round(tally.busiest_user(following), 2),
        "most_requests_per_s_and_credential_sending": round(tally.busiest_user(asked), 2),
    }


def _following(
    world: Assembled, asked: Mapping[str, Sequence[float]], servers: Sequence[str]
) -> dict[str, list[float]]:
    """Return those of the requests that came while all were in flight: sending has its own."""
    first, last = tally.all_in_flight(
        tally.accepted(world.cloud.journal()), tally.ends(world.cloud.ledger()), servers
    )
    return {
        user: [each for each in moments if first <= each < last] for user, moments in asked.items()
    }
