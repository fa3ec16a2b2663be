"""Finding a createBackup of which no answer came: by its record and by its image.

Nova makes the image first, then sets the server's task, then writes the record (nova/compute/api.py
backup). So an image with our mark and a record mean acceptance; the image alone is what a refused
request left behind; and a record alone is ours if no other new image of the same user could be what
it made: our image is gone when the backup failed or when rotation 0 has deleted it.
"""

from collections.abc import Sequence
from datetime import timedelta

from serveractions.actions.action import MARKER
from serveractions.actions.observation import Image, InstanceAction
from serveractions.actions.records import CLOCK_SLACK
from serveractions.actions.traces import Absent, Found, Records, Several, Trace, Unseen, among
from serveractions.api.status import Intent

ROUNDED = timedelta(seconds=1)
"""Glance tells whole seconds, cut off: the image may look older than the request it comes from."""
_ONLY_BEGUN = "queued"


def marked(image: Image, uid: str) -> bool:
    """Say whether an image carries the mark of the object with this uid."""
    return image.properties.get(MARKER) == uid


def trace(
    candidates: Sequence[InstanceAction], intent: Intent, uid: str, records: Records
) -> Trace:
    """Find the request of an intent.

    Args:
        candidates: The records that could be it, by who, what and when.
        intent: What was about to be sent.
        uid: Of the object.
        records: With all backups of the server, of whatever type.
    """
    new = [each for each in records.images or () if each.id not in intent.known_image_ids]
    ours = [each for each in new if marked(each, uid)]
    if ours:
        return _by_image(candidates, ours, records)
    if candidates and any(_same_user(each, intent) for each in new):
        return Several(tuple(each.request_id for each in candidates))
    return among(candidates)


def _same_user(image: Image, intent: Intent) -> bool:
    """Say whether the user of the intent made this image since."""
    return (
        image.properties.get("user_id", intent.user_id) == intent.user_id
        and image.created >= intent.nova_time - CLOCK_SLACK
    )


def _by_image(
    candidates: Sequence[InstanceAction], ours: Sequence[Image], records: Records
) -> Trace:
    image = ours[0]
    if len(candidates) > 1:  # Nova takes one backup of a server at a time: the newest before it
        began = [each for each in candidates if each.start_time <= image.created + ROUNDED]
        candidates = sorted(began, key=lambda each: each.start_time)[-1:] or candidates
    found = among(candidates)
    if isinstance(found, Found):
        return Found(found.request_id, found.started, image.id)
    if isinstance(found, Several):
        return found
    if any(each.status != _ONLY_BEGUN for each in ours):
        return Unseen("an image with this object's mark is there, but no record of its backup")
    task = records.server.task_state if records.server else None
    if (task or "").startswith("image_"):
        return Unseen("Nova is just backing up the server")
    return Absent(orphans=tuple(each.id for each in ours))
