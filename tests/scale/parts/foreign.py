"""A cloud full of other people's servers: what Nova has to return, and that it does not grow."""

from scale.flying import ENDS, MIGRATION, Flight, fly
from scale.results import Figures
from scale.stage import Stage

SERVERS = 20_000
CHANGES_PER_MINUTE = SERVERS // 100


def run(stage: Stage, size: int, seconds: float) -> Figures:
    """Follow so many live migrations among the others' servers."""
    with stage.world("foreign", migration=seconds) as world:
        world.cloud.add_foreigners(SERVERS, changes_per_minute=CHANGES_PER_MINUTE)
        operator = world.start()
        world.act(MIGRATION)
        stage.until_none(world, MIGRATION, ENDS, "the end of the first migration")
        names = [f"move-{number:05}" for number in range(size)]
        servers = world.cloud.boot(*names)
        flights = [Flight(*pair) for pair in zip(names, servers, strict=True)]
        figures = fly(stage, world, operator, flights)
    return figures | {
        "foreign_servers": SERVERS,
        "foreign_changes_per_minute": CHANGES_PER_MINUTE,
        "migration_s": seconds,
    }
