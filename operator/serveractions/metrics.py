"""What the operator counts. No label carries an id: every series is bounded by the number of kinds
and clouds.
"""

import asyncio

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

LAG_INTERVAL = 0.1
"""Seconds between two measurements of the event loop's lag."""
LAG_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0)


class Metrics:
    """The metrics of one process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "serveractions_cloud_requests",
            "Requests to OpenStack by family and class of the answer.",
            ("family", "status_class"),
            registry=self.registry,
        )
        self.known = Gauge(
            "serveractions_unfinished_objects",
            "Unfinished objects that this process knows.",
            registry=self.registry,
        )
        self.watch_silence = Gauge(
            "serveractions_watch_silence_seconds",
            "For how long the watch that waits longest has had no answer; it is asked anew every"
            " five minutes.",
            registry=self.registry,
        )
        self.lag = Histogram(
            "serveractions_event_loop_lag_seconds",
            "How late the event loop runs what is due.",
            buckets=LAG_BUCKETS,
            registry=self.registry,
        )

    def count_request(self, family: str, status_class: str) -> None:
        """Count one request to a cloud, e.g. `("nova-servers", "2xx")`."""
        self._requests.labels(family, status_class).inc()

    async def watch_lag(self) -> None:
        """Measure the event loop's lag for ever."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + LAG_INTERVAL
            await asyncio.sleep(LAG_INTERVAL)
            self.lag.observe(max(0.0, loop.time() - due))
