"""What the operator counts, and what it shows of its present state.

What happens is counted when it happens. What is so, is read off the parts that know it each time
somebody asks (`Sources`), and kept nowhere else. No label carries an id, a name or an address: all
of them are kinds, phases, reasons and other words of the code, so the series are bounded.
"""

import asyncio
from collections import Counter as Tally
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from serveractions.api.kinds import KINDS
from serveractions.api.reasons import REASONS
from serveractions.api.resource import Resource
from serveractions.api.status import Phase
from serveractions.cloud.counting import Asked
from serveractions.core.ports import Recovered

LAG_INTERVAL = 0.1
"""Seconds between two measurements of the event loop's lag."""
LAG_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0)
REQUEST_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 60.0)
DELAY_BUCKETS = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 3600.0, 14400.0, 86400.0)
DURATION_BUCKETS = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 14400.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where the present state is read from.

    Attributes:
        unfinished: The unfinished objects that this process knows, those of other processes too.
        line: How many of them stand in the line of a limit.
        overdue: For how many seconds an object has been due, at most.
        watch_silence: For how many seconds a watch has had no answer, at most.
        poll_age: For how many seconds an action's cloud has not been seen, at most.
        circuits_open: How many logins lead to a cloud that does not answer.
        slots: How many slots there are.
        leases_held: How many of them this process holds.
    """

    unfinished: Callable[[], Iterable[Resource]]
    line: Callable[[], int]
    overdue: Callable[[], float]
    watch_silence: Callable[[], float]
    poll_age: Callable[[], float]
    circuits_open: Callable[[], int]
    slots: int
    leases_held: Callable[[], int]


class State(Collector):
    """Reads the gauges off their sources, at each scrape."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Name the gauges without asking anybody."""
        return iter(())

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Return the gauges as they are now."""
        sources = self._sources
        yield self._unfinished()
        yield GaugeMetricFamily(
            "serveractions_limit_line_length",
            "Objects that stand in the line of a limit (LimitReached).",
            value=sources.line(),
        )
        yield GaugeMetricFamily(
            "serveractions_work_overdue_seconds",
            "For how long the object that is due for the longest has waited for a worker.",
            value=sources.overdue(),
        )
        yield GaugeMetricFamily(
            "serveractions_watch_silence_seconds",
            "For how long the watch that waits longest has had no answer; it is asked anew every"
            " five minutes.",
            value=sources.watch_silence(),
        )
        yield GaugeMetricFamily(
            "serveractions_poll_age_seconds",
            "For how long the cloud of an action in flight has not been seen, where that is"
            " longest.",
            value=sources.poll_age(),
        )
        yield GaugeMetricFamily(
            "serveractions_circuits_open",
            "Logins to clouds that do not answer at all, and are asked now and then only.",
            value=sources.circuits_open(),
        )
        yield GaugeMetricFamily(
            "serveractions_slots", "Slots of servers, each with a Lease.", value=sources.slots
        )
        yield GaugeMetricFamily(
            "serveractions_leases_held",
            "Slots of servers for which this process may act.",
            value=sources.leases_held(),
        )

    def _unfinished(self) -> GaugeMetricFamily:
        family = GaugeMetricFamily(
            "serveractions_unfinished_objects",
            "Unfinished objects that this process knows. Each process knows those of all: take the"
            " maximum, not the sum.",
            labels=("kind", "phase", "reason"),
        )
        seen = Tally(
            (each.kind.name, str(each.status.phase), str(each.status.reason))
            for each in self._sources.unfinished()
        )
        for labels, number in sorted(seen.items()):
            family.add_metric(labels, number)
        return family


class Metrics:
    """The metrics of one process, in a registry of their own. It is the core's `Telemetry`."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._finished = Counter(
            "serveractions_actions_finished",
            "Objects that have come to their end, by phase and reason.",
            ("kind", "phase", "reason"),
            registry=self.registry,
        )
        self._issue_delay = Histogram(
            "serveractions_action_issue_delay_seconds",
            "From the creation of an object until Nova accepted its action.",
            ("kind",),
            buckets=DELAY_BUCKETS,
            registry=self.registry,
        )
        self._duration = Histogram(
            "serveractions_action_duration_seconds",
            "From the moment that Nova accepted an action until its end was seen.",
            ("kind", "phase"),
            buckets=DURATION_BUCKETS,
            registry=self.registry,
        )
        self._recoveries = Counter(
            "serveractions_recoveries",
            "Searches for a request of which nobody knew whether Nova had accepted it: adopted,"
            " sent_again, or unknown.",
            ("kind", "outcome"),
            registry=self.registry,
        )
        self._requests = Counter(
            "serveractions_cloud_requests",
            "Requests to OpenStack; class none had no complete answer, unsent never left.",
            ("service", "family", "method", "status_class"),
            registry=self.registry,
        )
        self._request_duration = Histogram(
            "serveractions_cloud_request_duration_seconds",
            "How long requests to OpenStack took, whatever came of them.",
            ("service", "family", "method"),
            buckets=REQUEST_BUCKETS,
            registry=self.registry,
        )
        self._lag = Histogram(
            "serveractions_event_loop_lag_seconds",
            "How late the event loop runs what is due.",
            buckets=LAG_BUCKETS,
            registry=self.registry,
        )
        self._begin_at_zero()

    def show(self, sources: Sources) -> None:
        """Show the present state, too."""
        self.registry.register(State(sources))

    def moved(self, before: Resource, after: Resource) -> None:
        """Count a write of this process that changed the phase or the reason of an object."""
        old, new, kind = before.status, after.status, after.kind.name
        if old.issued_time is None and new.issued_time is not None:
            delay = (new.issued_time - after.created).total_seconds()
            self._issue_delay.labels(kind).observe(max(0.0, delay))
        if not new.phase.finished:
            return
        self._finished.labels(kind, str(new.phase), str(new.reason)).inc()
        if new.issued_time is not None and new.completion_time is not None:
            lasted = (new.completion_time - new.issued_time).total_seconds()
            self._duration.labels(kind, str(new.phase)).observe(max(0.0, lasted))

    def recovered(self, resource: Resource, outcome: Recovered) -> None:
        """Count the end of a search for a request."""
        self._recoveries.labels(resource.kind.name, str(outcome)).inc()

    def count_request(self, asked: Asked, status_class: str, seconds: float) -> None:
        """Count one request to a cloud."""
        labels = (asked.service, asked.family, asked.method)
        self._requests.labels(*labels, status_class).inc()
        self._request_duration.labels(*labels).observe(seconds)

    async def watch_lag(self) -> None:
        """Measure the event loop's lag for ever."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + LAG_INTERVAL
            await asyncio.sleep(LAG_INTERVAL)
            self._lag.observe(max(0.0, loop.time() - due))

    def _begin_at_zero(self) -> None:
        """Show what has not happened yet as 0: of a series that begins at 1, nobody sees that it
        grew.
        """
        for kind in KINDS:
            for phase in Phase:
                for reason in REASONS[phase] if phase.finished else ():
                    self._finished.labels(kind.name, str(phase), str(reason))
            for outcome in Recovered:
                self._recoveries.labels(kind.name, str(outcome))
