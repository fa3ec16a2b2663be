"""The status of every kind: the whole durable state of an action, for programs and people.

The operator keeps nothing elsewhere. What is here survives a crash; what is not here must be found
again in Nova.
"""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from serveractions.api.limits import (
    ConditionMessage,
    Message,
    Newest,
    NewestLast,
    Url,
    Word,
)
from serveractions.api.model import Model, Time


class Phase(StrEnum):
    """Where an action is in its life; a convenience for people, the conditions are the contract."""

    PENDING = "Pending"
    SUSPENDED = "Suspended"
    ISSUING = "Issuing"
    RUNNING = "Running"
    AWAITING_DECISION = "AwaitingDecision"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    CANCELLED = "Cancelled"

    @property
    def finished(self) -> bool:
        """Whether nothing follows: no phase ever comes after a finished one."""
        return self in _FINISHED

    @property
    def waiting(self) -> bool:
        """Whether nothing was sent to Nova in this phase."""
        return self in (Phase.PENDING, Phase.SUSPENDED)

    @property
    def in_flight(self) -> bool:
        """Whether the action holds its server: perhaps or certainly sent, and not over."""
        return not self.finished and not self.waiting


_FINISHED = frozenset({Phase.SUCCEEDED, Phase.FAILED, Phase.CANCELLED})


class Reason(StrEnum):
    """Why an object is as it is, named after what a person should do about it."""

    WAITING_FOR_OPERATOR = "WaitingForOperator"
    PROGRESSING = "Progressing"
    SUSPENDED = "Suspended"
    TRANSIENT_ERROR = "TransientError"
    WAITING_FOR_SECRET = "WaitingForSecret"  # noqa: S105 - a reason, not a secret
    SERVER_BUSY = "ServerBusy"
    LIMIT_REACHED = "LimitReached"
    AWAITING_DECISION = "AwaitingDecision"
    RECOVERING = "Recovering"
    SUCCEEDED = "Succeeded"
    CANCELLED = "Cancelled"
    REVERTED = "Reverted"
    INVALID_CONFIGURATION = "InvalidConfiguration"
    SERVER_NOT_FOUND = "ServerNotFound"
    AMBIGUOUS_SERVER_NAME = "AmbiguousServerName"
    SERVER_LOCKED = "ServerLocked"
    WRONG_SERVER_STATE = "WrongServerState"
    NO_VALID_HOST = "NoValidHost"
    NOT_SUPPORTED = "NotSupported"
    POLICY_FORBIDS = "PolicyForbids"
    ACTION_REMOVED = "ActionRemoved"
    REFUSED = "RefusedByNova"
    ACTION_FAILED = "ActionFailed"
    ROLLED_BACK = "RolledBack"
    SERVER_GONE = "ServerGone"
    DEADLINE_EXCEEDED = "DeadlineExceeded"
    EXPIRED = "Expired"
    RESTORED_COPY = "RestoredCopy"
    OUTCOME_UNKNOWN = "OutcomeUnknown"


class ConditionStatus(StrEnum):
    """The three values of a Kubernetes condition."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Condition(Model):
    """One Kubernetes condition."""

    type: Word
    """What this says something about."""
    status: ConditionStatus
    """Whether it is so."""
    reason: Word
    """Why, in one word that says what to do."""
    message: ConditionMessage = ""
    """Why, for people."""
    observed_generation: int = 0
    """The metadata.generation that this was said of."""
    last_transition_time: Time
    """When the status changed last."""


Conditions = Annotated[
    tuple[Condition, ...],
    Field(
        max_length=16,
        json_schema_extra={
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["type"],
        },
    ),
]


class ServerStatus(Model):
    """The server as Nova showed it last."""

    id: Word
    """Nova's id of the server."""
    name: Word | None = None
    """Its name."""
    status: Word | None = None
    """Nova's word: `ACTIVE`, `VERIFY_RESIZE`, `ERROR`, ..."""
    task_state: Word | None = None
    """What Nova is doing to it; absent when nothing."""
    source_host: Word | None = None
    """Where the server was before the action; its hostId where the credentials may not see
    hosts."""
    host: Word | None = None
    """Where the server is now; its hostId where the credentials may not see hosts."""


class Intent(Model):
    """The write-ahead record of one attempt, stored before anything is sent.

    It holds what a later process needs to find the action again in the very cloud that it was meant
    for.
    """

    attempt: int = Field(ge=1)
    """Counts from 1. A new attempt is made only of what Nova certainly did not accept."""
    holder: Word
    """The process that claimed, as it names itself in the Lease."""
    action: Word
    """Nova's name of the action in the request: `createBackup`, `os-migrateLive`, ..."""
    server_id: Word
    """Nova's id of the server that the request names."""
    region: Word | None = None
    """The cloud's region, where it has several."""
    endpoint: Url
    """Nova's address, from the cloud's catalogue."""
    user_id: Word
    """As whom the request is sent."""
    project_id: Word
    """For which project the request is sent."""
    microversion: Word
    """The microversion that the request is pinned to."""
    secret_uid: Word | None = None
    """The Secret that the credentials came from."""
    secret_resource_version: Word | None = None
    """Which version of that Secret."""
    nova_time: Time
    """Nova's own clock when the server was looked at, from its Date header."""
    known_request_ids: Newest[Word] = ()
    """Instance actions that the server had before: never ours."""
    known_migration_uuids: Newest[Word] = ()
    """Migrations that the server had before."""
    known_image_ids: Newest[Word] = ()
    """ServerBackup: the images of this server and backup type that were there before."""
    source_host: Word | None = None
    """Where the server was, where the credentials may see it."""
    source_host_id: Word | None = None
    """Nova's hash of host and project, which everyone may see."""


class FollowUpState(StrEnum):
    """How far a follow-up request got."""

    ISSUING = "Issuing"
    ACCEPTED = "Accepted"
    REFUSED = "Refused"
    NOT_SENT = "NotSent"
    UNKNOWN = "Unknown"


class FollowUp(Model):
    """The write-ahead record of a later request: confirm, revert, abort, force complete."""

    action: Word
    """Nova's name of the request: `confirmResize`, `revertResize`, `abort`, `force_complete`."""
    attempt: int = Field(ge=1)
    """Counts from 1."""
    state: FollowUpState
    """How far it got."""
    holder: Word
    """The process that claimed it."""
    migration_uuid: Word
    """The migration that it is about."""
    migration_id: int
    """The number of that migration, which Nova wants in the request."""
    microversion: Word
    """The microversion that the request is pinned to."""
    nova_time: Time
    """Nova's own clock just before."""
    claimed_time: Time
    """When this record was written, on the operator's clock."""
    request_id: Word | None = None
    """Nova's own id of the request, once it answered."""
    message: Message | None = None
    """Nova's words where it refused."""


class MigrationStatus(Model):
    """The Nova migration that the action led to."""

    id: int
    """Nova's number of it."""
    uuid: Word
    """Nova's id of it; see `openstack server migration list`."""
    status: Word
    """Nova's word: `queued`, `running`, `finished`, `completed`, `error`, ..."""
    source_host: Word | None = None
    """Where the server comes from."""
    dest_host: Word | None = None
    """Where it goes."""


class ImageStatus(Model):
    """The image that a ServerBackup led to."""

    id: Word
    """Glance's id of the image."""
    name: Word | None = None
    """Its name."""
    status: Word | None = None
    """Glance's word: `queued`, `saving`, `active`, ..."""
    size_bytes: int | None = None
    """Its size, once it is uploaded."""
    rotated_out: Newest[Word] = ()
    """Older backups that Nova deleted in the same run, by image id."""


class Progress(Model):
    """How far a running action is, in the numbers that Nova gives."""

    percent: int | None = Field(default=None, ge=0, le=100)
    """Nova's own estimate."""
    memory_total_bytes: int | None = None
    """Of a running live migration, like all below: memory to copy."""
    memory_processed_bytes: int | None = None
    """Memory copied; more than the total where a busy server changes it again."""
    memory_remaining_bytes: int | None = None
    """Memory still to copy."""
    disk_total_bytes: int | None = None
    """Local disk to copy."""
    disk_processed_bytes: int | None = None
    """Local disk copied."""
    disk_remaining_bytes: int | None = None
    """Local disk still to copy."""


class Status(Model):
    """The status subresource of every kind."""

    observed_generation: int = 0
    """The metadata.generation that the operator acted on last."""
    phase: Phase = Phase.PENDING
    """Where the action is in its life, for people; programs read the conditions."""
    conditions: Conditions = ()
    """Issued, Succeeded, Finished, Ready, Reconciling, Stalled. `Finished` becomes True in any
    outcome and `Succeeded` says which: wait for the first, then look at the second. The reason
    names what to do."""
    server: ServerStatus | None = None
    """The server as Nova showed it last."""
    attempts: int = 0
    """Attempts that are over and that Nova certainly did not accept."""
    intent: Intent | None = None
    """What was noted before the request was sent; kept for audit and for recovery."""
    request_id: Word | None = None
    """Nova's own id of the accepted request; `openstack server event list` shows it too."""
    refused_request_ids: NewestLast[Word] = ()
    """Requests of this object that Nova refused: never another object's."""
    candidate_request_ids: NewestLast[Word] = ()
    """OutcomeUnknown: requests, or images, in Nova's records that may be this object's."""
    follow_ups: NewestLast[FollowUp] = ()
    """Later requests about the same action: confirm, revert, abort, force complete."""
    migration: MigrationStatus | None = None
    """The Nova migration, where the action is one."""
    image: ImageStatus | None = None
    """The image, where the action is a backup."""
    progress: Progress | None = None
    """How far the action is, where Nova tells."""
    decision: Word | None = None
    """The decision that was taken up: a later change of spec.decision has no effect."""
    start_time: Time | None = None
    """When the operator looked at the object first."""
    unsent_time: Time | None = None
    """While it waits: until when, on Nova's own clock, Nova's records were looked through for a
    request that may be this object's. There was none."""
    issued_time: Time | None = None
    """When Nova accepted the action."""
    awaiting_since: Time | None = None
    """AwaitingDecision: since when. The deadline stands still meanwhile."""
    awaited_seconds: int = 0
    """How long the deadline has stood still in all."""
    cancel_requested_time: Time | None = None
    """When spec.cancel was taken up; it stands even if the field is taken back."""
    deadline_time: Time | None = None
    """When a deadline was found to have passed and its `onDeadline` was begun."""
    beside: NewestLast[Word] = ()
    """Objects whose actions were sent on the same server while this one was in flight."""
    completion_time: Time | None = None
    """When the end was seen."""
    message: Message | None = None
    """What is going on, or what became of it and what to do, in one sentence."""

    @property
    def reason(self) -> str:
        """The reason that the object gives for its phase."""
        for condition in self.conditions:
            if condition.type == "Ready":
                return condition.reason
        return Reason.WAITING_FOR_OPERATOR

    @property
    def last_follow_up(self) -> FollowUp | None:
        """The newest follow-up request, or None."""
        return self.follow_ups[-1] if self.follow_ups else None
