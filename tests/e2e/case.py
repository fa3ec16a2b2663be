"""A case: one folder, read into the steps that it consists of."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from serveractions.api.kinds import BY_NAME

HERE = Path(__file__).parent
STEP_FILE = re.compile(r"\d\d-(?P<step>[a-z]+)(-[a-z0-9-]+)?\.yaml")
SECRET = "openstack"


class MalformedCaseError(Exception):
    """A folder does not follow the format in the README."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One file of a case."""

    kind: str
    file: Path
    documents: tuple[Mapping[str, Any], ...]

    def __str__(self) -> str:
        return f"{self.file.parent.name}/{self.file.name}"


@dataclass(frozen=True, kw_only=True)
class Case:
    """One promise and how it is tried."""

    name: str
    promise: str
    steps: tuple[Step, ...]

    @property
    def namespace(self) -> str:
        """The case's own."""
        return f"e2e-{self.name}"

    @property
    def alone(self) -> bool:
        """Whether what it does would be felt by other cases."""
        return any(
            step.kind == "operator" or (step.kind == "driver" and "hostDown" in document)
            for step in self.steps
            for document in step.documents
        )

    @property
    def kinds(self) -> set[str]:
        """The kinds of ours that it makes objects of."""
        return {
            document["kind"]
            for step in self.steps
            if step.kind in ("apply", "copy")
            for document in step.documents
            if document.get("kind") in BY_NAME
        }

    @property
    def brings_secret(self) -> bool:
        """Whether the Secret with the credentials is a matter of the case itself."""
        return any(
            document.get("kind") == "Secret" and document["metadata"]["name"] == SECRET
            for step in self.steps
            if step.kind == "apply"
            for document in step.documents
        )


def names() -> list[str]:
    """Return the names of all cases."""
    return sorted(folder.parent.name for folder in HERE.glob("*/README.md"))


def load(name: str) -> Case:
    """Read a case.

    Raises:
        MalformedCaseError: It does not follow the format.
    """
    folder = HERE / name
    steps = []
    for file in sorted(folder.glob("*.yaml")):
        found = STEP_FILE.fullmatch(file.name)
        if found is None:
            raise MalformedCaseError(f"{file}: not named NN-<step>.yaml")
        documents = tuple(each for each in yaml.safe_load_all(file.read_text()) if each)
        if not all(isinstance(each, dict) for each in documents):
            raise MalformedCaseError(f"{file}: every document has to be a mapping")
        steps.append(Step(kind=found.group("step"), file=file, documents=documents))
    if not any(step.kind in ("assert", "nova", "events", "wait") for step in steps):
        raise MalformedCaseError(f"{folder} expects nothing")
    promise = (folder / "README.md").read_text().strip()
    return Case(name=name, promise=promise, steps=tuple(steps))
