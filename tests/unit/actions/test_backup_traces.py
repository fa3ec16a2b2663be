"""What records and images together say of a createBackup of which no answer came."""

from datetime import timedelta
from typing import Any

import pytest

from serveractions.actions.action import MARKER
from serveractions.actions.create_backup import CreateBackup
from serveractions.actions.observation import Image, InstanceAction
from serveractions.actions.traces import Absent, Found, Records, Several, Trace, Unseen
from sightings import IMAGE, NOW, OURS, UID, USER, image, intent, record, server

INTENT = intent("createBackup", known_image_ids=("before",), known_request_ids=("req-before",))


def backup(request_id: str = OURS, after: float = 0.0, **changes: Any) -> InstanceAction:
    began = NOW + timedelta(seconds=after)
    return record("createBackup", None, request_id=request_id, start_time=began, **changes)


def picture(
    image_id: str = IMAGE,
    *,
    uid: str | None = UID,
    status: str = "active",
    after: float = 0.0,
    user: str = USER,
) -> Image:
    properties = {"user_id": user} | ({} if uid is None else {MARKER: uid})
    created = NOW + timedelta(seconds=after)
    return image(status, id=image_id, created=created, properties=properties)


def trace(
    *actions: InstanceAction,
    images: tuple[Image, ...] = (),
    task: str | None = None,
    strangers: frozenset[str] = frozenset(),
) -> Trace:
    seen = Records(server=server(task=task), actions=actions, images=images, strangers=strangers)
    return CreateBackup().trace(INTENT, UID, seen)


def test_an_image_with_our_mark_and_a_record_mean_acceptance() -> None:
    assert trace(backup(), images=(picture(),)) == Found(OURS, NOW, IMAGE)


@pytest.mark.parametrize("status", ["queued", "saving", "active", "killed"])
def test_the_record_decides_whatever_has_become_of_the_image(status: str) -> None:
    found = trace(backup(), images=(picture(status=status),), task="image_uploading")
    assert isinstance(found, Found)
    assert found.image_id == IMAGE


def test_our_image_is_told_from_one_that_the_same_user_made_by_hand() -> None:
    by_hand = picture("by-hand", uid=None, after=60)
    found = trace(backup("req-2", after=59), backup(), images=(by_hand, picture(after=1)))
    assert found == Found(OURS, NOW, IMAGE)


def test_an_image_that_is_only_queued_and_no_record_is_what_a_refused_request_left() -> None:
    assert trace(images=(picture(status="queued"),)) == Absent(orphans=(IMAGE,))


def test_an_image_that_is_only_queued_while_nova_makes_a_backup_says_nothing_yet() -> None:
    assert isinstance(trace(images=(picture(status="queued"),), task="image_backup"), Unseen)


def test_an_image_that_has_content_is_never_taken_for_an_orphan() -> None:
    assert isinstance(trace(images=(picture(status="active"),)), Unseen)


def test_a_record_without_an_image_is_a_backup_that_failed_or_was_rotated_out() -> None:
    assert trace(backup()) == Found(OURS, NOW, None)


def test_a_record_without_our_image_beside_a_new_one_of_the_same_user_cannot_be_told() -> None:
    by_hand = picture("by-hand", uid=None)
    assert trace(backup(), images=(by_hand,)) == Several((OURS,))


def test_another_users_image_explains_none_of_our_records() -> None:
    strange = picture("strange", uid=None, user="somebody")
    assert trace(backup(), images=(strange,)) == Found(OURS, NOW, None)


def test_images_and_records_that_were_there_before_say_nothing() -> None:
    assert trace(backup("req-before"), images=(picture("before"),)) == Absent()


@pytest.mark.parametrize(
    "stranger",
    [
        backup(user_id="somebody"),
        backup(project_id="another-project"),
        backup(after=-60),
        record("migrate", None),
    ],
)
def test_what_is_not_our_backup_is_none(stranger: InstanceAction) -> None:
    assert trace(stranger) == Absent()


def test_what_another_object_owns_is_none() -> None:
    assert trace(backup(), strangers=frozenset({OURS})) == Absent()


def test_nothing_at_all_is_absent() -> None:
    assert trace() == Absent()


def test_two_records_without_images_are_several() -> None:
    assert trace(backup("req-2", after=9), backup()) == Several(("req-2", OURS))
