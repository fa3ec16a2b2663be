"""Live migrations in flight at the same time, applied by a user and followed to their ends.

So many that they could not be applied while the first ones still fly are put into the API server as
they would be then: see `seeding`.
"""

import time

from event_loop import lag_histogram, quantile, since
from scale.flying import ENDS, MIGRATION, Flight, Watcher, counted, fly
from scale.results import Figures
from scale.seeding import Template, put_in_flight
from scale.stage import Stage

MOST_APPLIED = 1000
"""More are put in place, in flight."""
PER_SECOND = 40.0
"""So many a second begin then, and so many a second end."""


def run(stage: Stage, size: int, seconds: float) -> Figures:
    """Measure one number of migrations that take so long."""
    if size > MOST_APPLIED:
        return _put(stage, size, seconds)
    with stage.world("flight", migration=seconds) as world:
        operator = world.start()
        names = [f"move-{number:05}" for number in range(size)]
        world.act(MIGRATION)  # logs in; not counted
        stage.until_none(world, MIGRATION, ENDS, "the end of the first migration")
        servers = world.cloud.boot(*names)
        flights = [Flight(*pair) for pair in zip(names, servers, strict=True)]
        return fly(stage, world, operator, flights) | {"migration_s": seconds}


def _put(stage: Stage, size: int, seconds: float) -> Figures:
    """Begin them in the cloud and put their objects in place, then watch one operator follow."""
    lasting = seconds + size / PER_SECOND
    with stage.world("flight", migration=lasting) as world:
        operator = world.start()
        template = Template.in_flight(world)
        earlier, position = len(world.cloud.requests()), stage.audit.position()
        idle, meter = operator.memory().now, stage.meter(world, operator=operator.pid)
        with Watcher(operator.pid) as memory:
            flights = put_in_flight(world, template, size, per_second=PER_SECOND)
            stage.say(f"{size} live migrations are in flight")
            begun = lag_histogram(operator)
            time.sleep(seconds / 2)
            after = lag_histogram(operator)
            stage.until_none(world, MIGRATION, ENDS, f"the end of {size} migrations")
        figures = counted(stage, world, flights, earlier=earlier, position=position, meter=meter)
        return figures | {
            "migration_s": lasting,
            "put_in_place": True,
            "memory_idle_mib": round(idle, 1),
            "memory_in_flight_mib": round(memory.most, 1),
            "memory_kb_per_object": round((memory.most - idle) * 1024 / size, 1),
            "event_loop_lag_p99_ms": round(quantile(since(begun, after), 0.99) * 1000, 1),
        }
