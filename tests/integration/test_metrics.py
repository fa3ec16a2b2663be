"""What /metrics and the log say after a run is what happened: compared with the objects, with the
cloud, and with what the API server was told.
"""

import json
import re
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

import assembled
import installations
import reasons_given
from assembled import Assembled
from audit import Audit
from local_stack.kubernetes import ControlPlane
from phases import LIVE, OWN, RESET
from serveractions.api.kinds import BY_NAME, Kind

NETWORK = BY_NAME["ServerNetworkReset"]
SLOTS = 2
SETTINGS = {
    "actions-in-flight": "1",
    "slots": str(SLOTS),
    "poll-interval": "1",
    "poll-interval-urgent": "0.3",
    "retry-interval": "1",
    "log-format": "json",
}
PACE = {"live-migration": "1"}
FAMILIES = {  # as the fake cloud calls them, and as the operator does
    "server": "servers",
    "servers": "server-lists",
    "instance-actions": "instance-actions",
    "instance-action": "instance-actions",
    "migrations": "os-migrations",
    "server-migrations": "server-migrations",
}
BEGUN = "Pending/WaitingForOperator"
BUILT_IN = ("process_",)

Labels = frozenset[tuple[str, str]]


@dataclass
class Scrape:
    """The samples of one look at /metrics."""

    text: str
    samples: dict[tuple[str, Labels], float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for family in text_string_to_metric_families(self.text):
            for sample in family.samples:
                self.samples[sample.name, frozenset(sample.labels.items())] = sample.value

    def value(self, name: str, **labels: str) -> float | None:
        return self.samples.get((f"serveractions_{name}", frozenset(labels.items())))

    def by(self, name: str, *labels: str, **given: str) -> Counter[tuple[str, ...]]:
        """Return what is above 0, by the values of some labels."""
        found: Counter[tuple[str, ...]] = Counter()
        for (sample, pairs), value in self.samples.items():
            has = dict(pairs)
            if sample == f"serveractions_{name}" and given.items() <= has.items():
                found[tuple(has[label] for label in labels)] += int(value)
        return +found


@dataclass(frozen=True)
class Run:
    """What was done, and what the metrics were meanwhile and at its end."""

    held: Scrape
    end: Scrape
    objects: dict[str, dict[str, Any]]
    requests: list[dict[str, Any]]


@pytest.fixture(scope="module")
def world(kubernetes: ControlPlane) -> Iterator[Assembled]:
    with assembled.running(kubernetes, name="metrics", settings=SETTINGS, pace=PACE) as world:
        yield world


@pytest.fixture(scope="module")
def run(world: Assembled) -> Run:
    """One that succeeds, one that fails, one that is recovered, and four that have to wait."""
    names = ("running", "lost", "in-line", "failing", "no-secret")
    servers = dict(zip(names, world.cloud.boot(*names), strict=True))
    world.cloud.fault("reply-lost", {"action": "os-migrateLive", "server_id": servers["lost"]})
    with world.cloud.driver.held("live_migration", [servers["running"]]):
        world.create(world.body(LIVE, "running", servers["running"]))
        world.until_phase(LIVE, "running", "Running")
        for name in ("lost", "in-line"):
            world.create(world.body(LIVE, name, servers[name]))
        world.create(
            world.body(LIVE, "busy", servers["running"]),
            world.body(RESET, "no-secret", servers["no-secret"], secret="later", **OWN[RESET]),
            world.body(RESET, "suspended", servers["running"], suspend=True, **OWN[RESET]),
        )
        waits = {"lost": "LimitReached", "in-line": "LimitReached", "busy": "ServerBusy"}
        world.until(
            lambda: (
                {name: world.reason(LIVE, name) for name in waits} == waits
                and world.reason(RESET, "no-secret") == "WaitingForSecret"
                and world.phase(RESET, "suspended") == "Suspended"
            ),
            seconds=30,
            what="everything waits",
        )
        held = Scrape(world.operator.metrics())
    world.create(world.body(NETWORK, "failing", servers["failing"]))
    world.create_secret("later", {"clouds.yaml": world.cloud.clouds_yaml()})
    world.edit(RESET, "suspended", suspend=False)
    world.until(
        lambda: all("completionTime" in each["status"] for each in objects(world).values()),
        seconds=60,
        what="the end of all",
    )
    return Run(held=held, end=quiet(world), objects=objects(world), requests=world.cloud.requests())


def objects(world: Assembled) -> dict[str, dict[str, Any]]:
    found = {}
    for kind in (LIVE, RESET, NETWORK):
        answer = world.session.get(world.path(kind), timeout=30)
        for item in answer.json()["items"]:
            found[item["metadata"]["name"]] = {"status": {}} | item | {"kind": kind.name}
    return found


def quiet(world: Assembled) -> Scrape:
    """Return the metrics when nothing is unfinished and nothing under way any more."""
    scrapes: list[Scrape] = []

    def settled() -> bool:
        scrapes.append(Scrape(world.operator.metrics()))
        same = [
            {key: value for key, value in each.samples.items() if "cloud_requests" in key[0]}
            for each in scrapes[-3:]
        ]
        return (
            len(same) == 3
            and same[0] == same[1] == same[2]
            and not scrapes[-1].by("unfinished_objects", "kind")
        )

    world.until(settled, seconds=30, what="quiet")
    return scrapes[-1]


def seconds_between(earlier: str, later: str) -> float:
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()


def test_what_is_unfinished_is_shown_by_kind_phase_and_reason(run: Run) -> None:
    labels = ("kind", "phase", "reason")
    assert run.held.by("unfinished_objects", *labels) == {
        ("ServerLiveMigration", "Running", "Progressing"): 1,
        ("ServerLiveMigration", "Pending", "LimitReached"): 2,
        ("ServerLiveMigration", "Pending", "ServerBusy"): 1,
        ("ServerStateReset", "Pending", "WaitingForSecret"): 1,
        ("ServerStateReset", "Suspended", "Suspended"): 1,
    }
    assert run.held.value("limit_line_length") == 2
    assert run.end.value("limit_line_length") == 0


def test_every_end_is_counted_once_under_its_reason(run: Run) -> None:
    ends = Counter(
        (each["kind"], each["status"]["phase"], each["status"]["conditions"][0]["reason"])
        for each in run.objects.values()
    )
    assert ("ServerNetworkReset", "Failed", "ActionRemoved") in ends
    assert run.end.by("actions_finished_total", "kind", "phase", "reason") == ends


def test_the_recovered_request_is_counted(run: Run) -> None:
    assert run.end.by("recoveries_total", "kind", "outcome") == {(LIVE.name, "adopted"): 1}


@pytest.mark.parametrize("kind", [LIVE, RESET], ids=str)
def test_delays_and_durations_are_those_that_the_objects_show(run: Run, kind: Kind) -> None:
    ours = [each for each in run.objects.values() if each["kind"] == kind.name]
    delays = [
        seconds_between(each["metadata"]["creationTimestamp"], each["status"]["issuedTime"])
        for each in ours
    ]
    lasted = [
        seconds_between(each["status"]["issuedTime"], each["status"]["completionTime"])
        for each in ours
    ]
    succeeded = {"kind": kind.name, "phase": "Succeeded"}
    end = run.end
    assert end.value("action_issue_delay_seconds_count", kind=kind.name) == len(ours)
    assert end.value("action_duration_seconds_count", **succeeded) == len(ours)
    # The objects show their times in whole seconds or parts of them; each may be rounded.
    rounded = pytest.approx(sum(delays), abs=len(ours))
    assert end.value("action_issue_delay_seconds_sum", kind=kind.name) == rounded
    assert end.value("action_duration_seconds_sum", **succeeded) == pytest.approx(
        sum(lasted), abs=len(ours)
    )


def test_every_request_that_the_cloud_got_is_counted(run: Run) -> None:
    arrived: Counter[tuple[str, str, str]] = Counter()
    for each in run.requests:
        if each["family"] in ("identity", "discovery"):
            continue
        answer = "none" if each["status"] is None else f"{each['status'] // 100}xx"
        arrived[each["action"] or each["family"], each["method"], answer] += 1
    counted: Counter[tuple[str, str, str]] = Counter()
    labels = ("family", "method", "status_class")
    for (name, *how), number in run.end.by(
        "cloud_requests_total", *labels, service="compute"
    ).items():
        counted[FAMILIES.get(name, name), how[0], how[1]] += number
    assert counted == arrived
    assert counted["os-migrateLive", "POST", "none"] == 1
    assert run.end.by("cloud_request_duration_seconds_count", "service", service="compute") == {
        ("compute",): sum(arrived.values())
    }


def test_the_operator_shows_its_own_state(run: Run) -> None:
    assert run.end.value("slots") == run.end.value("leases_held") == SLOTS
    assert run.end.value("circuits_open") == 0
    assert run.end.value("poll_age_seconds") == 0, "nothing is followed any more"
    poll_age = run.held.value("poll_age_seconds")
    assert poll_age is not None
    assert 0 <= poll_age < 10
    for name in ("work_overdue_seconds", "watch_silence_seconds"):
        value = run.end.value(name)
        assert value is not None
        assert 0 <= value < 60
    lags = run.end.value("event_loop_lag_seconds_count")
    assert lags is not None
    assert lags > 0
    assert run.end.samples["process_start_time_seconds", frozenset()] < time.time()


def test_the_log_has_one_line_for_each_transition(run: Run, world: Assembled, audit: Audit) -> None:
    lines = [json.loads(line) for line in world.operator.log().splitlines()]
    transitions = [line for line in lines if line["message"] == "transition"]
    written: dict[str, list[str]] = {}
    for each in reasons_given.given(audit):
        if each.namespace == world.namespace:
            steps = written.setdefault(f"{each.kind} {each.namespace}/{each.name}", [BEGUN])
            now = f"{each.phase}/{each.reason}"
            steps += [now] if now != steps[-1] else []
    logged: dict[str, list[str]] = {}
    for line in transitions:
        steps = logged.setdefault(line["object"], [BEGUN])
        assert line["was"] == steps[-1]
        steps.append(f"{line['phase']}/{line['reason']}")
    assert logged == written
    assert len(written) == len(run.objects)
    ends = {line["object"].rpartition("/")[2]: line for line in transitions}
    for name, body in run.objects.items():
        status = body["status"]
        assert ends[name]["server"] == status["server"]["id"]
        assert ends[name].get("request_id") == status.get("requestId")


def test_no_label_carries_an_id_a_name_or_an_address(run: Run, world: Assembled) -> None:
    told = {
        value
        for scrape in (run.held, run.end)
        for _, labels in scrape.samples
        for _, value in labels
    }
    secret = {world.namespace, world.cloud.url, world.operator.name, *run.objects}
    for each in run.objects.values():
        status = each["status"]
        secret |= {each["metadata"]["uid"], status["server"]["id"], str(status.get("requestId"))}
        secret |= {str(value) for value in status["server"].values()} - {status["server"]["status"]}
    assert not {value for value in told if any(one in value for one in secret - {"None"})}
    assert not {value for value in told if re.search(r"[0-9a-f]{8}-|://|req-|\d+\.\d+\.\d+", value)}
    for family in text_string_to_metric_families(run.end.text):
        assert family.name.startswith(("serveractions_", *BUILT_IN)), family.name


@pytest.mark.parametrize("overlay", installations.OVERLAYS)
def test_what_is_scraped_are_the_pods_of_each_installation(
    kubernetes: ControlPlane, tmp_path: Path, overlay: str
) -> None:
    folder = installations.choose(tmp_path / "chosen", overlay, "monitoring", namespace="mine")
    bodies = installations.render(kubernetes, folder)
    (monitor,) = installations.of_kind(bodies, "PodMonitor")
    (workload,) = installations.of_kind(bodies, "Deployment", "StatefulSet")
    pod = workload["spec"]["template"]
    wanted = monitor["spec"]["selector"]["matchLabels"]
    assert wanted.items() <= pod["metadata"]["labels"].items()
    ports = {port["name"] for each in pod["spec"]["containers"] for port in each["ports"]}
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    assert endpoint["port"] in ports
    (rules,) = installations.of_kind(bodies, "PrometheusRule")
    (dashboard,) = installations.of_kind(bodies, "ConfigMap")
    assert {each["metadata"]["namespace"] for each in (monitor, rules, dashboard)} == {"mine"}
    assert json.loads(dashboard["data"]["dashboard.json"])["title"] == "Server actions"
