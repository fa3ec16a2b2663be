"""Follow-ups: only for the recorded migration, only in the state that Nova needs."""

from collections.abc import Callable
from typing import Any

import pytest

from serveractions.actions import follow_up
from serveractions.actions.action import Go, Refuse, Wait
from serveractions.api.status import Reason
from sightings import (
    OTHER_MIGRATION,
    SERVER_ID,
    migration,
    moved,
    recorded,
    seen,
    server,
    status,
)

HELD = status("migrate", migration=recorded())
VERIFY = moved("VERIFY_RESIZE")
MIGRATING = server("MIGRATING", "migrating")
SETTLING = [follow_up.may_confirm, follow_up.may_revert]
STEERING = [follow_up.may_abort, follow_up.may_force_complete]
Guard = Callable[..., Any]


def live(state: str) -> Any:
    return migration(state, "live-migration")


@pytest.mark.parametrize(
    ("request_", "name", "method", "path", "body"),
    [
        (follow_up.confirm(SERVER_ID), "confirmResize", "POST", "action", {"confirmResize": None}),
        (follow_up.revert(SERVER_ID), "revertResize", "POST", "action", {"revertResize": None}),
        (follow_up.abort(SERVER_ID, 7), "abort", "DELETE", "migrations/7", None),
        (
            follow_up.force_complete(SERVER_ID, 7),
            "force_complete",
            "POST",
            "migrations/7/action",
            {"force_complete": None},
        ),
    ],
)
def test_each_request_is_exactly_what_nova_documents(
    request_: Any, name: str, method: str, path: str, body: Any
) -> None:
    assert (request_.name, request_.method, request_.body) == (name, method, body)
    assert request_.path == f"/servers/{SERVER_ID}/{path}"
    assert request_.microversion == "2.65"


@pytest.mark.parametrize("guard", SETTLING)
@pytest.mark.parametrize(
    ("state", "where", "expected"),
    [
        ("finished", VERIFY, Go),
        ("finished", moved("VERIFY_RESIZE", "resize_finish"), Wait),
        ("finished", moved("RESIZE", "resize_finish"), Wait),
        ("finished", moved(), Wait),
        ("pre-migrating", server("RESIZE", "resize_prep"), Wait),
        ("migrating", server("RESIZE", "resize_migrating"), Wait),
        ("post-migrating", server("RESIZE", "resize_migrated"), Wait),
        ("confirming", VERIFY, Refuse),
        ("confirmed", moved(), Refuse),
        ("reverting", moved("REVERT_RESIZE", "resize_reverting"), Refuse),
        ("reverted", server(), Refuse),
        ("error", server(), Refuse),
    ],
)
def test_confirm_and_revert_need_finished_verify_resize_and_no_task(
    guard: Guard, state: str, where: Any, expected: type[Any]
) -> None:
    check = guard(HELD, seen(where, migrations=(migration(state),)))
    assert isinstance(check, expected)


@pytest.mark.parametrize(
    ("state", "abort", "force"),
    [
        ("accepted", Wait, Wait),
        ("queued", Go, Wait),
        ("preparing", Go, Wait),
        ("running", Go, Go),
        ("running (post-copy)", Refuse, Refuse),
        ("post-migrating", Refuse, Refuse),
        ("completed", Refuse, Refuse),
        ("failed", Refuse, Refuse),
        ("cancelled", Refuse, Refuse),
        ("error", Refuse, Refuse),
    ],
)
def test_abort_and_force_complete_need_a_migration_that_nova_can_steer(
    state: str, abort: type[Any], force: type[Any]
) -> None:
    observation = seen(MIGRATING, migrations=(live(state),))
    assert isinstance(follow_up.may_abort(HELD, observation), abort)
    assert isinstance(follow_up.may_force_complete(HELD, observation), force)


@pytest.mark.parametrize("guard", STEERING)
def test_nothing_is_steered_while_nova_shows_no_migrating_task(guard: Guard) -> None:
    assert isinstance(guard(HELD, seen(server(), migrations=(live("running"),))), Wait)


def test_a_paused_server_can_be_aborted_but_not_forced() -> None:
    paused = server("MIGRATING", "migrating", vm_state="paused")
    observation = seen(paused, migrations=(live("running"),))
    assert isinstance(follow_up.may_abort(HELD, observation), Go)
    check = follow_up.may_force_complete(HELD, observation)
    assert isinstance(check, Refuse)
    assert check.reason is Reason.WRONG_SERVER_STATE


@pytest.mark.parametrize("guard", [*SETTLING, *STEERING])
def test_nothing_is_sent_for_a_migration_that_is_not_the_newest(guard: Guard) -> None:
    newer = migration("finished", uuid=OTHER_MIGRATION)
    check = guard(HELD, seen(VERIFY, migrations=(newer, migration("finished"))))
    assert isinstance(check, Refuse)
    assert check.reason is Reason.OUTCOME_UNKNOWN


LEFT = migration("finished", uuid=OTHER_MIGRATION)


@pytest.mark.parametrize("guard", SETTLING)
def test_nothing_is_settled_beside_an_older_migration_that_nova_would_settle_instead(
    guard: Guard,
) -> None:
    check = guard(HELD, seen(VERIFY, migrations=(migration("finished"), LEFT)))
    assert isinstance(check, Refuse)
    assert OTHER_MIGRATION in check.message


@pytest.mark.parametrize("resting", ["ACTIVE", "SHUTOFF", "ERROR"])
def test_a_migration_that_could_not_be_settled_is_not_begun(resting: str) -> None:
    refusal = follow_up.cannot_settle(server(resting), (migration("confirmed"), LEFT))
    assert refusal is not None
    assert OTHER_MIGRATION in refusal.message


@pytest.mark.parametrize(
    ("where", "found"),
    [
        (VERIFY, (LEFT,)),
        (server(), ()),
        (server(), (migration("confirmed"), migration("error"), migration("reverted"))),
    ],
)
def test_a_migration_is_begun_beside_ended_ones_and_nova_judges_one_that_waits(
    where: Any, found: Any
) -> None:
    assert follow_up.cannot_settle(where, found) is None


@pytest.mark.parametrize("guard", [*SETTLING, *STEERING])
@pytest.mark.parametrize(
    ("held", "observation", "expected"),
    [
        (HELD, seen(None), Refuse),
        (HELD, seen(server("DELETED"), migrations=(migration("finished"),)), Refuse),
        (HELD, seen(server(partial=True), migrations=(migration("finished"),)), Wait),
        (HELD, seen(VERIFY), Refuse),
        (HELD, seen(VERIFY, migrations=()), Refuse),
        (HELD, seen(VERIFY, migrations=(migration("finished", uuid=OTHER_MIGRATION),)), Refuse),
        (status("migrate"), seen(VERIFY, migrations=(migration("finished"),)), Wait),
    ],
)
def test_nothing_is_sent_unless_the_recorded_migration_is_seen(
    guard: Guard, held: Any, observation: Any, expected: type[Any]
) -> None:
    assert isinstance(guard(held, observation), expected)
