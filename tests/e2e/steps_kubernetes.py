"""Steps that a user takes with kubectl, and what they must see there."""

import base64
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from e2e.matching import differences
from e2e.stage import (
    WITHIN,
    FinalMismatchError,
    Stage,
    only_keys,
    until_none,
    while_none,
)
from local_stack.commands import CommandError
from serveractions.api.kinds import API_VERSION, BY_NAME
from serveractions.api.status import Phase

Document = Mapping[str, Any]

_EXIT_CODE = re.compile(r"ended with exit code (\d+):")  # local_stack's CommandError

FINISHED = {phase.value for phase in Phase if phase.finished}
LATE = ("metadata.", "status.observedGeneration", "status.conditions")
"""What may still change in a finished object; conditions only in their observedGeneration."""


def apply(stage: Stage, document: Document) -> None:
    """Apply a manifest."""
    manifest = {key: value for key, value in document.items() if key != "refused"}
    if manifest.get("kind") in BY_NAME:
        manifest.setdefault("apiVersion", API_VERSION)
    _expecting(stage, document.get("refused"), "apply", "-f", "-", stdin=json.dumps(manifest))


def patch(stage: Stage, document: Document) -> None:
    """Merge a patch into an object."""
    outside = ("kind", "metadata", "refused")
    change = {key: value for key, value in document.items() if key not in outside}
    metadata = {key: value for key, value in document["metadata"].items() if key != "name"}
    if metadata:
        change["metadata"] = metadata
    _expecting(
        stage,
        document.get("refused"),
        *("patch", document["kind"].lower(), document["metadata"]["name"]),
        *("--type=merge", "-p", json.dumps(change)),
    )


def delete(stage: Stage, document: Document) -> None:
    """Delete an object; kubectl waits until it is gone."""
    only_keys(document, "kind", "metadata")
    kind, name = document["kind"].lower(), document["metadata"]["name"]
    stage.kubectl("delete", kind, name, "--timeout=20s")


def copy(stage: Stage, document: Document) -> None:
    """Create an object again from its own YAML, as a restored backup does."""
    only_keys(document, "kind", "from", "to")
    text = stage.kubectl("get", document["kind"].lower(), document["from"], "-o", "json")
    original = json.loads(text)
    metadata = original["metadata"]
    restored = {
        "apiVersion": original["apiVersion"],
        "kind": original["kind"],
        "metadata": {"name": document["to"], "annotations": metadata.get("annotations", {})},
        "spec": original["spec"],
    }
    stage.kubectl("create", "-f", "-", stdin=json.dumps(restored))


def assert_(stage: Stage, document: Document) -> None:
    """Wait until an object matches."""
    options = ("within", "holds", "absent", "remember")
    only_keys(document, "kind", "metadata", "status", "spec", "data", *options)
    kind, name = document["kind"], document["metadata"]["name"]
    within = float(document.get("within", WITHIN))
    what = f"{kind} {name} as expected"
    if document.get("absent"):
        until_none(
            lambda: ["it is still there"] if stage.get(kind, name) else [],
            within=within,
            what=f"{kind} {name} gone",
        )
        return
    expected = {key: value for key, value in document.items() if key not in options}

    def look() -> list[str]:
        actual = stage.get(kind, name)
        if actual is None:
            return ["there is no such object"]
        lines = differences(expected, actual)
        _fail_if_final(actual, lines)
        return lines

    until_none(look, within=within, what=what)
    if "holds" in document:
        while_none(look, seconds=float(document["holds"]), what=what)
    for variable, member in document.get("remember", {}).items():
        value: Any = stage.get(kind, name)
        for key in member.split("."):
            value = value[key]
        stage.variables[variable] = str(value)


def wait(stage: Stage, document: Document) -> None:
    """Run `kubectl wait`, whose exit code is what scripts go by."""
    only_keys(document, "kind", "metadata", "for", "timeout", "exitCode")
    words = (
        "wait",
        f"--for={document['for']}",
        f"{document['kind'].lower()}/{document['metadata']['name']}",
        f"--timeout={document.get('timeout', '60s')}",
    )
    wanted = int(document.get("exitCode", 0))
    error = _error_of(stage, *words)
    ended = _EXIT_CODE.search(error) if error else None
    code = int(ended.group(1)) if ended else 0
    assert code == wanted, error or f"kubectl {' '.join(words)} ended with 0, expected: {wanted}"


def events(stage: Stage, document: Document) -> None:
    """Wait until there are such Events on an object, and see that there are no others of a kind."""
    only_keys(document, "kind", "metadata", "events", "none", "within")
    kind, name = document["kind"], document["metadata"]["name"]

    def lacking() -> list[str]:
        there = events_on(stage, kind, name)
        return [
            f"no Event like {wanted}; there are {[_short(event) for event in there]}"
            for wanted in document.get("events", [])
            if all(differences(wanted, event) for event in there)
        ]

    within = float(document.get("within", WITHIN))
    until_none(lacking, within=within, what=f"Events on {kind} {name}")
    for unwanted in document.get("none", []):
        found = [
            _short(event)
            for event in events_on(stage, kind, name)
            if not differences(unwanted, event)
        ]
        assert not found, f"Events like {unwanted} were not to be there: {found}"


def events_on(stage: Stage, kind: str, name: str) -> list[dict[str, Any]]:
    """Return the Events on an object, oldest first."""
    answer = stage.read(f"/api/v1/namespaces/{stage.case.namespace}/events")
    answer.raise_for_status()
    found = [
        event
        for event in answer.json()["items"]
        if (event["involvedObject"]["kind"], event["involvedObject"]["name"]) == (kind, name)
    ]
    return sorted(found, key=lambda event: event.get("eventTime") or "")


def secrecy(stage: Stage, document: Document) -> None:
    """See that a text stands nowhere but in Secrets, neither as it is nor in base64."""
    only_keys(document, "text")
    text: str = document["text"]
    whole = len(text) // 3 * 3  # beyond that, base64 depends on what follows
    forms = (text, base64.b64encode(text.encode()[:whole]).decode())
    for path in (*(stage.path(kind) for kind in BY_NAME), stage.path("Event")):
        answer = stage.read(path)
        answer.raise_for_status()
        assert not any(form in answer.text for form in forms), f"{text!r} stands in {path}"
    log: Path = stage.world.stack.supervisor.logs / "operator.log"
    lines = [line for line in log.read_text().splitlines() if any(form in line for form in forms)]
    assert not lines, f"{text!r} stands in the operator's log: {lines[:3]}"


def _fail_if_final(actual: Mapping[str, Any], lines: list[str]) -> None:
    if actual.get("status", {}).get("phase") not in FINISHED:
        return
    final = [
        line
        for line in lines
        if not line.startswith(LATE) or ("conditions" in line and "Generation" not in line)
    ]
    if final:
        raise FinalMismatchError(
            "\n  ".join(["it is finished and not as expected:", *final])
            + f"\nits status: {json.dumps(actual['status'], indent=2)}"
        )


def _expecting(stage: Stage, refused: str | None, *words: str, stdin: str | None = None) -> None:
    error = _error_of(stage, *words, stdin=stdin)
    if refused is None:
        assert error is None, error
    else:
        assert error, f"kubectl {words[0]} was to be refused ({refused}), and was not"
        lines = differences(refused, error)
        assert not lines, f"refused in other words than expected: {lines}"


def _error_of(stage: Stage, *words: str, stdin: str | None = None) -> str | None:
    """Run kubectl; return its complaint, None when it had none."""
    try:
        stage.kubectl(*words, stdin=stdin)
    except CommandError as error:
        return str(error)
    return None


def _short(event: Mapping[str, Any]) -> tuple[str, str, str]:
    return event["type"], event["reason"], event.get("message", "")
