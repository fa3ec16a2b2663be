"""Where a process can be hurt: found in what it did when nothing happened to it. Pure."""

from collections.abc import Sequence

from fakes.mortal import Call, Point

REQUEST, MARK, STATUS = "cloud.send", "objects.mark", "objects.write_status"
LAST_CHECK = "cloud.send>leases.remaining"
"""After this nothing is asked any more before a request leaves."""
_IN_MEMORY = ("clock.", "leases.")
_OF_NO_OBJECT = frozenset({"objects.unfinished", "objects.finished"})
"""A Lease that is gained, and the clock: not a step of this object's life."""


def points(calls: Sequence[Call]) -> list[Point]:
    """Return where a process can be ended.

    Before a call is after the one before it: between two calls a process touches nothing.
    """
    outside = [each for each in calls if not _in_memory(each) and each.name not in _OF_NO_OBJECT]
    if not outside:
        return []
    begin = Point(outside[0].name, outside[0].nth, "before")
    return [begin, *(Point(each.name, each.nth, "after") for each in outside)]


def around_requests(calls: Sequence[Call]) -> list[Point]:
    """Return the points from the first write before each request to the first one after it.

    There a stopped process has something in its hands; elsewhere it has only looked.
    """
    found: list[Point] = []
    written = 0
    for number, call in enumerate(calls):
        if call.name == REQUEST:
            after = (n for n, each in enumerate(calls) if n > number and each.name == STATUS)
            end = next(after, len(calls) - 1)
            found += points(calls[_begin(calls, written, number) : end + 1])
            written = end + 1
    return found


def checks(calls: Sequence[Call]) -> list[Point]:
    """Return the last checks before a request: a process that is stopped before one is asked it
    after it has been woken.
    """
    return [Point(each.name, each.nth, "before") for each in calls if _in_memory(each)]


def residual(calls: Sequence[Call]) -> list[Point]:
    """Return the places behind the last check, where nothing can hold a stopped process back."""
    return [Point(each.name, each.nth, "after") for each in calls if each.name == LAST_CHECK]


def _begin(calls: Sequence[Call], first: int, request: int) -> int:
    """Return where the writes before a request begin: its mark, or the record of a follow-up."""
    before = range(first, request)
    marks = [number for number in before if calls[number].name == MARK]
    return max(marks or [number for number in before if calls[number].name == STATUS] or before)


def _in_memory(call: Call) -> bool:
    return call.name.rpartition(">")[2].startswith(_IN_MEMORY)
