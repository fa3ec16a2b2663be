"""Which migration is ours: told once by type, user and time, then only by its uuid."""

from datetime import timedelta
from typing import Any

import pytest

from serveractions.actions import migrations
from serveractions.actions.observation import Migration
from serveractions.api.status import FollowUpState
from sightings import (
    MIGRATION,
    NOW,
    OTHER_MIGRATION,
    intent,
    migration,
    moved,
    record,
    recorded,
    seen,
    sent,
    server,
    status,
)


def ours(found: tuple[Migration, ...] | None, **changes: Any) -> str | None:
    observation = seen(server(), migrations=found, action=changes.pop("action", None))
    chosen = migrations.ours(status("migrate", **changes), observation)
    return chosen.uuid if chosen else None


def other(**changes: Any) -> Migration:
    return migration("finished", **({"uuid": OTHER_MIGRATION} | changes))


def test_the_only_new_one_of_our_type_and_user_is_ours() -> None:
    assert ours((migration("migrating"),)) == MIGRATION
    assert ours((migration("migrating", user_id=None),)) == MIGRATION


@pytest.mark.parametrize(
    "found",
    [
        migration("migrating", "live-migration"),
        migration("migrating", "resize"),
        migration("migrating", "evacuation"),
        migration("migrating", user_id="them"),
        migration("migrating", created=NOW - timedelta(seconds=3)),
    ],
)
def test_another_type_user_or_an_earlier_time_is_not_ours(found: Migration) -> None:
    assert ours((found,)) is None


def test_one_that_was_there_before_is_not_ours() -> None:
    known = intent("migrate", known_migration_uuids=(MIGRATION,))
    assert ours((migration("finished"),), intent=known) is None


def test_the_recorded_one_is_ours_whatever_came_later() -> None:
    newer = other(created=NOW + timedelta(hours=1))
    assert ours((newer, migration("confirmed")), migration=recorded()) == MIGRATION
    assert ours((newer,), migration=recorded()) is None


def test_a_younger_one_is_somebody_elses() -> None:
    newer = other(created=NOW + timedelta(hours=1))
    assert ours((newer, migration("confirmed"))) == MIGRATION


def test_two_of_the_same_moment_are_ambiguous_and_none_is_taken() -> None:
    twins = (migration("error"), other())
    found = migrations.search(status("migrate"), seen(server(), migrations=twins))
    assert found == migrations.Ambiguous((MIGRATION, OTHER_MIGRATION))
    assert ours(twins) is None


def test_one_that_began_before_our_accepted_request_is_a_strangers() -> None:
    mine = record("migrate", start_time=NOW + timedelta(seconds=5))
    stranger = other(created=NOW + timedelta(seconds=1))
    assert ours((migration("error", created=NOW + timedelta(seconds=6)), stranger)) is None
    assert (
        ours(
            (migration("migrating", created=NOW + timedelta(seconds=6)), stranger),
            action=mine,
        )
        == MIGRATION
    )


def test_hidden_migrations_and_a_missing_intent_give_none() -> None:
    assert ours(None) is None
    assert ours(()) is None
    assert ours((migration("running"),), intent=None) is None


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        ({}, server(), False),
        ({}, moved(), True),
        ({}, moved(host=None), True),
        ({}, server(host=None), False),
        ({"source_host": None}, moved(), True),
        ({"source_host_id": None}, moved(host=None), None),
        ({"source_host": None, "source_host_id": None}, moved(), None),
        ({}, server(host=None, host_id=None), None),
    ],
)
def test_a_host_is_compared_with_a_host_and_a_hash_with_a_hash(
    before: dict[str, Any], now: Any, expected: bool | None
) -> None:
    assert migrations.moved(intent("migrate", **before), now) is expected


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (FollowUpState.ACCEPTED, True),
        (FollowUpState.ISSUING, True),
        (FollowUpState.UNKNOWN, True),
        (FollowUpState.REFUSED, False),
        (FollowUpState.NOT_SENT, False),
    ],
)
def test_a_follow_up_counts_unless_nova_certainly_did_not_take_it(
    state: FollowUpState, expected: bool
) -> None:
    held = status("migrate", follow_ups=(sent("abort", state),))
    assert migrations.asked(held, "abort", MIGRATION) is expected
    assert not migrations.asked(held, "abort", OTHER_MIGRATION)
    assert not migrations.asked(held, "confirmResize", MIGRATION)
