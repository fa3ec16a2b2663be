"""What both engines do with a repository, in words of their own: the promises are the same."""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Protocol, TypeVar

from administrator import MERGE_PATCH
from assembled import Assembled
from gitops.repository import Repository

SYNC_WITHIN = 60.0
"""Seconds until an engine has done what it was asked for."""

Body = dict[str, Any]
Said = TypeVar("Said")


class Verdict(Enum):
    """What an engine says of a revision."""

    WAITS = "waits"
    """Of another one, too, and before it has applied this one."""
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True)
class Followed(ABC):
    """A repository, and the object of the engine that follows it."""

    world: Assembled
    url: str
    """Of all objects of its kind in its namespace."""
    name: str
    repository: Repository
    """What a test commits to."""

    @abstractmethod
    def push(self, message: str) -> str:
        """Commit what has changed and have the engine see it; return the revision."""

    @abstractmethod
    def again(self) -> None:
        """Have all applied that is applied already, and wait for that."""

    @abstractmethod
    def heal(self) -> None:
        """Have it notice what others have changed, where it would do so only after minutes."""

    @abstractmethod
    def until_waiting(self, revision: str) -> None:
        """Wait until a revision is applied and the engine waits for the health of its objects."""

    @abstractmethod
    def until_refused(self, revision: str) -> str:
        """Wait until the API server has refused a revision; return what the engine tells of it."""

    @abstractmethod
    def verdict(self, body: Body, revision: str) -> Verdict:
        """Return what a version of its object says of a revision."""

    def until(self, revision: str, verdict: Verdict) -> None:
        """Wait until the engine says that of a revision."""
        self.until_said(
            lambda body: self.verdict(body, revision) is verdict,
            what=f"{self.name} has {revision} and is {verdict.value}",
        )

    def until_said(self, said: Callable[[Body], Said], *, what: str) -> Said:
        """Wait for what its object says, and return that; where it never does, show what it says.

        Args:
            said: Reads it out of the object; what is empty or false does not count.
            what: In words.
        """
        heard: list[Said] = []

        def there() -> bool:
            heard[:] = [said(self.read())]
            return bool(heard[0])

        try:
            self.world.until(there, seconds=SYNC_WITHIN, what=what)
        except AssertionError as error:
            raise AssertionError(f"{error}; it says {self.read().get('status')}") from None
        return heard[0]

    @contextmanager
    def watched(self) -> Iterator[list[Body]]:
        """Collect all versions of its object, until the context is left: whatever is read in
        between could miss something.
        """
        parameters = {"watch": "1", "fieldSelector": f"metadata.name={self.name}"}
        versions: list[Body] = []
        with self.world.session.get(
            self.url, params=parameters, stream=True, timeout=(30, 600)
        ) as stream:
            lines = stream.iter_lines()
            versions.append(json.loads(next(lines))["object"])
            yield versions
            last = self.read()["metadata"]["resourceVersion"]
            for line in lines:
                versions.append(json.loads(line)["object"])
                if versions[-1]["metadata"]["resourceVersion"] == last:
                    break

    def read(self) -> Body:
        """Return its object."""
        answer = self.world.session.get(f"{self.url}/{self.name}", timeout=30)
        answer.raise_for_status()
        found: Body = answer.json()
        return found

    def patch(self, change: Body) -> None:
        """Change its object."""
        answer = self.world.session.patch(
            f"{self.url}/{self.name}", json=change, headers=MERGE_PATCH, timeout=30
        )
        assert answer.ok, answer.text


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

    def restart(self) -> None:
        """Let what applies begin anew."""
