"""The event loop's lag, as an operator's metrics tell it."""

from collections.abc import Mapping

from prometheus_client.parser import text_string_to_metric_families

from operators import Operator

Histogram = Mapping[float, float]
"""How many turns were at most so late, by bound."""


def lag_histogram(operator: Operator) -> Histogram:
    """Return the histogram of the event loop's lag."""
    return {
        float(sample.labels["le"]): sample.value
        for family in text_string_to_metric_families(operator.metrics())
        for sample in family.samples
        if sample.name == "serveractions_event_loop_lag_seconds_bucket"
    }


def since(before: Histogram, now: Histogram) -> Histogram:
    """Return what has come between two readings."""
    return {bound: now[bound] - before[bound] for bound in now}


def quantile(buckets: Histogram, share: float) -> float:
    """Return a quantile of a histogram, between two bounds as Prometheus reckons it."""
    wanted = share * max(buckets.values())
    lower, below = 0.0, 0.0
    for bound in sorted(buckets):
        if buckets[bound] >= wanted:
            if bound == float("inf"):
                return bound
            return lower + (bound - lower) * (wanted - below) / max(buckets[bound] - below, 1e-9)
        lower, below = bound, buckets[bound]
    return float("inf")
