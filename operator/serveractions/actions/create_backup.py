"""createBackup: an image of the server, and the deletion of its oldest backups of the same type.

The only action that carries a mark of ours: Nova puts the request's metadata on the image, so the
image says whose it is. Nova makes the image before it checks the server's state, so an image alone
proves nothing.
"""

import hashlib
from typing import ClassVar

from serveractions.actions import backup_traces, records
from serveractions.actions.action import (
    MARKER,
    Failed,
    Look,
    NovaRequest,
    Precheck,
    Refuse,
    Running,
    Succeeded,
    Target,
    Verdict,
)
from serveractions.actions.microversions import FLOOR, step_down
from serveractions.actions.observation import Image, InstanceAction, Observation, Server
from serveractions.actions.replies import volume_backed
from serveractions.actions.server_states import check, existing
from serveractions.actions.settling import settled, stalled
from serveractions.actions.traces import Records, Trace
from serveractions.actions.wording import named
from serveractions.api.spec import ServerBackupSpec
from serveractions.api.status import Intent, Reason, Status

LONGEST_NAME = 255
_STATES = frozenset({"active", "stopped", "paused", "suspended"})
_EVENT = "compute_backup_instance"
_DEAD = frozenset({"killed", "deleted", "pending_delete"})


class CreateBackup:
    """Nova's createBackup."""

    name: ClassVar[str] = "createBackup"
    record: ClassVar[str | None] = "createBackup"
    looks: ClassVar[frozenset[Look]] = frozenset({Look.ACTION, Look.IMAGE})
    exclusive: ClassVar[bool] = True
    needs_settling: ClassVar[bool] = False

    def request(self, spec: ServerBackupSpec, target: Target, newest: str) -> NovaRequest:
        """Return the request; its metadata carries our object's uid."""
        return NovaRequest(
            name=self.name,
            method="POST",
            path=f"/servers/{target.server.id}/action",
            body={
                self.name: {
                    "name": spec.image_name or image_name(target.server.name, target.name),
                    "backup_type": spec.backup_type,
                    "rotation": spec.rotation,
                    "metadata": {**(spec.metadata or {}), MARKER: target.uid},
                }
            },
            microversion=step_down(FLOOR, newest),
        )

    def precheck(self, spec: ServerBackupSpec, server: Server) -> Precheck:
        """Refuse servers that boot from a volume; a lock does not stop a backup."""
        found = check(server, self.name, states=_STATES, obeys_lock=False)
        if server.volume_backed and not server.partial and not isinstance(found, Refuse):
            return Refuse(Reason.NOT_SUPPORTED, volume_backed(named(server)))
        return found

    def matches(self, record: InstanceAction, intent: Intent) -> bool:
        """Say whether a record could be the request of this intent."""
        return records.matches(record, intent, self.record)

    def traceable(self, newest: str) -> bool:
        """Return True: every Nova from the floor on records it."""
        return True

    def trace(self, intent: Intent, uid: str, records: Records) -> Trace:
        """Find the request by its instance action and by the mark on its image."""
        candidates = records.candidates(lambda record: self.matches(record, intent))
        return backup_traces.trace(candidates, intent, uid, records)

    def accepted(self, spec: ServerBackupSpec) -> Verdict | None:
        """Return None: the upload is still to come."""
        return None

    def judge(self, spec: ServerBackupSpec, status: Status, seen: Observation) -> Verdict:
        """Judge by the image, the server's task and the event together.

        The task is cleared before the rotation runs and the image is active before that: each alone
        is too early (nova/compute/manager.py backup_instance).
        """
        server = existing(seen)
        event = records.finished(seen.action, _EVENT)
        if records.failed(seen.action):
            return _failed(status, seen)
        if server is None:
            return _server_gone(status, seen)
        if server.partial:
            return Running(f"Nova cannot see {named(server)} just now: its cell is down")
        if (server.task_state or "").startswith("image_"):
            return Running(f"Nova is backing up {named(server)} ({server.task_state})")
        if spec.rotation == 0 and event is not None:
            return _kept_none(server, seen)
        if seen.image is not None and seen.image.status == "active":
            return _active(spec, server, seen, seen.image)
        if event is None and not settled(seen):
            return Running(f"Nova has not said yet what became of the backup of {named(server)}")
        return _without_image(spec, server, status, seen)


def image_name(server: str, resource: str) -> str:
    """Return the default name of the image, shortened with a hash where Nova would refuse it."""
    name = f"{server}-{resource}".strip()
    if len(name) <= LONGEST_NAME:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:10]
    return f"{name[: LONGEST_NAME - len(digest) - 1]}-{digest}"


def rotated_out(intent: Intent, seen: Observation) -> tuple[str, ...]:
    """Return the backups that were there before and are gone, by image id.

    Nova does not say what it deleted: somebody else's deletion in the same minutes counts too.
    """
    if seen.backups is None:
        return ()
    return tuple(each for each in intent.known_image_ids if each not in seen.backups)


def _image_id(status: Status, seen: Observation) -> str:
    known = seen.image.id if seen.image else (status.image.id if status.image else None)
    return f"image {known}" if known else "the image"


def _failed(status: Status, seen: Observation) -> Failed:
    which = named(existing(seen), status.server.id if status.server else "")
    left = ""
    if seen.image is not None and seen.image.status == "active":
        left = (
            f" Still, {_image_id(status, seen)} is active: what failed may be the deletion of older"
            " backups."
        )
    return Failed(
        records.reason(records.words(seen.action)),
        f"the backup of {which} failed in Nova.{left}{records.cause(seen.action)}",
    )


def _server_gone(status: Status, seen: Observation) -> Verdict:
    event = records.finished(seen.action, _EVENT)
    if seen.image is not None and seen.image.status == "active" and event is not None:
        return Succeeded(
            f"{_image_id(status, seen)} holds the backup; the server itself was deleted since"
        )
    return Failed(
        Reason.SERVER_GONE,
        f"the server was deleted while Nova backed it up; look whether {_image_id(status, seen)}"
        " can be used",
    )


def _kept_none(server: Server, seen: Observation) -> Verdict:
    """Judge rotation 0, which deletes the new image with the others."""
    left = seen.image is not None and seen.image.status not in _DEAD
    if left and not settled(seen):
        return Running(f"Nova is deleting the backups of {named(server)}, as rotation 0 asks")
    return Succeeded(
        f"{named(server)} was backed up and, as rotation 0 asks, no backup of the type was kept"
        + ("; Nova could not delete the new image, though: delete it by hand" if left else "")
    )


def _active(spec: ServerBackupSpec, server: Server, seen: Observation, image: Image) -> Verdict:
    """Judge a backup whose image is there and whose rotation may still run."""
    done = records.finished(seen.action, _EVENT) is not None
    told = seen.action is not None and seen.action.events is not None
    if not done and not (stalled(seen) if told else settled(seen)):
        return Running(
            f"image {image.id} is active; Nova is deleting older backups of {named(server)}"
        )
    success = f"image {image.id} holds the backup of {named(server)}"
    if seen.backups is not None and len(seen.backups) > spec.rotation:
        if not settled(seen):
            return Running(f"image {image.id} is active; older backups are being deleted")
        return Succeeded(
            f"{success}, but {len(seen.backups)} backups of type {spec.backup_type} are left, more"
            f" than the {spec.rotation} to keep: Nova could not delete some (are they protected?)"
        )
    return Succeeded(success if done else f"{success}; Nova did not note the end of the rotation")


def _without_image(
    spec: ServerBackupSpec, server: Server, status: Status, seen: Observation
) -> Verdict:
    """Judge a backup that is over, or looks over, and has no active image."""
    if seen.image is None and not seen.image_gone:
        if not stalled(seen):
            return Running(f"Glance has not shown {_image_id(status, seen)} yet")
        return Failed(
            Reason.OUTCOME_UNKNOWN,
            f"Nova is done with {named(server)}, but Glance does not show the image to these"
            f" credentials: look with 'openstack image list --property {MARKER}=<uid>'",
        )
    dead = seen.image_gone or (seen.image is not None and seen.image.status in _DEAD)
    if not dead and not settled(seen):
        return Running(
            f"Nova is done with {named(server)}; {_image_id(status, seen)} is not active"
        )
    if dead and spec.rotation == 0 and seen.action is not None and seen.action.events is None:
        return _kept_none(server, seen)  # events are hidden, but a failure would show in the record
    how = "is gone" if dead else f"stays {seen.image.status if seen.image else 'away'}"
    why = (
        ""
        if records.finished(seen.action, _EVENT)
        else " Nova never noted an end: its nova-compute was probably restarted."
    )
    return Failed(
        Reason.ACTION_FAILED,
        f"the backup of {named(server)} came to nothing: {_image_id(status, seen)} {how}.{why}"
        " Create a new object to try again.",
    )
