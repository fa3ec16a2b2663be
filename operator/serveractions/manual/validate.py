"""`serveractions validate`: says before `kubectl apply` whether the API server would take a file.

It needs no cluster, so it fits into a pre-commit hook or the check of a merge request. Whether the
server exists, or the credentials are good, is for the operator to find out.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

from serveractions.manual.judging import Judgement, judge
from serveractions.manual.manifests import Document, UnreadableError, add_files, files_of, read

INVALID = 2
"""Exit code: something would be refused, or could not be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of one document."""

    document: Document
    judgement: Judgement

    @property
    def verdict(self) -> str:
        """`valid`, `invalid`, or `skipped` for objects that are not ours."""
        if not self.judgement.ours:
            return "skipped"
        return "invalid" if self.judgement.problems else "valid"

    def to_wire(self) -> dict[str, Any]:
        """Return it as JSON shows it."""
        judged = self.judgement
        return {
            "file": self.document.file,
            "document": self.document.number,
            "kind": judged.kind,
            "namespace": judged.namespace,
            "name": judged.name,
            "verdict": self.verdict,
            "errors": [
                {"field": problem.field, "message": problem.message} for problem in judged.problems
            ],
            "warnings": [*self.document.warnings, *judged.warnings],
        }


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.description = (
        "Says whether the API server would take the objects: fields, bounds and rules. Needs no"
        " cluster. Objects of other kinds are skipped. Exit code 0: all would be taken; 2: not all."
    )
    add_files(parser)
    parser.add_argument(
        "-o", "--output", choices=["text", "json"], default="text", help="default: text"
    )


def run(options: argparse.Namespace, out: TextIO | None = None) -> int:
    """Judge the files; return the exit code."""
    out = out or sys.stdout
    results, unreadable = _judged(options.filename)
    valid = bool(results) and not unreadable and all(each.verdict != "invalid" for each in results)
    if not results and not unreadable:
        unreadable = ["no object in what was given: name a file that has one"]
    if options.output == "json":
        answer = {
            "valid": valid,
            "objects": [each.to_wire() for each in results],
            "unreadable": unreadable,
        }
        out.write(json.dumps(answer, indent=2, ensure_ascii=False) + "\n")
    else:
        out.writelines(f"{line}\n" for line in _text(results, unreadable))
    return 0 if valid else INVALID


def _judged(names: Sequence[str]) -> tuple[list[Result], list[str]]:
    """Return what came of each document, and what could not be read."""
    results: list[Result] = []
    unreadable: list[str] = []
    for name in names:
        try:
            for file in files_of([name]):
                try:
                    results += [
                        Result(document=document, judgement=judge(document.body))
                        for document in read(file)
                    ]
                except UnreadableError as error:
                    unreadable.append(str(error))
        except UnreadableError as error:
            unreadable.append(str(error))
    return results, unreadable


def _text(results: Sequence[Result], unreadable: Sequence[str]) -> Iterator[str]:
    for result in results:
        judged = result.judgement
        name = "/".join(filter(None, (judged.namespace, judged.name)))
        what = " ".join(filter(None, (judged.kind, name))) or "an object"
        say = {
            "valid": "valid",
            "skipped": "skipped, it is no action",
            "invalid": "would be refused",
        }[result.verdict]
        yield f"{result.document.place}: {what}: {say}"
        for problem in judged.problems:
            yield (
                f"  {problem.field}: {problem.message}" if problem.field else f"  {problem.message}"
            )
        for warning in (*result.document.warnings, *judged.warnings):
            yield f"  warning: {warning}"
    yield from unreadable
