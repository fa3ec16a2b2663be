"""A record of a cloud that lies: what is read of it can be shown, stored and compared."""

from typing import Any

import pytest

from serveractions.api.status import Progress
from serveractions.cloud import records
from serveractions.cloud.records import BadRecordError
from unit.cloud.openstack import ACTION, IMAGE, OTHER, image, migration, server

WHEN = "2026-08-20T10:00:00Z"
HUGE, TINY = 2**63, -(2**63) - 1


def action(**changes: Any) -> dict[str, Any]:
    return {"action": "migrate", "request_id": ACTION, "start_time": WHEN} | changes


def test_a_name_has_no_control_characters_and_an_end() -> None:
    found = records.server(server(name="a\x1b[31m\u202eb\x00\ud800" + "x" * 10_000)).name
    assert found.startswith("a\ufffd[31m\ufffdb\ufffd\ufffdx")
    assert len(found) == records.LONGEST


def test_spaces_within_a_name_stay() -> None:
    assert records.server(server(name="web  1 ")).name == "web  1 "


def test_what_is_no_text_is_not_seen() -> None:
    found = records.server(server(name=["x"], locked="yes", updated=7, fault="down"))
    assert (found.name, found.locked, found.updated, found.fault) == ("", False, None, None)


@pytest.mark.parametrize("value", [101, -1, 10**400, 50.5, True, "50", None])
def test_a_percentage_that_is_none_is_not_seen(value: Any) -> None:
    assert records.server(server(progress=value)).progress is None


@pytest.mark.parametrize("value", [HUGE, TINY, 10**400, 1.5, float("inf"), True, "1", [1]])
def test_a_number_that_cannot_be_stored_is_not_seen(value: Any) -> None:
    found = records.progress({"memory_total_bytes": value}, percent=None)
    assert found == Progress()
    assert records.image(image(IMAGE, WHEN, size=value)).size is None
    with pytest.raises(BadRecordError):
        records.migration(migration(value, OTHER, WHEN))


@pytest.mark.parametrize(
    "moment",
    [
        "9999-12-31T23:59:59-12:00",
        "9999-12-31T23:59:59Z",
        "1999-12-31T23:59:59Z",
        "0001-01-01T00:00:00+12:00",
        "2026-08-20T10:00:00+99:99",
        "10000-01-01T00:00:00",
        "x" * 10_000,
        "",
        1_800_000_000,
        None,
    ],
)
def test_a_moment_that_does_not_exist_is_not_seen(moment: Any) -> None:
    assert records.server(server(updated=moment)).updated is None
    with pytest.raises(BadRecordError):
        records.instance_action(action(start_time=moment))


@pytest.mark.parametrize(
    "value", ["", "x", f"{OTHER}/../x", OTHER + "\n", 7, None, [OTHER], "é" * 9]
)
def test_what_is_no_id_makes_no_record(value: Any) -> None:
    for read, row in (
        (records.server, server(id=value)),
        (records.image, image(value, WHEN)),
        (records.migration, migration(1, value, WHEN)),
        (records.migration, migration(1, OTHER, WHEN, instance_uuid=value)),
    ):
        with pytest.raises(BadRecordError):
            read(row)


@pytest.mark.parametrize("value", ["", "req 1", "req-" + "a" * 100, "req-\x1b[2J", 7, None])
def test_what_is_no_request_id_makes_no_record(value: Any) -> None:
    with pytest.raises(BadRecordError):
        records.instance_action(action(request_id=value))


def test_a_failures_words_are_one_short_line() -> None:
    event = {"event": "compute_live_migration", "details": "a\r\n\x1b[2J" + "b" * 10_000}
    found = records.instance_action(action(events=[event])).events
    assert found is not None
    details = found[0].details or ""
    assert details.startswith("a [2Jbbb")
    assert len(details) == 1024


@pytest.mark.parametrize("events", ["x", 7, {"event": "x"}, None])
def test_events_that_are_no_list_count_as_hidden(events: Any) -> None:
    assert records.instance_action(action(events=events)).events is None


@pytest.mark.parametrize("events", [[7], [None], [{}], [{"event": None}], [["event"]]])
def test_an_event_that_is_none_makes_no_record(events: Any) -> None:
    with pytest.raises(BadRecordError):
        records.instance_action(action(events=events))


def test_the_record_of_something_else_is_not_the_one_that_was_asked_for() -> None:
    records.same(OTHER.upper(), OTHER)
    with pytest.raises(BadRecordError):
        records.same(IMAGE, OTHER)
