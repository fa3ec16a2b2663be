"""The times that a user can set, as moments."""

from datetime import UTC, datetime, timedelta
from typing import Any

from fakes.world import manifest
from serveractions.api.kinds import API_VERSION
from serveractions.api.resource import Resource, parse
from serveractions.api.status import Status
from serveractions.core import timing
from serveractions.core.timing import FOLLOW_LIMIT, Overdue

CREATED = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def resource(kind: str = "ServerMigration", **spec: Any) -> Resource:
    metadata = {
        "namespace": "default",
        "name": "one",
        "uid": "uid-1",
        "resourceVersion": "1",
        "generation": 1,
        "creationTimestamp": "2026-05-04T12:00:00Z",
    }
    body = {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata}
    return parse(body | {"spec": manifest(kind, **spec)})


def accepted(**changes: Any) -> Status:
    return Status(issued_time=CREATED).model_copy(update=changes)


def test_without_limits_nothing_expires_and_nothing_is_overdue() -> None:
    far = CREATED + timedelta(days=10_000)
    assert timing.expired(resource(), far) is None
    assert timing.expiry(resource()) is None
    assert timing.deadline(resource(), accepted()) is None
    assert timing.overdue(resource(), accepted(), far) is Overdue.NO


def test_not_after_is_the_last_moment_that_is_allowed() -> None:
    limited = resource(notAfter="2026-05-04T12:10:00Z")
    moment = CREATED + timedelta(minutes=10)
    assert timing.expiry(limited) == moment
    assert timing.expired(limited, moment) is None
    assert "notAfter" in (timing.expired(limited, moment + SECOND) or "")


def test_the_starting_deadline_counts_from_creation() -> None:
    limited = resource(startingDeadlineSeconds=60)
    moment = CREATED + 60 * SECOND
    assert timing.expiry(limited) == moment
    assert timing.expired(limited, moment) is None
    assert "startingDeadlineSeconds" in (timing.expired(limited, moment + SECOND) or "")


def test_the_earlier_of_two_limits_counts() -> None:
    limited = resource(notAfter="2026-05-04T12:10:00Z", startingDeadlineSeconds=60)
    assert timing.expiry(limited) == CREATED + 60 * SECOND


def test_the_deadline_counts_from_acceptance_and_not_from_creation() -> None:
    limited = resource(activeDeadlineSeconds=60)
    accepted_later = accepted(issued_time=CREATED + timedelta(hours=1))
    assert timing.deadline(limited, Status()) is None
    assert timing.deadline(limited, accepted_later) == CREATED + timedelta(hours=1, seconds=60)


def test_a_step_at_the_very_deadline_finds_it_passed() -> None:
    limited, moment = resource(activeDeadlineSeconds=60), CREATED + 60 * SECOND
    assert timing.overdue(limited, accepted(), moment - SECOND) is Overdue.NO
    assert timing.overdue(limited, accepted(), moment) is Overdue.END


def test_on_deadline_begins_once_and_has_ten_minutes() -> None:
    for on_deadline in ("Abort", "ForceComplete"):
        limited = resource("ServerLiveMigration", activeDeadlineSeconds=60, onDeadline=on_deadline)
        moment = CREATED + 60 * SECOND
        begun = accepted(deadline_time=moment)
        assert timing.overdue(limited, accepted(), moment) is Overdue.BEGIN
        assert timing.overdue(limited, begun, moment + SECOND) is Overdue.FOLLOW
        assert timing.overdue(limited, begun, moment + FOLLOW_LIMIT - SECOND) is Overdue.FOLLOW
        assert timing.overdue(limited, begun, moment + FOLLOW_LIMIT) is Overdue.END
        assert timing.deadline(limited, begun) == moment + FOLLOW_LIMIT


def test_the_deadline_stands_still_while_a_decision_is_awaited() -> None:
    limited = resource(activeDeadlineSeconds=60)
    waiting = accepted(awaiting_since=CREATED + 20 * SECOND)
    assert timing.deadline(limited, waiting) is None
    assert timing.overdue(limited, waiting, CREATED + timedelta(days=1)) is Overdue.NO

    resumed = timing.resume_clock(waiting, CREATED + 520 * SECOND)

    assert (resumed.awaiting_since, resumed.awaited_seconds) == (None, 500)
    assert timing.deadline(limited, resumed) == CREATED + 560 * SECOND
    again = resumed.model_copy(update={"awaiting_since": CREATED + 530 * SECOND})
    assert timing.resume_clock(again, CREATED + 540 * SECOND).awaited_seconds == 510


def test_a_clock_that_was_set_back_takes_nothing_off_the_wait() -> None:
    waiting = accepted(awaiting_since=CREATED + 20 * SECOND, awaited_seconds=5)
    assert timing.resume_clock(waiting, CREATED).awaited_seconds == 5
    assert timing.resume_clock(accepted(), CREATED) == accepted()


def test_the_time_until_a_moment_is_never_negative() -> None:
    assert timing.seconds_until(None, CREATED) is None
    assert timing.seconds_until(CREATED + 5 * SECOND, CREATED) == 5
    assert timing.seconds_until(CREATED - 5 * SECOND, CREATED) == 0
