"""What both engines do with a repository, in words of their own: the promises are the same."""

from contextlib import AbstractContextManager
from enum import Enum
from pathlib import Path
from typing import Protocol

from gitops.repository import Repository

SYNC_WITHIN = 60.0
"""Seconds until an engine has done what it was asked for."""


class Verdict(Enum):
    """What an engine says of a revision."""

    WAITS = "waits"
    """Of another one, too, and before it has applied this one."""
    DONE = "done"
    FAILED = "failed"


class Followed(Protocol):
    """A repository, and the object of the engine that follows it."""

    @property
    def repository(self) -> Repository:
        """What a test commits to."""

    def push(self, message: str) -> str:
        """Commit what has changed and have the engine see it; return the revision."""

    def again(self) -> None:
        """Have all applied that is applied already, and wait for that."""

    def heal(self) -> None:
        """Have it notice what others have changed, where it would do so only after minutes."""

    def until(self, revision: str, verdict: Verdict) -> None:
        """Wait until the engine says that of a revision."""

    def until_waiting(self, revision: str) -> None:
        """Wait until a revision is applied and the engine waits for the health of its objects."""

    def until_refused(self, revision: str) -> str:
        """Wait until the API server has refused a revision; return what the engine tells of it."""

    def watched(self, revision: str) -> AbstractContextManager[list[Verdict]]:
        """Collect all that is said of a revision until the context is left: whatever is read in
        between could miss something.
        """


class Engine(Protocol):
    """The programs of an engine."""

    @property
    def title(self) -> str:
        """What users call it."""

    def follow(self, clone: Path) -> Followed:
        """Set up a repository like the example that is shipped, and have it followed.

        Args:
            clone: Where to.
        """

    def restarted(self) -> AbstractContextManager[None]:
        """Let what applies begin anew before the context is left."""
