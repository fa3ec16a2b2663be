"""createBackup: done when the image is there, the task is gone and the rotation is over."""

from typing import Any

import pytest

from serveractions.actions.action import (
    MARKER,
    Failed,
    Go,
    Refuse,
    Running,
    Succeeded,
    Target,
    Wait,
)
from serveractions.actions.create_backup import CreateBackup, image_name, rotated_out
from serveractions.actions.observation import Observation
from serveractions.api.spec import ServerBackupSpec
from serveractions.api.status import Reason
from sightings import (
    IMAGE,
    MOMENT,
    SERVER_ID,
    SETTLED,
    SPEC,
    STALLED,
    UID,
    event,
    image,
    intent,
    record,
    seen,
    server,
    status,
    with_image,
)

ACTION = CreateBackup()
RUNNING = record("createBackup", [event("compute_backup_instance", None)])
DONE = record("createBackup", [event("compute_backup_instance")])
ERROR = record("createBackup", [event("compute_backup_instance", "Error", "no space left")])
HIDDEN = record("createBackup", None)
HIDDEN_ERROR = record("createBackup", None, message="Error")


def spec(rotation: int = 2, **fields: Any) -> ServerBackupSpec:
    return ServerBackupSpec.model_validate(
        SPEC | {"backup_type": "daily", "rotation": rotation} | fields
    )


def judge(observation: Observation, rotation: int = 2, **changes: Any) -> Any:
    facts = {"image": with_image()} | changes
    return ACTION.judge(spec(rotation), status("createBackup", **facts), observation)


def reason(observation: Observation, rotation: int = 2) -> Reason:
    verdict = judge(observation, rotation)
    assert isinstance(verdict, Failed), verdict
    return verdict.reason


def body(**fields: Any) -> dict[str, Any]:
    target = Target(uid=UID, name="nightly", server=server())
    request = ACTION.request(spec(**fields), target, "2.100")
    assert (request.path, request.microversion) == (f"/servers/{SERVER_ID}/action", "2.65")
    assert request.body is not None
    return dict(request.body["createBackup"])


def test_the_request_carries_the_mark_of_the_object() -> None:
    assert body() == {
        "name": "web-1-nightly",
        "backup_type": "daily",
        "rotation": 2,
        "metadata": {MARKER: UID},
    }


def test_the_users_metadata_and_name_are_kept() -> None:
    sent = body(image_name="mine", metadata={"ticket": "OPS-1"}, rotation=0)
    assert sent["name"] == "mine"
    assert sent["rotation"] == 0
    assert sent["metadata"] == {"ticket": "OPS-1", MARKER: UID}


def test_a_default_name_that_is_too_long_is_shortened_and_stays_unique() -> None:
    assert len(image_name("s" * 100, "r" * 154)) == 255
    first, second = (image_name("s" * 255, name) for name in ("a", "b"))
    assert len(first) == len(second) == 255
    assert first != second


@pytest.mark.parametrize("state", ["ACTIVE", "SHUTOFF", "PAUSED", "SUSPENDED"])
def test_it_may_go_in_every_state_that_nova_takes_it_in(state: str) -> None:
    assert ACTION.precheck(spec(), server(state, locked=True)) == Go()


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (server("RESCUED"), Go),
        (server(task="image_uploading"), Wait),
        (server(partial=True), Wait),
        (server(partial=True, volume_backed=True), Wait),
        (server(volume_backed=True), Refuse),
        (server(volume_backed=True, task="rebooting"), Refuse),
        (server("DELETED"), Refuse),
    ],
)
def test_what_is_not_ready_waits_and_what_no_nova_takes_is_refused(
    state: Any, expected: type[Any]
) -> None:
    assert isinstance(ACTION.precheck(spec(), state), expected)


def test_a_volume_backed_server_is_told_what_to_do_instead() -> None:
    check = ACTION.precheck(spec(), server(volume_backed=True))
    assert isinstance(check, Refuse)
    assert check.reason is Reason.NOT_SUPPORTED
    assert "create an image or volume snapshot instead" in check.message


def test_an_active_image_without_a_task_and_a_finished_event_are_success() -> None:
    verdict = judge(seen(server(), image=image(), action=DONE, backups=(IMAGE, "old")))
    assert isinstance(verdict, Succeeded)
    assert IMAGE in verdict.message


@pytest.mark.parametrize("task", ["image_backup", "image_pending_upload", "image_uploading"])
def test_it_runs_as_long_as_nova_has_a_task_for_it(task: str) -> None:
    for found in (image("queued"), image("saving"), image()):
        verdict = judge(seen(server(task=task), image=found, action=RUNNING, quiet=STALLED))
        assert isinstance(verdict, Running)


def test_an_active_image_is_no_success_before_the_rotation_is_over() -> None:
    for quiet in (MOMENT, SETTLED):
        verdict = judge(seen(server(), image=image(), action=RUNNING, quiet=quiet))
        assert isinstance(verdict, Running)


def test_a_rotation_whose_end_nova_never_notes_does_not_hang_for_ever() -> None:
    verdict = judge(seen(server(), image=image(), action=RUNNING, quiet=STALLED))
    assert isinstance(verdict, Succeeded)
    assert "did not note" in verdict.message


def test_old_backups_that_nova_could_not_delete_are_told() -> None:
    facts: dict[str, Any] = {"image": image(), "action": DONE, "backups": (IMAGE, "b", "c")}
    assert isinstance(judge(seen(server(), **facts)), Running)
    verdict = judge(seen(server(), quiet=SETTLED, **facts))
    assert isinstance(verdict, Succeeded)
    assert "could not delete" in verdict.message


def test_an_error_carries_novas_words_and_an_image_that_is_there_all_the_same() -> None:
    for found in (None, image("queued")):
        verdict = judge(seen(server(), image=found, image_gone=found is None, action=ERROR))
        assert isinstance(verdict, Failed)
        assert "no space left" in verdict.message
    kept = judge(seen(server(), image=image(), action=ERROR))
    assert isinstance(kept, Failed)
    assert "is active" in kept.message


def test_an_action_that_a_state_reset_turned_to_error_is_a_failure() -> None:
    assert reason(seen(server(), image=image("queued"), action=ERROR)) is Reason.ACTION_FAILED
    assert reason(seen(server(), image_gone=True, action=HIDDEN_ERROR)) is Reason.ACTION_FAILED


@pytest.mark.parametrize("state", ["queued", "saving"])
@pytest.mark.parametrize("action", [RUNNING, DONE, None])
def test_a_task_that_was_cleared_without_an_active_image_fails_once_all_is_quiet(
    state: str, action: Any
) -> None:
    facts: dict[str, Any] = {"image": image(state), "action": action}
    assert isinstance(judge(seen(server(), **facts)), Running)
    assert reason(seen(server(), quiet=SETTLED, **facts)) is Reason.ACTION_FAILED


def test_a_restart_of_nova_compute_is_named_as_the_likely_cause() -> None:
    verdict = judge(seen(server(), image=image("queued"), action=RUNNING, quiet=SETTLED))
    assert isinstance(verdict, Failed)
    assert "restarted" in verdict.message


@pytest.mark.parametrize("found", [None, image("killed"), image("deleted")])
def test_an_image_that_is_gone_after_the_event_is_a_failure(found: Any) -> None:
    facts: dict[str, Any] = {"image": found, "image_gone": found is None, "action": DONE}
    assert reason(seen(server(), **facts)) is Reason.ACTION_FAILED


def test_rotation_0_succeeds_by_the_event_with_the_image_gone() -> None:
    for found in (None, image("deleted")):
        verdict = judge(seen(server(), image=found, image_gone=not found, action=DONE), 0)
        assert isinstance(verdict, Succeeded)


def test_rotation_0_waits_for_the_event_and_for_the_deletion() -> None:
    assert isinstance(judge(seen(server(), image=image(), action=RUNNING), 0), Running)
    assert isinstance(judge(seen(server(), image=image(), action=DONE), 0), Running)
    verdict = judge(seen(server(), image=image(), action=DONE, quiet=SETTLED), 0)
    assert isinstance(verdict, Succeeded)
    assert "by hand" in verdict.message


def test_rotation_0_with_a_failed_event_or_without_its_end_is_a_failure() -> None:
    assert reason(seen(server(), image_gone=True, action=ERROR), 0) is Reason.ACTION_FAILED
    facts: dict[str, Any] = {"image_gone": True, "action": RUNNING, "quiet": SETTLED}
    assert reason(seen(server(), **facts), 0) is Reason.ACTION_FAILED


def test_hidden_events_are_made_up_for_by_quiet() -> None:
    facts: dict[str, Any] = {"image": image(), "action": HIDDEN}
    assert isinstance(judge(seen(server(), **facts)), Running)
    assert isinstance(judge(seen(server(), quiet=SETTLED, **facts)), Succeeded)
    gone: dict[str, Any] = {"image_gone": True, "action": HIDDEN, "quiet": SETTLED}
    assert isinstance(judge(seen(server(), **gone), 0), Succeeded)
    assert reason(seen(server(), **gone)) is Reason.ACTION_FAILED


def test_a_glance_that_cannot_be_read_is_not_taken_for_a_missing_image() -> None:
    for quiet in (MOMENT, SETTLED):
        assert isinstance(judge(seen(server(), action=DONE, quiet=quiet)), Running)
    assert reason(seen(server(), action=DONE, quiet=STALLED)) is Reason.OUTCOME_UNKNOWN


def test_another_task_on_the_server_does_not_delay_the_end() -> None:
    verdict = judge(seen(server(task="rebooting"), image=image(), action=DONE))
    assert isinstance(verdict, Succeeded)


def test_a_server_deleted_in_flight_is_a_failure_and_one_deleted_after_is_none() -> None:
    assert reason(seen(None, image=image("saving"), action=RUNNING)) is Reason.SERVER_GONE
    assert isinstance(judge(seen(None, image=image(), action=DONE)), Succeeded)


def test_a_partial_row_of_a_dead_cell_says_nothing() -> None:
    partial = server("UNKNOWN", partial=True)
    verdict = judge(seen(partial, image=image(), action=RUNNING, quiet=STALLED))
    assert isinstance(verdict, Running)


def test_rotated_out_are_the_backups_that_were_there_before_and_are_gone() -> None:
    before = intent("createBackup", known_image_ids=("c", "b", "a"))
    assert rotated_out(before, seen(server(), backups=(IMAGE, "c"))) == ("b", "a")
    assert rotated_out(before, seen(server())) == ()
