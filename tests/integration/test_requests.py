"""What one action costs: counted at the cloud and at the API server, not in the operator.

The assembled operator runs as a process beside a fake cloud and a real kube-apiserver. Exactly one
action POST, few reads before it, and no Kubernetes write that nobody planned.
"""

import ast
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import assembled
from assembled import Assembled
from audit import Audit, Write
from local_stack.kubernetes import ControlPlane
from serveractions.api.kinds import BY_NAME, KINDS

SOURCES = Path(__file__).parents[2] / "operator" / "serveractions"
MOST_READS = 3
"""Before the POST: the server, its instance actions, and its migrations or its backups."""
PASSWORD = "a-new-password"
SETTINGS = {"poll-interval": "1", "poll-interval-urgent": "0.3"}
PACE = {"live-migration": "1", "cold-migration": "0.6", "backup": "0.6"}


@dataclass(frozen=True)
class Planned:
    """What one kind is told, how it ends, and the POSTs to Nova that this takes."""

    spec: dict[str, Any]
    phase: str = "Succeeded"
    posts: tuple[str, ...] = ()


PLANS = {
    "ServerBackup": Planned({"backupType": "daily", "rotation": 1}, posts=("createBackup",)),
    "ServerMigration": Planned({}, posts=("migrate", "confirmResize")),
    "ServerLiveMigration": Planned({}, posts=("os-migrateLive",)),
    "ServerNetworkReset": Planned({}, phase="Failed"),  # 410: Nova removed the action
    "ServerNetworkInjection": Planned({}, posts=("injectNetworkInfo",)),
    "ServerStateReset": Planned({"state": "Active"}, posts=("os-resetState",)),
    "ServerPasswordChange": Planned(
        {"passwordSecretRef": {"name": "password", "key": "password"}}, posts=("changePassword",)
    ),
}


@dataclass(frozen=True)
class Cost:
    """All that one action made anybody do."""

    status: dict[str, Any]
    requests: list[dict[str, Any]]
    accepted: list[str]
    writes: list[Write]


@pytest.fixture(scope="module")
def earlier(kubernetes: ControlPlane, audit: Audit) -> int:
    """How many writes other tests have made as the operator's user."""
    return len(audit.writes(user=assembled.USER))


@pytest.fixture(scope="module")
def world(kubernetes: ControlPlane, earlier: int) -> Iterator[Assembled]:
    with assembled.running(kubernetes, name="requests", settings=SETTINGS, pace=PACE) as world:
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": "password",
                "labels": {"serveractions.dev/usable-as": "password"},
            },
            "stringData": {"password": PASSWORD},
        }
        world.kubernetes.kubectl(
            "create", "-n", world.namespace, "-f", "-", stdin=json.dumps(secret)
        )
        yield world


@pytest.fixture(scope="module")
def costs(world: Assembled, audit: Audit) -> dict[str, Cost]:
    """One action of each kind, each on a server of its own, all of them at once."""
    names = {name: name.lower() for name in PLANS}
    servers = dict(zip(PLANS, world.cloud.boot(*names.values()), strict=True))
    world.create(
        *(
            world.body(BY_NAME[name], names[name], servers[name], **plan.spec)
            for name, plan in PLANS.items()
        )
    )

    def statuses() -> dict[str, dict[str, Any]]:
        return {name: world.statuses(BY_NAME[name]).get(names[name], {}) for name in PLANS}

    world.until(
        lambda: all(status.get("completionTime") for status in statuses().values()),
        seconds=60,
        what="the end of all actions",
    )
    requests, found = world.cloud.requests(), statuses()
    written = audit.writes(user=assembled.USER)
    costs = {
        name: Cost(
            status=found[name],
            requests=[each for each in requests if each["server_id"] == servers[name]],
            accepted=world.cloud.accepted(servers[name]),
            writes=[
                each
                for each in written
                if (each.namespace, each.name) == (world.namespace, names[name])
            ],
        )
        for name in PLANS
    }
    print(_table(costs))  # noqa: T201 - what was measured belongs into the report
    return costs


def test_every_kind_is_planned() -> None:
    assert set(PLANS) == {kind.name for kind in KINDS}


@pytest.mark.parametrize("name", PLANS)
def test_an_action_ends_as_it_should(costs: dict[str, Cost], name: str) -> None:
    assert costs[name].status["phase"] == PLANS[name].phase, costs[name].status


@pytest.mark.parametrize("name", PLANS)
def test_nova_gets_each_action_exactly_once(costs: dict[str, Cost], name: str) -> None:
    wanted = PLANS[name].posts
    assert tuple(costs[name].accepted) == wanted
    sent = [each for each in costs[name].requests if each["method"] != "GET"]
    assert [each["method"] for each in sent] == ["POST"] * max(1, len(wanted))
    assert {each["family"] for each in sent} == {"action"}


@pytest.mark.parametrize("name", PLANS)
def test_few_reads_precede_the_action(costs: dict[str, Cost], name: str) -> None:
    reads = reads_before(costs[name])
    assert 0 < len(reads) <= MOST_READS, reads


@pytest.mark.usefixtures("costs")
def test_nothing_else_is_written_to_the_cloud(world: Assembled) -> None:
    written = [each for each in world.cloud.requests() if each["method"] != "GET"]
    families = Counter(each["family"] for each in written)
    assert families.keys() == {"identity", "action"}
    assert families["identity"] == 1, "one login serves all objects"
    assert families["action"] == sum(max(1, len(plan.posts)) for plan in PLANS.values())


@pytest.mark.parametrize("name", PLANS)
def test_an_action_takes_the_planned_kubernetes_writes(costs: dict[str, Cost], name: str) -> None:
    follow_ups = max(0, len(PLANS[name].posts) - 1)
    kind = BY_NAME[name]
    writes = costs[name].writes
    assert all(each.code < 400 for each in writes), [str(each) for each in writes]
    assert {(each.verb, each.resource) for each in writes} == {("patch", kind.plural)}
    marks = [each for each in writes if each.subresource == ""]
    statuses = [each for each in writes if each.subresource == "status"]
    assert len(marks) == 1, "one mark"
    assert len(statuses) <= 3 + 2 * follow_ups, [str(each) for each in writes]


@pytest.mark.usefixtures("costs")
def test_kopf_writes_nothing(audit: Audit, earlier: int) -> None:
    written = audit.writes(user=assembled.USER)[earlier:]
    assert written
    assert {each.agent for each in written} == {"serveractions"}
    plurals = {kind.plural for kind in KINDS}
    assert {each.resource for each in written} <= plurals | {"events", "leases"}


def test_one_function_sends_writes_to_nova() -> None:
    """`Cloud.send` and the transport behind it have one caller each: what may be sent is decided in
    one place, and nothing can be sent beside it.
    """
    callers, users, posts = set(), set(), set()
    for path in sorted(SOURCES.rglob("*.py")):
        name = str(path.relative_to(SOURCES))
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                # HTTPAdapter.send, which the reads' session extends, is reached through super().
                case ast.Attribute(value=ast.Call(func=ast.Name(id="super")), attr="send"):
                    pass
                case ast.Attribute(attr="send"):
                    callers.add(name)
                case ast.Name(id="send_once") | ast.Attribute(attr="send_once"):
                    users.add(name)
                case (
                    ast.Attribute(attr="post" | "put" | "patch")
                    | ast.Constant(value="POST" | "PUT")
                ):
                    posts.add(name)
    assert callers == {"core/issue.py"}
    assert users == {"cloud/nova.py"}
    # That one sends nothing: it names the method of a login, for the metrics.
    assert {name for name in posts if name.startswith("cloud/")} == {"cloud/counting.py"}


def reads_before(cost: Cost) -> list[str]:
    """Return the reads of the server before the first POST."""
    reads = []
    for each in cost.requests:
        if each["method"] == "POST":
            break
        reads.append(each["path"])
    return reads


def _table(costs: dict[str, Cost]) -> str:
    lines = [f"{'':24}{'POSTs':>6}{'reads before':>14}{'reads after':>13}{'k8s writes':>12}"]
    for name, cost in costs.items():
        posts = sum(each["method"] == "POST" for each in cost.requests)
        before = len(reads_before(cost))
        after = len(cost.requests) - posts - before
        lines.append(f"{name:24}{posts:>6}{before:>14}{after:>13}{len(cost.writes):>12}")
    return "\n".join(lines)
