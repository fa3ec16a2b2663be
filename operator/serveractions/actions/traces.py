"""What Nova's records show of a request of which no answer came.

Nova does not keep our own request id, so a request can only be told by who asked for what, when,
and by what was there before. The instance actions decide; for createBackup the mark that its image
carries does, too (`create_backup`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from serveractions.actions.observation import Image, InstanceAction, Server


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """All that was read of one server to find a request.

    Attributes:
        server: None when Nova says 404; its records remain for a while.
        actions: The server's instance actions, newest first.
        strangers: Request ids among them that other objects own.
        images: The backups of the server, newest first; None when they were not looked for.
    """

    server: Server | None
    actions: tuple[InstanceAction, ...]
    strangers: frozenset[str] = frozenset()
    images: tuple[Image, ...] | None = None

    def candidates(self, matches: Callable[[InstanceAction], bool]) -> list[InstanceAction]:
        """Return the records that could be the request and that no other object owns."""
        return [
            each for each in self.actions if each.request_id not in self.strangers and matches(each)
        ]


@dataclass(frozen=True, slots=True)
class Found:
    """Nova accepted the request.

    Attributes:
        request_id: Nova's own id of it.
        started: When it arrived, on Nova's clock.
        image_id: The backup's image, None where there is none (any more).
    """

    request_id: str
    started: datetime
    image_id: str | None = None


@dataclass(frozen=True, slots=True)
class Several:
    """More than one record could be the request."""

    request_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Absent:
    """No record of it: it was not accepted, or not yet.

    Attributes:
        orphans: Images that a refused createBackup left behind.
    """

    orphans: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unseen:
    """It cannot be told now, which is never the same as absent."""

    why: str


Trace = Found | Several | Absent | Unseen


def among(candidates: Sequence[InstanceAction]) -> Trace:
    """Tell what candidates mean where nothing else distinguishes them."""
    if not candidates:
        return Absent()
    if len(candidates) > 1:
        return Several(tuple(each.request_id for each in candidates))
    return Found(candidates[0].request_id, candidates[0].start_time)
