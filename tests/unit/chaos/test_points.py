"""Where a process can be hurt is found in the calls of a good run."""

from chaos.points import around_requests, checks, points, residual
from fakes.mortal import Call, Point


def calls(*names: str) -> list[Call]:
    return [
        Call(number, name, names[: number + 1].count(name), None, 0.0)
        for number, name in enumerate(names)
    ]


SENDING = calls(
    "objects.mark",
    "objects.write_status",
    "cloud.send",
    "cloud.send>clock.boottime",
    "cloud.send>leases.remaining",
    "objects.write_status",
)


def test_a_process_can_end_before_the_first_call_and_after_each() -> None:
    assert points(SENDING) == [
        Point("objects.mark", 1, "before"),
        Point("objects.mark", 1, "after"),
        Point("objects.write_status", 1, "after"),
        Point("cloud.send", 1, "after"),
        Point("objects.write_status", 2, "after"),
    ]


def test_what_a_process_reads_of_no_object_is_no_part_of_its_life() -> None:
    assert points(calls("objects.unfinished", "objects.mark", "objects.finished")) == [
        Point("objects.mark", 1, "before"),
        Point("objects.mark", 1, "after"),
    ]


def test_one_that_made_no_call_has_no_point() -> None:
    assert points([]) == []


def test_a_process_can_be_stopped_before_each_of_the_last_checks() -> None:
    assert checks(SENDING) == [
        Point("cloud.send>clock.boottime", 1, "before"),
        Point("cloud.send>leases.remaining", 1, "before"),
    ]


def test_only_behind_the_last_check_nothing_can_hold_it_back() -> None:
    assert residual(SENDING) == [Point("cloud.send>leases.remaining", 1, "after")]


def test_around_a_request_is_from_its_mark_to_its_record() -> None:
    life = [
        *("clouds.open", "objects.write_status", "objects.mark", "objects.write_status"),
        *("cloud.send", "cloud.send>leases.remaining", "objects.write_status", "cloud.server"),
        *("objects.write_status", "cloud.send", "objects.write_status", "poller.forget"),
    ]
    assert around_requests(calls(*life)) == [
        Point("objects.mark", 1, "before"),
        Point("objects.mark", 1, "after"),
        Point("objects.write_status", 2, "after"),
        Point("cloud.send", 1, "after"),
        Point("objects.write_status", 3, "after"),
        Point("objects.write_status", 4, "before"),
        Point("objects.write_status", 4, "after"),
        Point("cloud.send", 2, "after"),
        Point("objects.write_status", 5, "after"),
    ]


def test_where_nothing_is_sent_there_is_nothing_around_it() -> None:
    assert around_requests(calls("objects.mark", "objects.write_status")) == []
