"""os-migrateLive: success is a completed migration and another host, and nothing less."""

from collections.abc import Mapping
from typing import Any

import pytest

from serveractions.actions.action import Cancelled, Failed, Go, Running, Succeeded, Target, Wait
from serveractions.actions.live_migrate import LiveMigrate
from serveractions.actions.microversions import UnsupportedMicroversion
from serveractions.actions.observation import Migration, Observation
from serveractions.api.spec import ServerLiveMigrationSpec
from serveractions.api.status import FollowUpState, Progress, Reason
from sightings import (
    MOMENT,
    NOW,
    OTHER_MIGRATION,
    SERVER_ID,
    SETTLED,
    SPEC,
    STALLED,
    UID,
    event,
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

ACTION = LiveMigrate()
NAME = "os-migrateLive"
MIGRATING = server("MIGRATING", "migrating")
QUEUED_FINE = record(
    "live-migration",
    [event("conductor_live_migrate_instance"), event("compute_live_migration")],
)
NO_HOST = record(
    "live-migration",
    [event("conductor_live_migrate_instance", "Error", "No valid host was found. Too few.")],
)
PRE_CHECK = record(
    "live-migration",
    [
        event("compute_check_can_live_migrate_destination", None),
        event("conductor_live_migrate_instance", "Error", "Migration pre-check error: CPU"),
    ],
)
WORDLESS = record("live-migration", [event("conductor_live_migrate_instance", "Error")])
NEXT_HOST_TRIED = record(
    "live-migration", [event("compute_check_can_live_migrate_destination", "Error", "no CPU")]
)
HIDDEN_ERROR = record("live-migration", None, message="Error")


def spec(**fields: Any) -> ServerLiveMigrationSpec:
    return ServerLiveMigrationSpec.model_validate(SPEC | fields)


def live(state: str, **changes: Any) -> Migration:
    return migration(state, "live-migration", **changes)


def judge(observation: Observation, **changes: Any) -> Any:
    return ACTION.judge(spec(), status(NAME, **changes), observation)


@pytest.mark.parametrize(
    ("fields", "newest", "body", "microversion"),
    [
        ({}, "2.100", {"host": None, "block_migration": "auto"}, "2.68"),
        ({"host": "c2"}, "2.68", {"host": "c2", "block_migration": "auto"}, "2.68"),
        ({}, "2.66", {"host": None, "block_migration": "auto"}, "2.66"),
        ({}, "2.65", {"host": None, "block_migration": "auto"}, "2.65"),
        (
            {"block_migration": "Always"},
            "2.100",
            {"host": None, "block_migration": True},
            "2.68",
        ),
        (
            {"block_migration": "Never"},
            "2.100",
            {"host": None, "block_migration": False},
            "2.68",
        ),
        (
            {"block_migration": "Always", "disk_over_commit": True},
            "2.100",
            {"host": None, "block_migration": True, "disk_over_commit": True},
            "2.24",
        ),
        (
            {"block_migration": "Never", "disk_over_commit": False},
            "2.65",
            {"host": None, "block_migration": False, "disk_over_commit": False},
            "2.24",
        ),
    ],
)
def test_the_request_says_exactly_what_the_spec_asks(
    fields: dict[str, Any], newest: str, body: Mapping[str, Any], microversion: str
) -> None:
    sent_ = ACTION.request(spec(**fields), Target(uid=UID, name="x", server=server()), newest)
    assert (sent_.method, sent_.path) == ("POST", f"/servers/{SERVER_ID}/action")
    assert sent_.body == {"os-migrateLive": body}
    assert sent_.microversion == microversion


@pytest.mark.parametrize("fields", [{}, {"block_migration": "Always", "disk_over_commit": True}])
def test_a_nova_older_than_rocky_is_refused_even_for_an_old_microversion(
    fields: dict[str, Any],
) -> None:
    with pytest.raises(UnsupportedMicroversion, match="Rocky"):
        ACTION.request(spec(**fields), Target(uid=UID, name="x", server=server()), "2.60")


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (server(), Go),
        (server("PAUSED"), Go),
        (server(task="rebooting"), Wait),
        (server(partial=True), Wait),
    ],
)
def test_it_waits_for_a_running_task_and_for_a_cell_that_is_down(
    state: Any, expected: type[Any]
) -> None:
    assert isinstance(ACTION.precheck(spec(), state), expected)


@pytest.mark.parametrize(
    ("state", "word"), [(server("SHUTOFF"), "stopped"), (server(locked=True), "locked")]
)
def test_what_nova_would_probably_refuse_is_a_warning_and_no_refusal(state: Any, word: str) -> None:
    check = ACTION.precheck(spec(), state)
    assert isinstance(check, Go)
    assert check.warning is not None
    assert word in check.warning


@pytest.mark.parametrize(
    "state", ["accepted", "queued", "preparing", "running", "running (post-copy)", "post-migrating"]
)
def test_a_migration_in_progress_runs_whatever_its_status_is_called(state: str) -> None:
    progress = Progress(percent=40)
    verdict = judge(
        seen(MIGRATING, migrations=(live(state),), action=QUEUED_FINE, progress=progress)
    )
    assert isinstance(verdict, Running)
    assert verdict.progress == progress


def test_events_that_all_say_success_do_not_mean_that_the_server_has_moved() -> None:
    for quiet in (MOMENT, SETTLED):
        verdict = judge(
            seen(MIGRATING, migrations=(live("running"),), action=QUEUED_FINE, quiet=quiet)
        )
        assert isinstance(verdict, Running)


def test_a_completed_migration_and_another_host_are_success() -> None:
    verdict = judge(seen(moved(), migrations=(live("completed"),), action=QUEUED_FINE))
    assert verdict == Succeeded("server web-1 was live-migrated to compute-2")


@pytest.mark.parametrize("where", [moved("PAUSED"), moved(host=None), moved(task="rebooting")])
def test_success_needs_neither_active_nor_an_administrator_nor_an_idle_server(where: Any) -> None:
    assert isinstance(judge(seen(where, migrations=(live("completed"),))), Succeeded)


def test_success_says_so_when_the_server_broke_afterwards() -> None:
    broken = moved("ERROR", fault="disk on fire")
    verdict = judge(seen(broken, migrations=(live("completed"),)))
    assert isinstance(verdict, Succeeded)
    assert "disk on fire" in verdict.message


def test_active_on_the_new_host_is_no_success_before_nova_calls_the_migration_completed() -> None:
    for quiet in (MOMENT, SETTLED):
        verdict = judge(seen(moved(), migrations=(live("running"),), quiet=quiet))
        assert isinstance(verdict, Running)


def test_completed_on_the_old_host_waits_for_the_host_and_then_is_unknown() -> None:
    facts: dict[str, Any] = {"migrations": (live("completed"),)}
    assert isinstance(judge(seen(server(), **facts)), Running)
    late = judge(seen(server(), quiet=SETTLED, **facts))
    assert isinstance(late, Failed)
    assert late.reason is Reason.OUTCOME_UNKNOWN


def test_completed_and_moved_back_by_another_migration_is_success() -> None:
    newer = live("completed", uuid=OTHER_MIGRATION, source_host="compute-2", user_id="them")
    verdict = judge(seen(server(), migrations=(newer, live("completed")), quiet=SETTLED))
    assert isinstance(verdict, Succeeded)
    assert "moved back" in verdict.message


@pytest.mark.parametrize("state", ["failed", "error"])
def test_active_after_a_rollback_is_failure_though_every_event_says_success(state: str) -> None:
    verdict = judge(seen(server(), migrations=(live(state),), action=QUEUED_FINE))
    assert isinstance(verdict, Failed)
    assert verdict.reason is Reason.ROLLED_BACK
    assert "on compute-1" in verdict.message


def test_no_valid_host_carries_novas_words() -> None:
    verdict = judge(seen(server(), migrations=(live("error"),), action=NO_HOST))
    assert isinstance(verdict, Failed)
    assert verdict.reason is Reason.NO_VALID_HOST
    assert "Too few." in verdict.message


def test_a_failed_pre_check_is_an_end_though_one_event_never_finishes() -> None:
    verdict = judge(seen(server(), migrations=(live("error"),), action=PRE_CHECK))
    assert isinstance(verdict, Failed)
    assert verdict.reason is Reason.ACTION_FAILED
    assert "pre-check error: CPU" in verdict.message


def test_without_the_right_to_see_details_the_message_says_who_can() -> None:
    verdict = judge(seen(server(), migrations=(live("error"),), action=WORDLESS))
    assert isinstance(verdict, Failed)
    assert "administrator" in verdict.message


def test_a_failed_pre_check_on_one_host_is_no_end_while_nova_tries_the_next() -> None:
    for found in ((live("accepted"),), (), None):
        verdict = judge(seen(MIGRATING, migrations=found, action=NEXT_HOST_TRIED, quiet=SETTLED))
        assert isinstance(verdict, Running)


def test_a_failure_waits_a_moment_for_novas_words_and_not_longer() -> None:
    unfinished = record("live-migration", [event("conductor_live_migrate_instance", None)])
    facts: dict[str, Any] = {"migrations": (live("error"),), "action": unfinished}
    assert isinstance(judge(seen(server(), **facts)), Running)
    assert isinstance(judge(seen(server(), quiet=SETTLED, **facts)), Failed)


def test_an_error_of_the_server_carries_its_fault() -> None:
    broken = server("ERROR", fault="libvirt gave up")
    verdict = judge(seen(broken, migrations=(live("error"),), action=QUEUED_FINE))
    assert isinstance(verdict, Failed)
    assert verdict.reason is Reason.ACTION_FAILED
    assert "libvirt gave up" in verdict.message


def test_a_migration_that_failed_after_the_server_had_moved_says_where_it_is() -> None:
    verdict = judge(seen(moved(), migrations=(live("error"),), action=QUEUED_FINE))
    assert isinstance(verdict, Failed)
    assert "moved to compute-2" in verdict.message


def test_a_task_that_stays_after_the_failure_is_named_with_its_cure() -> None:
    facts: dict[str, Any] = {"migrations": (live("failed"),), "action": QUEUED_FINE}
    assert isinstance(judge(seen(MIGRATING, **facts)), Running)
    verdict = judge(seen(MIGRATING, quiet=SETTLED, **facts))
    assert isinstance(verdict, Failed)
    assert "ServerStateReset" in verdict.message


def test_an_abort_that_the_user_asked_for_is_cancelled() -> None:
    verdict = judge(
        seen(server(), migrations=(live("cancelled"),)),
        cancel_requested_time=NOW,
        follow_ups=(sent("abort"),),
    )
    assert isinstance(verdict, Cancelled)


def test_an_abort_because_of_the_deadline_is_a_failure() -> None:
    verdict = judge(
        seen(server(), migrations=(live("cancelled"),)),
        deadline_time=NOW,
        follow_ups=(sent("abort", FollowUpState.UNKNOWN),),
    )
    assert isinstance(verdict, Failed)
    assert verdict.reason is Reason.DEADLINE_EXCEEDED


@pytest.mark.parametrize(
    "follow_ups",
    [
        (),
        (sent("abort", FollowUpState.REFUSED),),
        (sent("abort", FollowUpState.NOT_SENT),),
        (sent("abort", migration_uuid=OTHER_MIGRATION),),
    ],
)
def test_an_abort_by_someone_else_is_a_failure_that_says_so(follow_ups: Any) -> None:
    verdict = judge(seen(server(), migrations=(live("cancelled"),)), follow_ups=follow_ups)
    assert isinstance(verdict, Failed)
    assert "someone else" in verdict.message


def test_a_completed_migration_wins_over_a_late_abort() -> None:
    verdict = judge(
        seen(moved(), migrations=(live("completed"),)),
        cancel_requested_time=NOW,
        follow_ups=(sent("abort"),),
    )
    assert isinstance(verdict, Succeeded)


def test_no_record_of_a_migration_yet_is_no_failure() -> None:
    for found in ((), None):
        assert isinstance(judge(seen(MIGRATING, migrations=found, quiet=STALLED)), Running)
        assert isinstance(judge(seen(server(), migrations=found)), Running)


def test_with_hidden_migrations_the_record_and_the_host_decide() -> None:
    assert isinstance(judge(seen(moved(), quiet=MOMENT)), Running)
    assert isinstance(judge(seen(moved(host=None), quiet=SETTLED)), Succeeded)
    back = judge(seen(server(host=None), action=QUEUED_FINE, quiet=SETTLED))
    assert isinstance(back, Failed)
    assert back.reason is Reason.ROLLED_BACK
    refused = judge(seen(server(), action=NO_HOST))
    assert isinstance(refused, Failed)
    assert refused.reason is Reason.NO_VALID_HOST
    assert isinstance(judge(seen(server(), action=HIDDEN_ERROR)), Failed)


def test_visible_migrations_without_ours_never_make_a_success() -> None:
    verdict = judge(seen(moved(), migrations=(), quiet=SETTLED))
    assert isinstance(verdict, Failed)
    assert verdict.reason is Reason.OUTCOME_UNKNOWN


def test_a_place_that_cannot_be_compared_is_unknown_and_not_success() -> None:
    blind = intent(NAME, source_host=None, source_host_id=None)
    verdict = judge(seen(server(), quiet=SETTLED), intent=blind)
    assert isinstance(verdict, Failed)
    assert verdict.reason is Reason.OUTCOME_UNKNOWN


@pytest.mark.parametrize(
    ("where", "reason"),
    [(server(), Reason.ACTION_FAILED), (moved(), Reason.OUTCOME_UNKNOWN)],
)
def test_a_record_that_nova_left_behind_does_not_hang_for_ever(where: Any, reason: Reason) -> None:
    facts: dict[str, Any] = {"migrations": (live("running"),), "action": QUEUED_FINE}
    assert isinstance(judge(seen(where, quiet=SETTLED, **facts)), Running)
    verdict = judge(seen(where, quiet=STALLED, **facts))
    assert isinstance(verdict, Failed)
    assert verdict.reason is reason


def test_two_new_migrations_of_the_same_moment_are_not_taken_blindly() -> None:
    twin = live("completed", uuid=OTHER_MIGRATION)
    assert isinstance(judge(seen(MIGRATING, migrations=(live("running"), twin))), Running)
    verdict = judge(seen(server(), migrations=(live("failed"), twin), quiet=SETTLED))
    assert isinstance(verdict, Failed)
    assert verdict.reason is Reason.OUTCOME_UNKNOWN


def test_a_server_deleted_in_flight_is_a_failure_and_one_deleted_after_is_none() -> None:
    for gone in (None, server("DELETED")):
        verdict = judge(seen(gone, migrations=(live("running"),)))
        assert isinstance(verdict, Failed)
        assert verdict.reason is Reason.SERVER_GONE
    assert isinstance(judge(seen(None, migrations=(live("completed"),))), Succeeded)


def test_a_partial_row_of_a_dead_cell_says_nothing() -> None:
    partial = server("UNKNOWN", partial=True)
    for found in ((live("completed"),), (live("error"),), None):
        assert isinstance(judge(seen(partial, migrations=found, quiet=STALLED)), Running)


def test_the_recorded_migration_is_judged_even_if_a_newer_one_stands_beside_it() -> None:
    newer = live("running", uuid=OTHER_MIGRATION, user_id="them")
    verdict = judge(
        seen(moved(), migrations=(newer, live("completed"))), migration=recorded("running")
    )
    assert isinstance(verdict, Succeeded)


@pytest.mark.parametrize("now", [server("MIGRATING", task="migrating"), moved()])
def test_what_a_newer_migration_does_to_the_server_is_not_laid_at_our_door(now: Any) -> None:
    newer = live("running", uuid=OTHER_MIGRATION, user_id="them")
    verdict = judge(seen(now, migrations=(newer, live("failed")), quiet=SETTLED))
    assert isinstance(verdict, Failed)
    assert verdict.reason is Reason.ROLLED_BACK
    assert "another one has begun since" in verdict.message
    assert "ServerStateReset" not in verdict.message
