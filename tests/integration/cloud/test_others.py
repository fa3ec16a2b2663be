"""Other users of the cloud act on the server of an action in flight, at the worst moments."""

from typing import Any

import pytest

from integration.cloud.scene import (
    BACKUP,
    COLD,
    LIVE,
    Followed,
    Play,
    Playbill,
    Plays,
    Scene,
)

BILL = Playbill()

LIVE_BODY: dict[str, Any] = {"os-migrateLive": {"host": None, "block_migration": "auto"}}
CONFIRM: dict[str, Any] = {"confirmResize": None}
REVERT: dict[str, Any] = {"revertResize": None}
RESIZE: dict[str, Any] = {"resize": {"flavorRef": "m1.small"}}
ACTIVE: dict[str, Any] = {"os-resetState": {"state": "active"}}


def _shows(scene: Scene, server: str, status: str) -> None:
    manager = scene.user("manager")

    def there() -> bool:
        seen = manager.server(server)
        return seen["status"] == status and seen["OS-EXT-STS:task_state"] is None

    scene.until(there, f"server {server} {status}")


def _before_its_confirm(scene: Scene, server: str, fault: str, match: dict[str, Any]) -> int:
    """Bring a cold migration to where the operator is about to confirm; return the fault that
    stops it there.
    """
    scene.hold("finish_migration", server)
    scene.apart(f"before-the-confirm-{server}").begin(COLD, server).reaches("Running")
    # While Nova is at work, the operator reads the migrations once and then the server alone.
    scene.until(lambda: scene.looks("os-migrations", server) >= 2, "a first look")
    stopped = scene.cloud.fault(
        fault, match | {"server_id": server}, seconds=None, **_second(match)
    )
    scene.let_go("finish_migration", server)
    scene.until(lambda: bool(scene.met(stopped)), "the operator's confirm, or the look before it")
    return stopped


def _second(match: dict[str, Any]) -> dict[str, Any]:
    """Skip the look that finds the migration finished: the next one is for the confirm itself."""
    return {"skip": 1} if match.get("family") == "os-migrations" else {}


def _object(scene: Scene, server: str) -> Followed:
    return Followed(scene, COLD, f"play-{server}", server)


@BILL.play
def a_resize_of_somebody_else_is_never_confirmed(scene: Scene) -> None:
    server = scene.boot("foreign-resize")
    stopped = _before_its_confirm(scene, server, "late-effect", {"family": "os-migrations"})
    scene.act("manager", server, CONFIRM)
    _shows(scene, server, "ACTIVE")
    scene.act("manager", server, RESIZE)
    _shows(scene, server, "VERIFY_RESIZE")
    scene.cloud.release(stopped)
    status = _object(scene, server).ends("Succeeded", "Succeeded")
    assert "confirmed by someone else" in status["message"]
    assert scene.sent(server, "confirmResize") == 0
    assert scene.user("manager").server(server)["status"] == "VERIFY_RESIZE"
    assert scene.accepted(server) == [
        ("migrate", "admin"),
        ("confirmResize", "manager"),
        ("resize", "manager"),
    ]


@BILL.play
def a_confirm_that_comes_too_late_changes_nothing(scene: Scene) -> None:
    server = scene.boot("late-confirm")
    stopped = _before_its_confirm(scene, server, "late-effect", {"action": "confirmResize"} | _OURS)
    scene.act("manager", server, CONFIRM)
    _shows(scene, server, "ACTIVE")
    scene.cloud.release(stopped)
    _object(scene, server).ends("Succeeded", "Succeeded")
    assert scene.sent(server, "confirmResize") == 1
    assert scene.accepted(server) == [("migrate", "admin"), ("confirmResize", "manager")]


_OURS = {"user": "admin"}


@BILL.play
def a_revert_before_the_confirm_is_told_as_such(scene: Scene) -> None:
    server = scene.boot("late-revert")
    stopped = _before_its_confirm(scene, server, "late-effect", {"action": "confirmResize"} | _OURS)
    scene.act("manager", server, REVERT)
    _shows(scene, server, "ACTIVE")
    scene.cloud.release(stopped)
    status = _object(scene, server).ends("Failed", "Reverted")
    assert "someone else reverted" in status["message"]
    assert scene.accepted(server) == [("migrate", "admin"), ("revertResize", "manager")]


@BILL.play
def a_reset_of_the_state_ends_the_wait_for_a_decision(scene: Scene) -> None:
    server = scene.boot("reset-verify")
    followed = scene.begin(COLD, server, confirmation="Manual")
    followed.reaches("AwaitingDecision")
    scene.act("admin", server, ACTIVE)
    status = followed.ends("Failed", "ActionFailed")
    assert "is ACTIVE before anybody confirmed that: its state was set" in status["message"]


@BILL.play
def a_reset_of_the_state_does_not_hide_how_a_live_migration_ends(scene: Scene) -> None:
    server = scene.boot("reset-live")
    scene.hold("live_migration", server)
    followed = scene.begin(LIVE, server)
    _migration(scene, server, "running")
    scene.act("admin", server, ACTIVE)
    looks = scene.looks("os-migrations", server)
    scene.until(lambda: scene.looks("os-migrations", server) > looks + 1, "looks after that")
    assert followed.status["phase"] == "Running"
    scene.let_go("live_migration", server)
    followed.ends("Succeeded", "Succeeded")
    assert scene.sent(server, "os-migrateLive") == 1


def _migration(scene: Scene, server: str, status: str) -> None:
    admin = scene.user("admin")

    def there() -> bool:
        return any(each["status"] == status for each in admin.migrations(server))

    scene.until(there, f"a migration of {server} {status}")


@BILL.play
def a_server_deleted_during_a_live_migration_ends_it(scene: Scene) -> None:
    server = scene.boot("deleted-live")
    scene.hold("live_migration", server)
    followed = scene.begin(LIVE, server)
    followed.reaches("Running")
    scene.delete(server)
    followed.ends("Failed", "ServerGone")
    assert scene.sent(server, "os-migrateLive") == 1


@BILL.play
def a_server_deleted_during_a_cold_migration_ends_it(scene: Scene) -> None:
    server = scene.boot("deleted-cold")
    scene.hold("migrate_disk_and_power_off", server)
    followed = scene.begin(COLD, server)
    followed.reaches("Running")
    scene.delete(server)
    followed.ends("Failed", "ServerGone")
    assert scene.sent(server, "migrate") == 1


@BILL.play
def a_server_deleted_before_it_awaits_a_decision_no_more(scene: Scene) -> None:
    server = scene.boot("deleted-verify")
    followed = scene.begin(COLD, server, confirmation="Manual")
    followed.reaches("AwaitingDecision")
    scene.delete(server)
    followed.ends("Failed", "ServerGone")


@BILL.play
def a_server_deleted_while_its_request_is_searched_for_still_tells(scene: Scene) -> None:
    server = scene.boot("deleted-lost")
    followed, unseen = _accepted_unseen(scene, server)
    scene.delete(server)
    scene.until(
        lambda: scene.user("manager").ask("GET", f"/servers/{server}").status_code == 404, ""
    )
    scene.cloud.take_back(unseen)
    status = followed.ends("Failed", "ServerGone")
    (ours,) = [each for each in scene.cloud.audit() if each["server_id"] == server]
    assert ours["accepted"] == [status["requestId"]], "it was adopted before it ended"


def _accepted_unseen(scene: Scene, server: str) -> tuple[Followed, int]:
    """Lose the reply to a live migration while Nova's records cannot be seen; return the fault that
    hides them.
    """
    lost = scene.cloud.fault("reply-lost", _post(server), seconds=None)
    followed = scene.begin(LIVE, server)
    scene.until(lambda: bool(scene.met(lost)), "the request")
    unseen = scene.cloud.fault("status", _actions(server), status=503, times=None)
    scene.cloud.release(lost)
    scene.until(followed.is_recovering, "the search")
    return followed, unseen


def _actions(server: str) -> dict[str, Any]:
    return {"family": "instance-actions", "server_id": server}


@BILL.play
def an_action_of_another_user_at_the_same_moment_is_not_adopted(scene: Scene) -> None:
    """Ours is lost before Nova has read it, theirs is the only record that there is."""
    server = scene.boot("same-moment")
    scene.hold("live_migration", server)
    lost = scene.cloud.fault("request-lost", _post(server))
    followed = scene.begin(LIVE, server)
    scene.until(lambda: bool(scene.met(lost)), "the loss of our request")
    theirs = scene.act("manager", server, LIVE_BODY)
    scene.until(followed.is_recovering, "the search")
    looks = scene.looks("instance-actions", server)
    scene.until(lambda: scene.looks("instance-actions", server) > looks + 1, "looks at theirs")
    assert "requestId" not in followed.status
    scene.let_go("live_migration", server)
    status = followed.ends("Succeeded", "Succeeded")
    assert status["requestId"] != theirs
    assert scene.accepted(server) == [("os-migrateLive", "manager"), ("os-migrateLive", "admin")]
    assert scene.sent(server, "os-migrateLive") == 2, "the lost one, and one after the proof"


def _post(server: str) -> dict[str, Any]:
    return {"action": "os-migrateLive", "server_id": server, "user": "admin"}


@BILL.play
def an_own_action_is_adopted_though_another_user_did_the_same(scene: Scene) -> None:
    server = scene.boot("both-lost")
    followed, unseen = _accepted_unseen(scene, server)
    _migration(scene, server, "completed")
    _shows(scene, server, "ACTIVE")
    theirs = scene.act("manager", server, LIVE_BODY)
    scene.cloud.take_back(unseen)
    status = followed.ends("Succeeded", "Succeeded")
    (ours,) = [each for each in scene.cloud.audit() if each["server_id"] == server]
    assert ours["accepted"] == [status["requestId"]] != [theirs]
    assert ours["sent"] == 1


@BILL.play
def a_lost_race_is_taken_up_again_and_leaves_no_image(scene: Scene) -> None:
    """Nova has no words for it and answers 500, though nothing was begun but the image."""
    server = scene.boot("race")
    scene.cloud.happen("race", server=server)
    followed = scene.begin(BACKUP, server, backupType="daily", rotation=1)
    status = followed.ends("Succeeded", "Succeeded")
    images = scene.user("admin").images(server)
    assert [(each["id"], each["status"]) for each in images] == [(status["image"]["id"], "active")]
    assert scene.accepted(server) == [("createBackup", "admin")]
    assert scene.sent(server, "createBackup") == 2


@BILL.play
def a_cell_that_does_not_answer_ends_nothing_and_proves_nothing(scene: Scene) -> None:
    server = scene.boot("cell")
    followed, unseen = _accepted_unseen(scene, server)
    scene.cloud.happen("cells-down", servers=[server])
    scene.cloud.take_back(unseen)
    looks = scene.looks("instance-actions", server)
    scene.until(lambda: scene.looks("instance-actions", server) > looks + 2, "looks at nothing")
    assert followed.is_recovering()
    scene.cloud.happen("cells-down", servers=[])
    followed.ends("Succeeded", "Succeeded")
    assert scene.sent(server, "os-migrateLive") == 1


@pytest.mark.parametrize("play", BILL, ids=lambda play: play.__name__)
def test_play(plays: Plays, play: Play) -> None:
    plays.see(play)
