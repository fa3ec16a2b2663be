"""What users ask for: the spec of every kind.

The text under each field is what `kubectl explain` shows.

A spec says what to do once. It cannot be changed after the object was made, except for the fields
named in `MUTABLE`: those steer an action that is under way. The mutable ones have no default,
neither here nor in the CRD, so that "not said" stays apart from "said no", and a GitOps tool that
removes a field again is not refused.
"""

from enum import StrEnum
from typing import ClassVar

from serveractions.api.fields import (
    Delay,
    Flag,
    HostName,
    Metadata,
    Moment,
    Name,
    ObjectName,
    Rotation,
    Seconds,
    SecretKey,
    ServerId,
    Text,
)
from serveractions.api.rules import Rule, RuledModel

MUTABLE = frozenset({"suspend", "cancel", "decision", "ttl_seconds_after_finished"})
"""The fields that may change while the object lives. Every other field, new ones included, is
fixed at creation."""


class BlockMigration(StrEnum):
    """Whether a live migration copies local disks."""

    AUTO = "Auto"
    ALWAYS = "Always"
    NEVER = "Never"


class OnDeadline(StrEnum):
    """What becomes of a live migration whose deadline has passed."""

    FAIL = "Fail"
    ABORT = "Abort"
    FORCE_COMPLETE = "ForceComplete"


class Confirmation(StrEnum):
    """Who confirms a cold migration."""

    AUTOMATIC = "Automatic"
    MANUAL = "Manual"


class Decision(StrEnum):
    """What becomes of a cold migration that waits for a decision."""

    CONFIRM = "Confirm"
    REVERT = "Revert"


class TargetState(StrEnum):
    """The state that a server's record is set to."""

    ACTIVE = "Active"
    ERROR = "Error"


class CloudCredentialsRef(RuledModel):
    """Where the credentials are; the same shape as openstack-resource-controller uses."""

    secret_name: ObjectName
    """The Secret, in this object's namespace, whose key `clouds.yaml` holds the credentials and
    whose key `cacert`, if it has one, the certificate authority of the cloud in PEM. Example:
    `openstack`."""
    cloud_name: Name
    """The entry of `clouds.yaml` to use, a key below `clouds:`. Example: `admin`."""


class ServerRef(RuledModel):
    """Which server; exactly one of the two fields."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="has(self.id) != has(self.name)",
            message="write exactly one of 'id' and 'name'",
            holds=lambda ref: (ref.id is None) != (ref.name is None),
        ),
    )

    id: ServerId | None = None
    """Nova's id of the server, a UUID in lower case. The safe choice: names can be used again.
    Example: `1bea47ed-f6a9-463b-b423-14b9cca9ad27`."""
    name: Name | None = None
    """The server's exact name. It must match one server in the project of the credentials, for an
    administrator too; it is looked up when the action is about to be sent, and
    `status.server.id` says what was found. Example: `web-1`."""


class ActionSpec(RuledModel):
    """The fields that every kind has."""

    cloud_credentials_ref: CloudCredentialsRef
    """The credentials to use: a Secret of this namespace, and the cloud within its
    `clouds.yaml`."""
    server_ref: ServerRef
    """The server to act on, by `id` or by `name`."""
    reason: Text | None = None
    """Why, for the people who read this later. Nova is not told. Example: `compute-3 gets a new
    fan`."""
    not_after: Moment | None = None
    """The action is never sent after this moment (RFC 3339); the object then ends as Failed with
    reason Expired. It keeps a repository of old actions from running them all again on a new
    cluster. Default: no such moment. Example: `2026-12-01T06:00:00Z`."""
    starting_deadline_seconds: Seconds | None = None
    """The action is never sent later than this many seconds after the object was created; the
    object then ends as Failed with reason Expired. Default: no such limit. Example: `600`."""
    active_deadline_seconds: Seconds | None = None
    """How many seconds the action may take from Nova's acceptance on; the time in phase
    AwaitingDecision does not count. After it the object ends as Failed with reason
    DeadlineExceeded, unless `onDeadline`, where the kind has it, says otherwise. Nova itself
    goes on. Default: no limit. Example: `3600`."""
    ttl_seconds_after_finished: Delay | None = None
    """The object is deleted this many seconds after it finished. It is ignored, and the message
    says so, on objects that a GitOps tool tracks: the tool would make the object anew and so run
    the action again. May be changed at any time. Default: kept for ever. Example: `86400`, a
    day."""
    suspend: Flag | None = None
    """True holds the action before it is sent: the checks run and the status shows what would
    happen. It has no effect once the action was sent. May be changed at any time. Default:
    false."""
    cancel: Flag | None = None
    """True stops the action where Nova can: one that was not sent never is, a running live
    migration is aborted, a cold migration that waits for a decision is reverted. What Nova
    cannot stop is followed to its end. Taking it back has no effect once it was acted on. May be
    changed at any time. Default: false."""


class ServerBackupSpec(ActionSpec):
    """Back a server up into an image, and delete its oldest backups of the same type."""

    image_name: Name | None = None
    """The name of the image. Default: `<server name>-<name of this object>`, shortened to 255
    characters if need be. Example: `web-1-before-upgrade`."""
    backup_type: Name
    """Which row of backups this one belongs to: `rotation` counts, and deletes, only backups of
    the same server with the same type, whoever made them. Examples: `daily`, `weekly`."""
    rotation: Rotation
    """How many backups of this server and type are kept, this one included; Nova deletes the
    older ones when the new image is there. 0 keeps none, not even the new one. Example: `7`."""
    metadata: Metadata | None = None
    """Properties to put on the image, beside those that Nova sets. Not allowed are `image_type`,
    `backup_type`, `instance_uuid`, `user_id`, `base_image_ref` and all that begin with
    `serveractions.`. Example: `{ticket: OPS-4711}`."""


class ServerMigrationSpec(ActionSpec):
    """Move a server to another compute host: it is shut down, moved and started."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="!has(self.decision) || self.confirmation == 'Manual'",
            message=(
                "'decision' needs 'confirmation: Manual', and with 'Automatic' the operator"
                " confirms: write 'confirmation: Manual' when creating the object, or leave"
                " 'decision' out"
            ),
            holds=lambda spec: spec.decision is None or spec.confirmation is Confirmation.MANUAL,
        ),
    )

    host: HostName | None = None
    """The compute host to move to; needs an administrator's credentials. Default: the scheduler
    chooses. Example: `compute-3`."""
    confirmation: Confirmation = Confirmation.AUTOMATIC
    """Who gives up the old host's copy once the server has moved. `Automatic`: the operator
    confirms as soon as Nova is ready. `Manual`: the object waits in phase AwaitingDecision for
    `decision`; until then both hosts keep the resources."""
    decision: Decision | None = None
    """With `confirmation: Manual`: `Confirm` keeps the server where it is now, `Revert` moves it
    back (and the object ends as Cancelled). May be given at any time, beforehand too; the first
    one that is taken up stands."""


class ServerLiveMigrationSpec(ActionSpec):
    """Move a running server to another compute host without stopping it."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="!has(self.diskOverCommit) || self.blockMigration != 'Auto'",
            message=(
                "'diskOverCommit' needs 'blockMigration: Always' or 'Never':"
                " write one of them, or leave 'diskOverCommit' out"
            ),
            holds=lambda spec: (
                spec.disk_over_commit is None or spec.block_migration is not BlockMigration.AUTO
            ),
        ),
        Rule(
            cel="self.onDeadline == 'Fail' || has(self.activeDeadlineSeconds)",
            message=(
                "'onDeadline: Abort' and 'ForceComplete' need a deadline:"
                " write 'activeDeadlineSeconds' too"
            ),
            holds=lambda spec: (
                spec.on_deadline is OnDeadline.FAIL or spec.active_deadline_seconds is not None
            ),
        ),
    )

    host: HostName | None = None
    """The compute host to move to; needs an administrator's credentials. Nova's scheduler still
    checks that the server fits. Default: the scheduler chooses. Example: `compute-3`."""
    block_migration: BlockMigration = BlockMigration.AUTO
    """Whether local disks are copied. `Auto`: Nova looks whether the hosts share storage.
    `Always`: copy. `Never`: do not, the hosts share storage."""
    disk_over_commit: Flag | None = None
    """True lets the copied disks claim more space than the new host has free. Only with
    `blockMigration` `Always` or `Never`; the request then goes out at microversion 2.24, the
    last that knows the option. Default: not sent."""
    on_deadline: OnDeadline = OnDeadline.FAIL
    """What happens when `activeDeadlineSeconds` have passed. `Fail`: the object ends as Failed,
    Nova goes on. `Abort`: Nova is told to stop, and the server stays where it was.
    `ForceComplete`: Nova is told to finish even if it must pause the server. After the latter
    two the migration is followed for 10 more minutes at most."""


class ServerStateResetSpec(ActionSpec):
    """Set the state and clear the task that Nova has on record; the server is not touched."""

    state: TargetState
    """The state to put on record. `Active`: for a server that is well and that Nova believes
    broken or stuck in a task. `Error`: for one that is broken and that Nova believes well."""


class PasswordSecretRef(RuledModel):
    """Where the new password is."""

    name: ObjectName
    """The Secret, in this object's namespace. It must carry the label
    `serveractions.dev/usable-as: password`: otherwise whoever may create this object could have
    any Secret sent away. Example: `web-1-password`."""
    key: SecretKey
    """The key of its data that holds the password. One newline at its end is cut off. Example:
    `password`."""


class ServerPasswordChangeSpec(ActionSpec):
    """Set the administrator's password inside a running server."""

    password_secret_ref: PasswordSecretRef
    """The key of a Secret that holds the new password. It is read at the moment the action is
    sent."""


class ServerNetworkResetSpec(ActionSpec):
    """Reset a server's networking, on clouds that still can.

    Nova removed this action in release 23 (Wallaby): from there on it ends as Failed with reason
    ActionRemoved.
    """


class ServerNetworkInjectionSpec(ActionSpec):
    """Inject a server's network information into it.

    Nova reports no outcome of this action: success means that Nova accepted it.
    """
