"""How the small Nova can be told to answer the next write."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Refuse:
    """Answer the next write with a status and take nothing."""

    status: int
    message: str = ""
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class LoseReply:
    """Take the next write; nobody hears of it."""


@dataclass(frozen=True, slots=True)
class SpoilBody:
    """Take the next write; its sender gets the headers of the answer, and no body."""


@dataclass(frozen=True, slots=True)
class LoseRequest:
    """The next write is lost on its way; nobody hears of that."""


@dataclass(frozen=True, slots=True)
class DeliverLater:
    """Something holds the next write, its sender hears nothing, and Nova gets it after a while."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Unreachable:
    """No connection for the next write."""


Answer = Refuse | LoseReply | SpoilBody | LoseRequest | DeliverLater | Unreachable
