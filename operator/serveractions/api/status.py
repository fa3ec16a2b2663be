"""The status of every kind: the whole durable state of an action, for programs and people.

The operator keeps nothing elsewhere. What is here survives a crash; what is not here must be found
again in Nova.
"""

from enum import StrEnum

from pydantic import Field

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
    WAITING_FOR_LEASE = "WaitingForLease"
    SERVER_BUSY = "ServerBusy"
    AWAITING_DECISION = "AwaitingDecision"
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

    type: str
    status: ConditionStatus
    reason: str
    message: str = ""
    observed_generation: int = 0
    last_transition_time: Time


class ServerStatus(Model):
    """The server as Nova showed it last."""

    id: str
    name: str | None = None
    status: str | None = None
    task_state: str | None = None
    source_host: str | None = None
    """Where the server was before the action; its hostId where the credentials may not see
    hosts."""
    host: str | None = None
    """Where the server is now; its hostId where the credentials may not see hosts."""


class Intent(Model):
    """The write-ahead record of one attempt, stored before anything is sent.

    It holds what a later process needs to find the action again in the very cloud that it was meant
    for.
    """

    attempt: int = Field(ge=1)
    holder: str
    """The process that claimed, as it names itself in the Lease."""
    action: str
    """Nova's name of the action in the request: `createBackup`, `os-migrateLive`, ..."""
    server_id: str
    region: str | None = None
    endpoint: str
    user_id: str
    project_id: str
    microversion: str
    secret_uid: str | None = None
    secret_resource_version: str | None = None
    nova_time: Time
    """Nova's own clock when the server was looked at, from its Date header."""
    known_request_ids: tuple[str, ...] = ()
    """Instance actions that the server had before: never ours."""
    known_migration_uuids: tuple[str, ...] = ()
    known_image_ids: tuple[str, ...] = ()
    """ServerBackup: the images of this server and backup type that were there before."""
    source_host: str | None = None
    source_host_id: str | None = None


class FollowUpState(StrEnum):
    """How far a follow-up request got."""

    ISSUING = "Issuing"
    ACCEPTED = "Accepted"
    REFUSED = "Refused"
    UNKNOWN = "Unknown"


class FollowUp(Model):
    """The write-ahead record of a later request: confirm, revert, abort, force complete."""

    action: str
    attempt: int = Field(ge=1)
    state: FollowUpState
    holder: str
    migration_uuid: str
    migration_id: int
    microversion: str
    nova_time: Time
    request_id: str | None = None
    message: str | None = None


class MigrationStatus(Model):
    """The Nova migration that the action led to."""

    id: int
    uuid: str
    status: str
    source_host: str | None = None
    dest_host: str | None = None


class ImageStatus(Model):
    """The image that a ServerBackup led to."""

    id: str
    name: str | None = None
    status: str | None = None
    size_bytes: int | None = None
    rotated_out: tuple[str, ...] = ()
    """Older backups that Nova deleted in the same run, by image id."""


class Progress(Model):
    """How far a running action is, in the numbers that Nova gives."""

    percent: int | None = Field(default=None, ge=0, le=100)
    memory_total_bytes: int | None = None
    memory_processed_bytes: int | None = None
    memory_remaining_bytes: int | None = None
    disk_total_bytes: int | None = None
    disk_processed_bytes: int | None = None
    disk_remaining_bytes: int | None = None


class Status(Model):
    """The status subresource of every kind."""

    observed_generation: int = 0
    phase: Phase = Phase.PENDING
    conditions: tuple[Condition, ...] = ()
    server: ServerStatus | None = None
    attempts: int = 0
    """Attempts that are over and that Nova certainly did not accept."""
    intent: Intent | None = None
    request_id: str | None = None
    """Nova's own id of the accepted request."""
    refused_request_ids: tuple[str, ...] = ()
    """Requests of this object that Nova refused, or that could not be told apart: never another
    object's."""
    follow_ups: tuple[FollowUp, ...] = ()
    migration: MigrationStatus | None = None
    image: ImageStatus | None = None
    progress: Progress | None = None
    decision: str | None = None
    """The decision that was taken up: a later change of spec.decision has no effect."""
    start_time: Time | None = None
    """When the operator looked at the object first."""
    issued_time: Time | None = None
    """When Nova accepted the action."""
    awaiting_since: Time | None = None
    """AwaitingDecision: since when. The deadline stands still meanwhile."""
    awaited_seconds: int = 0
    """How long the deadline has stood still in all."""
    cancel_requested_time: Time | None = None
    deadline_time: Time | None = None
    """When a deadline was found to have passed and its `onDeadline` was begun."""
    completion_time: Time | None = None
    message: str | None = None

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
