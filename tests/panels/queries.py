"""The few forms of PromQL that the dashboard uses, over scrapes that were taken by hand.

It is there to draw the dashboard without a Prometheus, and is no more than that: what an
interval has seen is the difference of its ends, and nothing is extrapolated.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

Labels = Mapping[str, str]
Group = tuple[tuple[str, str], ...]

_SELECTOR = r"(?P<name>\w+)\{(?P<matchers>[^}]*)\}"
_NOW = re.compile(rf"(?P<how>max|sum) by \((?P<by>[^)]*)\) \({_SELECTOR}\)")
_OVER = re.compile(
    r"(?:histogram_quantile\((?P<quantile>[\d.]+), )?sum by \((?P<by>[^)]*)\)"
    rf" \((?P<how>rate|increase)\({_SELECTOR}\[\$__rate_interval\]\)\)\)?"
)


@dataclass(frozen=True)
class Sample:
    """One value of one series."""

    name: str
    labels: Labels
    value: float


@dataclass(frozen=True)
class Scrape:
    """All samples at one moment, in seconds."""

    at: float
    samples: Sequence[Sample]


def read(at: float, text: str, target: Labels) -> Scrape:
    """Return what a scrape shows, with the labels that Prometheus gives to its target."""
    samples = [
        Sample(sample.name, {**sample.labels, **target}, sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    ]
    return Scrape(at, samples)


class NoSuchFormError(Exception):
    """An expression of a form that is not known here."""


@dataclass(frozen=True)
class Query:
    """One expression.

    Attributes:
        how: `max` or `sum` of what is now; `rate` or `increase` of what an interval has seen.
        quantile: Of the buckets that were summed up.
    """

    how: str
    name: str
    by: tuple[str, ...]
    matchers: tuple[tuple[str, str], ...]
    quantile: float | None = None

    def over(self, scrapes: Sequence[Scrape], window: float) -> dict[Group, list[float | None]]:
        """Return a line for each group, with a value or a gap for each scrape."""
        values = [dict(self._at(scrapes, place, window)) for place in range(len(scrapes))]
        groups = sorted({group for each in values for group in each})
        return {group: [each.get(group) for each in values] for group in groups}

    def _at(
        self, scrapes: Sequence[Scrape], place: int, window: float
    ) -> Iterator[tuple[Group, float]]:
        now = self._series(scrapes[place])
        if self.how in ("max", "sum"):
            yield from self._grouped(now, self.by, self.how).items()
            return
        begin = next(each for each in scrapes if each.at >= scrapes[place].at - window)
        seconds = scrapes[place].at - begin.at
        if seconds <= 0:
            return
        before = self._series(begin)
        # A series that was not there before has begun at 0.
        grown = {key: value - before.get(key, 0.0) for key, value in now.items()}
        if self.how == "rate":
            grown = {key: value / seconds for key, value in grown.items()}
        summed = self._grouped(grown, self.by, "sum")
        if self.quantile is None:
            yield from summed.items()
            return
        buckets: dict[Group, list[tuple[float, float]]] = defaultdict(list)
        for group, value in summed.items():
            labels = dict(group)
            bound = float(labels.pop("le"))
            buckets[tuple(labels.items())].append((bound, value))
        for group, found in buckets.items():
            if (value := quantile(self.quantile, sorted(found))) is not None:
                yield group, value

    def _series(self, scrape: Scrape) -> dict[Group, float]:
        return {
            tuple(sorted(sample.labels.items())): sample.value
            for sample in scrape.samples
            if sample.name == self.name
            and all(re.fullmatch(value, sample.labels.get(key, "")) for key, value in self.matchers)
        }

    def _grouped(
        self, series: Mapping[Group, float], by: tuple[str, ...], how: str
    ) -> dict[Group, float]:
        groups: dict[Group, list[float]] = defaultdict(list)
        for key, value in series.items():
            labels = dict(key)
            groups[tuple((label, labels.get(label, "")) for label in by)].append(value)
        return {
            group: max(found) if how == "max" else sum(found) for group, found in groups.items()
        }


def parse(expression: str, variables: Labels) -> Query:
    """Read an expression.

    Args:
        expression: As it stands in the dashboard.
        variables: What stands for `$name` in it.

    Raises:
        NoSuchFormError: It has another form than those that are known here.
    """
    found = _NOW.fullmatch(expression) or _OVER.fullmatch(expression)
    if found is None:
        raise NoSuchFormError(expression)
    parts = found.groupdict()
    matchers = re.findall(r'(\w+)=~?"([^"]*)"', parts["matchers"])
    return Query(
        how=parts["how"],
        name=parts["name"],
        by=tuple(parts["by"].split(", ")),
        matchers=tuple(
            (label, variables.get(value.removeprefix("$"), value)) for label, value in matchers
        ),
        quantile=float(parts["quantile"]) if parts.get("quantile") else None,
    )


def quantile(share: float, buckets: Sequence[tuple[float, float]]) -> float | None:
    """Return a quantile as Prometheus does: evenly within a bucket, at most the highest bound."""
    total = buckets[-1][1]
    if not total:
        return None
    below, reached = 0.0, 0.0
    for bound, count in buckets:
        if count >= share * total:
            if bound == float("inf"):
                return below
            return below + (bound - below) * (share * total - reached) / (count - reached)
        below, reached = bound, count
    return below
