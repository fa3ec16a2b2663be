"""The bounds that the operator must keep, and whether the results keep them. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Parts = Mapping[str, Mapping[str, Mapping[str, Any]]]
TAKEOVER = 40.0
"""Seconds: a Lease's 30, and the time that a process needs to start and to look."""
IN_FLIGHT = 1000
"""What the bounds speak of; what a single action costs is judged in smaller runs, too."""


@dataclass(frozen=True)
class Row:
    """One figure.

    Attributes:
        what: What was measured, and for how many.
        value: As people read it.
        bound: What it must be; empty where it is only told.
        holds: Whether it is.
        peer: The same of what people use today.
    """

    what: str
    value: str
    bound: str = ""
    holds: bool | None = None
    peer: str = ""


def rows(parts: Parts) -> list[Row]:
    """Return a row for each figure that was measured."""
    makers = (_requests, _foreign, _lag, _tenants, _latency, _burst, _writes, _memory, _restart)
    return [row for maker in (*makers, _growth) for row in maker(parts)]


def _requests(parts: Parts) -> Iterator[Row]:
    for size, one in _largest(parts, "flight"):
        reads = one["reads_per_action"]
        yield Row(
            f"Nova reads per action beyond those before its POST, {size:,} live migrations of"
            f" {one['migration_s']:g} s",
            f"{reads:g}",
            "<= 1",
            _judged(size, reads <= 1),
            "; ".join((*_client(parts), *_naive(parts, "reads_per_action", "{:g} a timer"))),
        )


def _client(parts: Parts) -> Iterator[str]:
    for _, one in _largest(parts, "client"):
        yield (
            f"{one['nova_requests_per_action']:g} in all of `openstack ... --wait`"
            f" ({one['migration_s']:g} s)"
        )


def _foreign(parts: Parts) -> Iterator[Row]:
    sizes = _sizes(parts, "foreign")
    if not sizes:
        return
    told = [(size, parts["foreign"][str(size)]["rows_per_s"]) for size in sizes]
    values = "; ".join(f"{size:,} in flight: {rows:g}" for size, rows in told)
    what = "rows that Nova returns a second, 20,000 foreign servers of which 1 % change a minute"
    if len(told) == 1:
        yield Row(what, values)
        return
    (few, least), (many, most) = told[0], told[-1]
    allowed = 2 * least + many - few
    bound = "no growth but for the own servers, once each a second at most"
    yield Row(what, values, bound, most <= allowed)


def _lag(parts: Parts) -> Iterator[Row]:
    for size, one in _largest(parts, "flight"):
        median, late = one["lag_p50_s"], one["lag_p99_s"]
        yield Row(
            f"lag from Nova's end to `Finished=True`, {size:,} in flight: median, p99",
            f"{median:g} s, {late:g} s",
            "<= 3 s, <= 6 s",
            median <= 3 and late <= 6,
            "; ".join(_naive(parts, "lag_p99_s", "p99 {:g} s with timers")),
        )


def _tenants(parts: Parts) -> Iterator[Row]:
    for size, one in _largest(parts, "tenants"):
        late, rate = one["lag_p99_s"], one["most_requests_per_s_and_credential"]
        yield Row(
            f"the same, {size:,} in flight of {one['credentials']} credentials: p99, and Nova"
            " requests a second of each",
            f"{late:g} s, {rate:g}",
            "<= 10 s, <= 2",
            late <= 10 and rate <= 2,
        )


def _latency(parts: Parts) -> Iterator[Row]:
    for one in parts.get("latency", {}).values():
        beyond = one["beyond_nova_ms"]
        yield Row(
            "from apply to the accepted POST, idle, beyond Nova's own time: median",
            f"{beyond} ms of {one['apply_to_accepted_ms']} ms",
            "<= 150 ms",
            beyond <= 150,
        )


def _burst(parts: Parts) -> Iterator[Row]:
    for size, one in _largest(parts, "burst"):
        ratio, cpu, peer = one["ratio"], one["cpu_ms_per_action"], one["peer_bare_loop"]
        spent = ", ".join(
            f"{cpu[name]:g} {title}"
            for name, title in (
                ("operator", "operator"),
                ("kube_apiserver", "kube-apiserver"),
                ("etcd", "etcd"),
                ("cloud", "cloud"),
            )
        )
        yield Row(
            f"{size:,} instant actions, wall time against a bare openstacksdk loop of"
            f" {one['threads']} threads",
            f"{ratio:g} x ({one['wall_s']:g} s; processor, ms per action: {spent})",
            "<= 1.10 x",
            _judged(size, ratio <= 1.10),
            f"{peer['wall_s']:g} s ({peer['cpu_ms_per_action']:g} ms per action)",
        )


def _writes(parts: Parts) -> Iterator[Row]:
    for size, one in _largest(parts, "flight"):
        writes, progress = one["kubernetes_writes_per_action"], one["progress_writes_per_action"]
        allowed = one["migration_s"] / 10 + 1
        yield Row(
            f"Kubernetes writes per action, {size:,} in flight: the action's, of its progress, by"
            " kopf",
            f"{writes:g}, {progress:g}, {one['kopf_writes']}",
            f"<= 4, <= {allowed:g} (one in 10 s), 0",
            writes <= 4 and progress <= allowed and one["kopf_writes"] == 0,
            "; ".join(_naive(parts, "kubernetes_writes_per_action", "{:g} by kopf")),
        )


def _memory(parts: Parts) -> Iterator[Row]:
    sizes = _sizes(parts, "restart")
    for size in sizes[:1]:
        one = parts["restart"][str(size)]
        yield Row(
            f"resident memory, {one['in_flight']:,} in flight and {size:,} finished",
            f"{one['memory_mib']:g} MiB",
            "<= 150 MiB",
            one["memory_mib"] <= 150,
            "; ".join(_naive(parts, "memory_in_flight_mib", "{:g} MiB with timers")),
        )
    for size in sizes[1:]:
        grown = parts["restart"][str(size)]["memory_mib_per_1000_finished"]
        yield Row(
            f"more for each further 1,000 finished, up to {size:,}",
            f"{grown:g} MiB",
            "<= 1 MiB",
            grown <= 1,
        )


def _restart(parts: Parts) -> Iterator[Row]:
    for size in _sizes(parts, "restart"):
        one = parts["restart"][str(size)]
        again, issuing = one["following_again_s"], one["issuing_again_s"]
        posts, writes = one["posts_for_finished"], one["writes_to_finished"]
        yield Row(
            f"after SIGKILL, {one['in_flight']:,} in flight and {size:,} finished: an end is told"
            " after, an action sent after, POSTs and writes for finished ones",
            f"{again:g} s, {issuing:g} s, {posts} and {writes}",
            f"<= 10 s, <= {TAKEOVER:g} s (the Lease of the dead one), 0 and 0",
            again <= 10 and issuing <= TAKEOVER and posts == 0 and writes == 0,
        )


def _growth(parts: Parts) -> Iterator[Row]:
    sizes = [size for size in _sizes(parts, "flight") if size >= 100]
    if not sizes:
        return
    few, many = parts["flight"][str(sizes[0])], parts["flight"][str(sizes[-1])]
    lag, kilobytes = many["event_loop_lag_p99_ms"], many["memory_kb_per_object"]
    yield Row(
        f"event-loop lag p99, and memory for each object, {sizes[-1]:,} in flight",
        f"{lag:g} ms, {kilobytes:g} kB",
        "< 50 ms, < 30 kB",
        lag < 50 and kilobytes < 30,
    )
    if len(sizes) > 1:
        yield Row(
            f"Nova reads a second, {sizes[0]:,} in flight and {sizes[-1]:,}",
            f"{few['reads_per_s']:g}, {many['reads_per_s']:g}",
            "within 2 x",
            many["reads_per_s"] <= 2 * few["reads_per_s"],
        )


def _judged(size: int, holds: bool) -> bool | None:
    """Leave open what a bound for a thousand actions says of a few."""
    return holds if size >= IN_FLIGHT else None


def _naive(parts: Parts, figure: str, text: str) -> Iterator[str]:
    for size, one in _largest(parts, "naive"):
        yield f"{text.format(one[figure])} ({size:,})"


def _largest(parts: Parts, name: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Return the largest size that was measured, of those that the bounds speak of."""
    sizes = [size for size in _sizes(parts, name) if size <= IN_FLIGHT]
    for size in sizes[-1:]:
        yield size, parts[name][str(size)]


def _sizes(parts: Parts, name: str) -> list[int]:
    return sorted(map(int, parts.get(name, {})))
