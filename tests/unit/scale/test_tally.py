"""The figures of a benchmark from what a cloud and an API server noted."""

import math
from typing import Any

import pytest

from scale import tally


def entry(arrived: float, family: str = "servers", server: str | None = None, **more: Any) -> Any:
    made = {
        "arrived": arrived,
        "answered": arrived + 0.1,
        "method": "GET",
        "family": family,
        "server_id": server,
        "rows": 0,
        "user": "admin",
    }
    return made | more


def patch(name: str, at: str = "10:00:01.5", *, agent: str = "serveractions", **more: Any) -> Any:
    made = {
        "verb": "patch",
        "userAgent": agent,
        "objectRef": {"resource": "things", "subresource": "status", "name": name},
        "responseStatus": {"code": 200},
        "stageTimestamp": f"2026-01-01T{at}Z",
    }
    return made | more


def test_a_quantile_is_one_of_the_values() -> None:
    values = [5.0, 1.0, 3.0, 2.0, 4.0]
    assert tally.quantile(values, 0.5) == 3.0
    assert tally.quantile(values, 0.99) == 5.0
    assert math.isnan(tally.quantile([], 0.5))


def test_reads_that_prepared_an_action_are_not_of_its_following() -> None:
    journal = {
        "entries": [
            entry(1.0, server="a"),
            entry(2.0, "action", server="a", method="POST"),
            entry(3.0, server="a"),
            entry(4.0, "os-migrations", rows=7),
            entry(5.0, "identity"),
        ],
        "accepted": [{"server_id": "a", "at": 2.05}],
    }
    reads = tally.following(journal)
    assert [each["arrived"] for each in reads] == [3.0, 4.0]
    assert tally.rows(reads) == 8, "one server, and a list of seven"


def test_novas_own_time_counts_requests_side_by_side_once() -> None:
    spans = [entry(1.0, answered=1.5), entry(1.2, answered=1.7), entry(3.0, answered=9.0)]
    assert tally.novas_own(spans, until=4.0) == pytest.approx(0.7 + 1.0)


def test_the_end_of_an_object_is_the_first_accepted_write_of_it() -> None:
    done = {"requestObject": {"status": {"phase": "Succeeded"}}}
    events = [
        patch("a", "10:00:00.5", requestObject={"status": {"phase": "Running"}}),
        patch("a", "10:00:01.0", responseStatus={"code": 409}, **done),
        patch("a", "10:00:02.0", **done),
        patch("a", "10:00:03.0", **done),
        patch("b", "10:00:04.0", requestObject=[{"op": "test"}]),
    ]
    assert tally.finished(events) == {"a": tally.moment("2026-01-01T10:00:02Z")}


def test_writes_that_move_an_object_on_are_told_from_those_of_its_progress() -> None:
    marked = patch("a", objectRef={"resource": "things", "subresource": "", "name": "a"})
    events = [
        marked,
        patch("a", requestObject={"status": {"phase": "Running"}}),
        patch("a", requestObject={"status": {"progress": {"percent": 3}}}),
        patch("a", agent="kopf/1.45.2", requestObject=[]),
        patch("a", agent="kopf/1.45.2", verb="watch"),
    ]
    moving, telling = tally.writes(events, agent="serveractions", resource="things")
    assert (moving, telling) == ({"a": 2}, {"a": 1})
    assert tally.of_kopf(events, resource="things") == 1


def test_a_migration_that_goes_on_has_no_end() -> None:
    moved = "2026-01-01T10:00:02.250000+00:00"
    records = [
        {"server_id": "a", "moved": moved, "status": "completed"},
        {"server_id": "b", "moved": moved, "status": "running"},
    ]
    assert tally.ends({"migrations": records}) == {"a": tally.moment(moved)}


def test_the_busiest_user_is_that_of_the_fullest_window() -> None:
    entries = [entry(float(second), user="a") for second in range(10)]
    entries += [entry(20.0 + second / 10, user="b") for second in range(30)]
    arrivals = tally.of_users(entries, ["a", "b"])
    assert tally.busiest_user(arrivals) == pytest.approx(3.0)
