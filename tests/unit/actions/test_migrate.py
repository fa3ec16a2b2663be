"""migrate: done is done only after the confirmation, and "no valid host" leaves no trace."""

from typing import Any

import pytest

from serveractions.actions.action import (
    Cancelled,
    Decide,
    Failed,
    Go,
    Running,
    Succeeded,
    Target,
    Wait,
)
from serveractions.actions.migrate import Migrate
from serveractions.actions.observation import Observation
from serveractions.api.spec import ServerMigrationSpec
from serveractions.api.status import FollowUpState, Reason
from sightings import (
    MIGRATION,
    MOMENT,
    NOW,
    OTHER_MIGRATION,
    SERVER_ID,
    SETTLED,
    SPEC,
    STALLED,
    UID,
    event,
    migration,
    moved,
    record,
    seen,
    sent,
    server,
    status,
)

ACTION = Migrate()
VERIFY = moved("VERIFY_RESIZE")
RUNNING = record("migrate", [event("cold_migrate"), event("conductor_migrate_server")])
NO_HOST = record(
    "migrate",
    [
        event(
            "conductor_migrate_server", "Error", "No valid host was found. None for cold migrate"
        ),
        event("cold_migrate", "Error", "No valid host was found. None for cold migrate"),
    ],
)
WORDLESS = record("migrate", [event("conductor_migrate_server", "Error")])


def spec(**fields: Any) -> ServerMigrationSpec:
    return ServerMigrationSpec.model_validate(SPEC | fields)


def judge(observation: Observation, **changes: Any) -> Any:
    return ACTION.judge(spec(), status("migrate", **changes), observation)


def reason(observation: Observation, **changes: Any) -> Reason:
    verdict = judge(observation, **changes)
    assert isinstance(verdict, Failed), verdict
    assert isinstance(verdict.reason, Reason)
    return verdict.reason


@pytest.mark.parametrize(("host", "content"), [(None, None), ("c2", {"host": "c2"})])
def test_without_a_host_nova_gets_null_and_with_one_an_object(
    host: str | None, content: Any
) -> None:
    request = ACTION.request(spec(host=host), Target(uid=UID, name="x", server=server()), "2.100")
    assert request.body == {"migrate": content}
    assert request.path == f"/servers/{SERVER_ID}/action"
    assert request.microversion == "2.65"


def test_it_waits_for_a_running_task_and_warns_of_a_state_that_nova_refuses() -> None:
    assert isinstance(ACTION.precheck(spec(), server(task="resize_prep")), Wait)
    assert ACTION.precheck(spec(), server("SHUTOFF")) == Go()
    check = ACTION.precheck(spec(), server("PAUSED"))
    assert isinstance(check, Go)
    assert "409" in (check.warning or "")


@pytest.mark.parametrize(
    ("where", "state"),
    [
        (server("RESIZE", "resize_prep"), "pre-migrating"),
        (server("RESIZE", "resize_migrating"), "migrating"),
        (server("RESIZE", "resize_migrated"), "post-migrating"),
        (moved("RESIZE", "resize_finish"), "finished"),
        (moved("VERIFY_RESIZE"), "confirming"),
        (moved("VERIFY_RESIZE"), "confirmed"),
        (moved("REVERT_RESIZE", "resize_reverting"), "reverting"),
        (server("REVERT_RESIZE", "resize_reverting"), "reverted"),
        (moved("VERIFY_RESIZE", "deleting"), "finished"),
    ],
)
def test_between_acceptance_and_the_end_it_runs(where: Any, state: str) -> None:
    for quiet in (MOMENT, SETTLED):
        verdict = judge(seen(where, migrations=(migration(state),), action=RUNNING, quiet=quiet))
        assert isinstance(verdict, Running)


def test_finished_in_verify_resize_asks_for_a_decision_and_names_the_migration() -> None:
    verdict = judge(seen(VERIFY, migrations=(migration("finished"),), action=RUNNING))
    assert isinstance(verdict, Decide)
    assert verdict.migration.uuid == MIGRATION


@pytest.mark.parametrize("end", [moved(), moved("SHUTOFF"), moved(task="rebooting")])
def test_confirmed_and_out_of_verify_resize_is_success(end: Any) -> None:
    verdict = judge(
        seen(end, migrations=(migration("confirmed"),)), follow_ups=(sent("confirmResize"),)
    )
    assert isinstance(verdict, Succeeded)
    assert verdict.message.endswith("confirmed")


@pytest.mark.parametrize("tries", [(), (sent("confirmResize", FollowUpState.REFUSED),)])
def test_a_confirmation_by_someone_else_is_success_and_says_so(tries: Any) -> None:
    verdict = judge(seen(moved(), migrations=(migration("confirmed"),)), follow_ups=tries)
    assert isinstance(verdict, Succeeded)
    assert "someone else" in verdict.message


YOUNGER = migration("finished", uuid=OTHER_MIGRATION, user_id="them")


@pytest.mark.parametrize("now", [VERIFY, moved("RESIZE", task="resize_finish")])
def test_what_somebody_has_begun_since_does_not_hide_how_ours_ended(now: Any) -> None:
    def with_younger(state: str) -> Any:
        return judge(seen(now, migrations=(YOUNGER, migration(state)), action=NO_HOST))

    verdict = with_younger("confirmed")
    assert isinstance(verdict, Succeeded)
    assert "someone else" in verdict.message
    assert with_younger("reverted").reason is Reason.REVERTED
    assert with_younger("error").reason is Reason.NO_VALID_HOST


@pytest.mark.parametrize(
    "asked",
    [
        {"decision": "Revert"},
        {"cancel_requested_time": NOW},
        {"follow_ups": (sent("revertResize"),)},
        {"follow_ups": (sent("revertResize", FollowUpState.UNKNOWN),)},
    ],
)
def test_a_revert_that_was_asked_for_is_cancelled(asked: dict[str, Any]) -> None:
    verdict = judge(seen(server(), migrations=(migration("reverted"),)), **asked)
    assert isinstance(verdict, Cancelled)


def test_a_revert_by_someone_else_is_a_failure() -> None:
    assert reason(seen(server(), migrations=(migration("reverted"),))) is Reason.REVERTED
    assert (
        reason(seen(server("SHUTOFF"), migrations=(migration("reverted"),)), decision="Confirm")
        is Reason.REVERTED
    )


def test_no_valid_host_is_found_in_the_instance_action_alone() -> None:
    failed = migration("error", dest_host=None)
    for found in ((failed,), (), None):
        verdict = judge(seen(server(), migrations=found, action=NO_HOST))
        assert isinstance(verdict, Failed)
        assert verdict.reason is Reason.NO_VALID_HOST
        assert "None for cold migrate" in verdict.message


def test_a_failure_without_visible_words_says_who_sees_them() -> None:
    verdict = judge(seen(server(), migrations=(migration("error"),), action=WORDLESS))
    assert isinstance(verdict, Failed)
    assert "administrator" in verdict.message


def test_an_error_event_decides_nothing_while_nova_is_still_at_it() -> None:
    busy = server("RESIZE", "resize_prep")
    for found in ((migration("pre-migrating"),), (), None):
        verdict = judge(seen(busy, migrations=found, action=WORDLESS, quiet=STALLED))
        assert isinstance(verdict, Running)


def test_an_error_event_with_an_idle_server_ends_a_migration_that_nova_left_open() -> None:
    facts: dict[str, Any] = {"migrations": (migration("pre-migrating"),), "action": NO_HOST}
    assert reason(seen(server(), **facts)) is Reason.NO_VALID_HOST


def test_a_server_in_error_carries_its_fault() -> None:
    broken = server("ERROR", fault="disk is full")
    for state, quiet in (("error", MOMENT), ("migrating", SETTLED), ("finished", SETTLED)):
        verdict = judge(seen(broken, migrations=(migration(state),), action=WORDLESS, quiet=quiet))
        assert isinstance(verdict, Failed)
        assert verdict.reason is Reason.ACTION_FAILED
        assert "disk is full" in verdict.message


def test_the_failure_waits_a_moment_for_novas_words_and_not_longer() -> None:
    facts: dict[str, Any] = {"migrations": (migration("error"),), "action": record("migrate", ())}
    assert isinstance(judge(seen(server(), **facts)), Running)
    assert reason(seen(server(), quiet=SETTLED, **facts)) is Reason.ACTION_FAILED


def test_a_confirmation_that_failed_is_a_failure_with_the_fault() -> None:
    broken = moved("ERROR", fault="source is down")
    assert isinstance(judge(seen(broken, migrations=(migration("confirmed"),))), Running)
    assert reason(seen(broken, migrations=(migration("error"),), action=RUNNING)) is (
        Reason.ACTION_FAILED
    )


def test_a_state_that_was_reset_in_verify_resize_does_not_hang() -> None:
    facts: dict[str, Any] = {"migrations": (migration("finished"),), "action": RUNNING}
    assert isinstance(judge(seen(moved(), **facts)), Running)
    verdict = judge(seen(moved(), quiet=SETTLED, **facts))
    assert isinstance(verdict, Failed)
    assert "both hosts" in verdict.message


@pytest.mark.parametrize(
    ("where", "state", "expected"),
    [
        (server(), "migrating", Reason.ACTION_FAILED),
        (server("RESIZE"), "migrating", Reason.OUTCOME_UNKNOWN),
        (VERIFY, "migrating", Reason.OUTCOME_UNKNOWN),
        (VERIFY, "confirming", Reason.OUTCOME_UNKNOWN),
        (VERIFY, "confirmed", Reason.OUTCOME_UNKNOWN),
        (VERIFY, "reverting", Reason.OUTCOME_UNKNOWN),
        (VERIFY, "reverted", Reason.OUTCOME_UNKNOWN),
    ],
)
def test_what_nova_left_behind_ends_after_a_long_quiet(
    where: Any, state: str, expected: Reason
) -> None:
    facts: dict[str, Any] = {"migrations": (migration(state),), "action": RUNNING}
    assert isinstance(judge(seen(where, quiet=SETTLED, **facts)), Running)
    assert reason(seen(where, quiet=STALLED, **facts)) is expected


def test_with_hidden_migrations_verify_resize_is_not_confirmed_blindly() -> None:
    assert isinstance(judge(seen(VERIFY, action=RUNNING)), Running)
    verdict = judge(seen(VERIFY, action=RUNNING, quiet=SETTLED))
    assert isinstance(verdict, Failed)
    assert verdict.reason is Reason.POLICY_FORBIDS
    assert "os_compute_api:os-migrations:index" in verdict.message


def test_with_hidden_migrations_the_host_decides_once_all_is_quiet() -> None:
    for where in (moved(), server()):
        assert isinstance(judge(seen(where, action=RUNNING)), Running)
    assert isinstance(judge(seen(moved(host=None), action=RUNNING, quiet=SETTLED)), Succeeded)
    assert reason(seen(server(host=None), action=RUNNING, quiet=SETTLED)) is Reason.ACTION_FAILED
    broken = server("ERROR", fault="x")
    assert reason(seen(broken, action=RUNNING, quiet=SETTLED)) is Reason.ACTION_FAILED


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (VERIFY, Reason.OUTCOME_UNKNOWN),
        (moved(), Reason.OUTCOME_UNKNOWN),
        (server(), Reason.ACTION_FAILED),
        (server("ERROR"), Reason.ACTION_FAILED),
    ],
)
def test_visible_migrations_without_ours_never_make_a_success(where: Any, expected: Reason) -> None:
    theirs = migration("finished", uuid=OTHER_MIGRATION, user_id="them")
    facts: dict[str, Any] = {"migrations": (theirs,), "action": RUNNING}
    assert isinstance(judge(seen(where, **facts)), Running)
    assert reason(seen(where, quiet=SETTLED, **facts)) is expected


def test_two_new_migrations_of_the_same_moment_are_not_taken_blindly() -> None:
    both = (migration("finished"), migration("finished", uuid=OTHER_MIGRATION))
    assert isinstance(judge(seen(VERIFY, migrations=both)), Running)
    assert reason(seen(VERIFY, migrations=both, quiet=SETTLED)) is Reason.OUTCOME_UNKNOWN


def test_a_server_deleted_in_flight_is_a_failure_and_one_deleted_after_is_none() -> None:
    assert reason(seen(None, migrations=(migration("finished"),))) is Reason.SERVER_GONE
    confirmed = seen(None, migrations=(migration("confirmed"),))
    assert isinstance(judge(confirmed, follow_ups=(sent("confirmResize"),)), Succeeded)


def test_a_confirmation_by_the_deletion_itself_is_a_failure_whether_it_is_seen_or_not() -> None:
    for found in ((migration("confirmed"),), ()):
        assert reason(seen(None, migrations=found)) is Reason.SERVER_GONE


def test_a_partial_row_of_a_dead_cell_says_nothing() -> None:
    partial = server("UNKNOWN", partial=True)
    for found in ((migration("confirmed"),), (migration("error"),), None):
        assert isinstance(judge(seen(partial, migrations=found, quiet=STALLED)), Running)
