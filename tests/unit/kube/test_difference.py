"""The merge patch between two statuses: applying it to the old one gives the new one, always."""

import random
from typing import Any

import pytest

from serveractions.api.status import Intent, Phase, ServerStatus, Status
from serveractions.kube.status import difference


def merge(target: Any, patch: Any) -> Any:
    """Apply a merge patch as RFC 7396 writes it down."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merge(result.get(name), value)
    return result


def some_value(chance: random.Random, depth: int) -> Any:
    kind = chance.choice(["text", "number", "flag", "list", "object"])
    if kind == "text" or depth == 0:
        return chance.choice(["", "a", "b"])
    if kind == "number":
        return chance.choice([6, 7])
    if kind == "flag":
        return chance.choice([False, True])
    if kind == "list":
        return [some_value(chance, depth - 1) for _ in range(chance.randrange(3))]
    return some_object(chance, depth - 1)


def some_object(chance: random.Random, depth: int) -> dict[str, Any]:
    names = chance.sample("abcd", chance.randrange(5))
    return {name: some_value(chance, depth) for name in names}


@pytest.mark.parametrize("seed", range(20))
def test_applying_the_difference_gives_the_new_object(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
    for _ in range(200):
        old, new = some_object(chance, 3), some_object(chance, 3)
        assert merge(old, difference(old, new)) == new
        assert difference(new, new) == {}


def test_only_what_changed_is_sent() -> None:
    intent = Intent(
        attempt=1,
        holder="me",
        action="migrate",
        server_id="s",
        endpoint="e",
        user_id="u",
        project_id="p",
        microversion="2.90",
        nova_time="2026-01-01T00:00:00Z",
    )
    old = Status(phase=Phase.ISSUING, intent=intent, server=ServerStatus(id="s", task_state="x"))
    new = old.model_copy(
        update={
            "phase": Phase.RUNNING,
            "request_id": "req-1",
            "server": ServerStatus(id="s", status="ACTIVE"),
        }
    )
    assert difference(old.to_wire(), new.to_wire()) == {
        "phase": "Running",
        "requestId": "req-1",
        "server": {"taskState": None, "status": "ACTIVE"},
    }
