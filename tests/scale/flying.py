"""Live migrations in flight: what following them costs, and how late their end is known."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from assembled import Assembled
from event_loop import lag_histogram, quantile, since
from operators import Operator
from scale import machine, tally
from scale.results import Figures
from scale.stage import Meter, Stage, busiest
from serveractions.api.kinds import BY_NAME

MIGRATION = BY_NAME["ServerLiveMigration"]
ENDS = ("Succeeded", "Failed", "Cancelled")
SAMPLE = 1.0


@dataclass(frozen=True)
class Flight:
    """One object and what it acts on."""

    name: str
    server: str
    secret: str = "openstack"


class Watcher:
    """Samples a process's memory while a body runs."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sample)
        self.most = 0.0

    def __enter__(self) -> "Watcher":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _sample(self) -> None:
        while True:
            self.most = max(self.most, machine.resident_mib(self._pid))
            if self._over.wait(SAMPLE):
                return


def fly(stage: Stage, world: Assembled, operator: Operator, flights: Sequence[Flight]) -> Figures:
    """Apply all objects, wait until all are over, and count."""
    earlier = len(world.cloud.requests())
    position = stage.audit.position()
    idle, meter = operator.memory().now, stage.meter(world, operator=operator.pid)
    before = lag_histogram(operator)
    with Watcher(operator.pid) as memory:
        world.create(
            *(world.body(MIGRATION, each.name, each.server, secret=each.secret) for each in flights)
        )
        stage.until_none(
            world, MIGRATION, ("Running", *ENDS), f"acceptance of {len(flights)} migrations"
        )
        stage.say(f"{len(flights)} live migrations are in flight")
        begun = lag_histogram(operator)
        resident = operator.memory().now
        stage.until_none(world, MIGRATION, ENDS, f"the end of {len(flights)} migrations")
        after = lag_histogram(operator)
    figures = counted(stage, world, flights, earlier=earlier, position=position, meter=meter)
    return figures | {
        "memory_idle_mib": round(idle, 1),
        "memory_in_flight_mib": round(max(resident, memory.most), 1),
        "memory_kb_per_object": round((memory.most - idle) * 1024 / len(flights), 1),
        "event_loop_lag_p99_ms": round(quantile(since(begun, after), 0.99) * 1000, 1),
        "event_loop_lag_p99_sending_ms": round(quantile(since(before, begun), 0.99) * 1000, 1),
    }


def counted(
    stage: Stage,
    world: Assembled,
    flights: Sequence[Flight],
    *,
    earlier: int,
    position: int,
    meter: Meter,
    agent: str = "serveractions",
    resource: str = MIGRATION.plural,
) -> Figures:
    """Return what the flights cost at Nova and at the API server, and how late their ends were.

    Args:
        stage: All of it.
        world: Where they flew.
        flights: All that flew.
        earlier: Requests to Nova that were there before.
        position: Of the audit log before the first was applied.
        meter: Begun at the same time.
        agent: Who followed them, as the API server knows it.
        resource: The plural of their kind.
    """
    cpu, events = meter.spent(), list(stage.audit.since(position))
    journal: dict[str, Any] = world.cloud.journal()
    journal["entries"] = journal["entries"][earlier:]
    over, known = tally.ends(world.cloud.ledger()), tally.finished(events)
    when = tally.accepted(journal)
    lags = [known[each.name] - over[each.server] for each in flights]
    servers = {each.server for each in flights}
    first, last = tally.all_in_flight(when, over, servers)
    posts = [each for each in journal["accepted"] if each["server_id"] in servers]
    reads = tally.following(journal)
    writes, progress = tally.writes(events, agent=agent, resource=resource)
    count = len(flights)
    return {
        "actions": count,
        "all_in_flight_s": round(last - first, 1),
        "reads_per_action": round(len(reads) / count, 2),
        "posts_per_action": round(len(posts) / count, 2),
        "reads_per_s": round(_rate(reads, first, last), 2),
        "rows_per_s": round(_rows(reads, first, last), 1),
        "requests": _families(reads),
        "lag_p50_s": round(tally.quantile(lags, 0.5), 2),
        "lag_p99_s": round(tally.quantile(lags, 0.99), 2),
        "lag_most_s": round(max(lags), 2),
        "kubernetes_writes_per_action": round(writes.total() / count, 2),
        "progress_writes_per_action": round(progress.total() / count, 2),
        "kopf_writes": tally.of_kopf(events, resource=resource),
        "cpu_s": cpu,
        "cpu_ms_per_action": {
            name: round(seconds * 1000 / count, 1) for name, seconds in cpu.items()
        },
        "cloud_busiest_per_s": busiest(journal),
        "cloud_ceiling_per_s": stage.ceiling(world.cloud),
    }


def _rate(reads: Sequence[Mapping[str, Any]], first: float, last: float) -> float:
    """Return the reads a second while all were in flight; of all the time where they never were."""
    if last - first < SAMPLE:
        first, last = reads[0]["arrived"], reads[-1]["arrived"]
    return tally.per_second(reads, first=first, last=last)


def _rows(reads: Sequence[Mapping[str, Any]], first: float, last: float) -> float:
    if last - first < SAMPLE:
        first, last = reads[0]["arrived"], reads[-1]["arrived"]
    within = [each for each in reads if first <= each["arrived"] < last]
    return tally.rows(within) / max(last - first, SAMPLE)


def _families(reads: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for each in reads:
        name = each["family"] if each["server_id"] else f"{each['family']} list"
        found[name] = found.get(name, 0) + 1
    return found
