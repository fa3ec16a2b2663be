"""What is asked of Prometheus is what the operator shows, and every alert leads to what to do."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from serveractions.api.reasons import REASONS
from serveractions.api.resource import Resource, parse
from serveractions.api.status import Phase, Reason
from serveractions.cloud.counting import LOGIN, NO_ANSWER
from serveractions.core import transitions
from serveractions.core.ports import Recovered
from serveractions.metrics import Metrics, Sources

DEPLOY = Path(__file__).parents[3] / "deploy"
MONITORING = DEPLOY / "components" / "monitoring"
RUNBOOK = (DEPLOY / "runbook.md").read_text()
RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((MONITORING / "rules.yaml").read_text())["spec"]["groups"]
    for rule in group["rules"]
]
DASHBOARD: dict[str, Any] = json.loads((MONITORING / "dashboard.json").read_text())
CASES: list[dict[str, Any]] = yaml.safe_load((MONITORING / "rules.test.yaml").read_text())["tests"]
GIVEN_BY_PROMETHEUS = {"namespace", "pod"}
"""Labels of the target that the PodMonitor gives to each series."""
NOW = datetime(2026, 8, 20, tzinfo=UTC)
METRIC = re.compile(r"\b((?:serveractions|process)_\w+)(?:\{([^}]*)\})?")
VALUES = {
    "phase": set(map(str, Phase)),
    "reason": set(map(str, Reason)),
    "status_class": {"1xx", "2xx", "3xx", "4xx", "5xx", "none", "unsent"},
}
PARTS = ("**Means**", "**Look")


def an_object(phase: Phase = Phase.PENDING, reason: Reason = Reason.TRANSIENT_ERROR) -> Resource:
    """Return an object that Nova accepted, and that is as is said."""
    made = parse(
        {
            "apiVersion": "serveractions.dev/v1alpha1",
            "kind": "ServerStateReset",
            "metadata": {
                "name": "one",
                "namespace": "ns",
                "uid": "0c1f8f3e-4a0f-4d6e-9b8e-000000000001",
                "resourceVersion": "1",
                "generation": 1,
                "creationTimestamp": "2026-08-20T00:00:00Z",
            },
            "spec": {
                "cloudCredentialsRef": {"secretName": "s", "cloudName": "c"},
                "serverRef": {"id": "0e3147ed-f6a9-463b-b423-14b9cca9ad27"},
                "state": "Active",
            },
        }
    )
    accepted = made.status.model_copy(update={"issued_time": NOW + timedelta(seconds=1)})
    issued = accepted if phase is not Phase.PENDING else made.status
    return made.with_status(
        transitions.move(
            made, issued, phase=phase, reason=reason, message="", now=NOW + timedelta(seconds=3)
        )
    )


@pytest.fixture(scope="module")
def shown() -> dict[str, set[str]]:
    """The labels of each sample of an operator to which everything has happened once."""
    metrics = Metrics()
    metrics.show(
        Sources(
            unfinished=lambda: [an_object()],
            line=lambda: 1,
            overdue=lambda: 1.0,
            watch_silence=lambda: 1.0,
            poll_age=lambda: 1.0,
            circuits_open=lambda: 1,
            slots=8,
            leases_held=lambda: 8,
        )
    )
    metrics.moved(an_object(), an_object(Phase.SUCCEEDED, Reason.SUCCEEDED))
    metrics.recovered(an_object(), Recovered.ADOPTED)
    metrics.count_request(LOGIN, NO_ANSWER, 1.0)
    samples = [sample for family in metrics.registry.collect() for sample in family.samples]
    return {sample.name: set(sample.labels) for sample in samples}


def expressions() -> Iterator[tuple[str, str]]:
    for rule in RULES:
        yield rule["alert"], rule["expr"]
    for panel in panels():
        for target in panel["targets"]:
            yield panel["title"], target["expr"]


def panels() -> list[dict[str, Any]]:
    return [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


@pytest.mark.parametrize(("where", "expression"), [*expressions()])
def test_every_expression_asks_for_what_there_is(
    shown: dict[str, set[str]], where: str, expression: str
) -> None:
    found = METRIC.findall(expression)
    assert found, where
    known = set(GIVEN_BY_PROMETHEUS)
    for name, matchers in found:
        assert name in shown, f"the operator shows no {name}"
        known |= shown[name]
        for label, value in re.findall(r'(\w+)[=!]~?"([^"]*)"', matchers):
            assert label in shown[name] | GIVEN_BY_PROMETHEUS, f"{name} has no label {label}"
            for word in value.split("|") if label in VALUES else ():
                assert word in VALUES[label], f"{label} is never {word}"
    for labels in re.findall(r"\b(?:by|on) \(([^)]*)\)", expression):
        assert set(labels.split(", ")) <= known


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_every_alert_names_its_section_of_the_runbook(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert rule["annotations"].keys() == {"summary", "description", "runbook_url"}
    anchor = f"deploy/runbook.md#{rule['alert'].lower()}"
    assert rule["annotations"]["runbook_url"] == anchor
    for label in re.findall(r"\$labels\.(\w+)", rule["annotations"]["description"]):
        kept = re.findall(r"\bby \(([^)]*)\)", rule["expr"])
        assert any(label in labels.split(", ") for labels in kept), f"{label} is not kept"


def test_the_runbook_has_a_section_for_each_alert_and_each_reason_and_no_other() -> None:
    assert list(sections("Alerts")) == [rule["alert"] for rule in RULES]
    assert sorted(sections("Reasons")) == sorted(map(str, Reason))


@pytest.mark.parametrize("name", [*(rule["alert"] for rule in RULES), *map(str, Reason)])
def test_every_section_says_what_it_means_where_to_look_and_what_to_do(name: str) -> None:
    section = (sections("Alerts") | sections("Reasons"))[name]
    for part in PARTS:
        assert part in section
    assert "**Do**" in section or "**Look and do**" in section


def test_the_runbook_links_only_to_sections_that_exist() -> None:
    headings = re.findall(r"^#+ (.*)$", RUNBOOK, re.MULTILINE)
    slugs = {heading.lower().replace(" ", "-") for heading in headings}
    assert set(re.findall(r"\]\(#([^)]+)\)", RUNBOOK)) <= slugs
    for path in re.findall(r"\]\(([^#)][^)#]*)", RUNBOOK):
        assert (DEPLOY / path).exists(), path


def test_the_runbook_tells_reasons_to_fail_from_others() -> None:
    section = RUNBOOK.split("\n## Reasons\n")[1]
    *_, failed = section.split("which are all in phase `Failed`")
    listed = re.findall(r"^### (\w+)$", failed, re.MULTILINE)
    assert set(listed) == set(map(str, REASONS[Phase.FAILED]))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_every_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not(
    rule: dict[str, Any],
) -> None:
    asked = f'alertname="{rule["alert"]}"'
    outcomes = {
        bool(expected.get("exp_samples"))
        for case in CASES
        for expected in case["promql_expr_test"]
        if asked in expected["expr"]
    }
    assert outcomes == {True, False}


def test_the_cases_feed_only_series_that_the_operator_shows(shown: dict[str, set[str]]) -> None:
    for case in CASES:
        for row in case["input_series"]:
            ((name, labels),) = METRIC.findall(row["series"])
            given = set(re.findall(r'(\w+)="', labels))
            assert given == shown[name] | GIVEN_BY_PROMETHEUS, row["series"]


def test_the_dashboard_is_whole() -> None:
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)
    variables = {each["name"] for each in DASHBOARD["templating"]["list"]}
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(DASHBOARD["panels"])))
    assert used <= variables | {"__rate_interval"}
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not cells & taken, f"{panel['title']} lies on another panel"
        assert at["x"] + at["w"] <= 24
        taken |= cells
    for panel in panels():
        for target in panel["targets"]:
            kept = re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])
            (by,) = re.findall(r"\bby \(([^)]*)\)", target["expr"])
            assert set(kept) <= set(by.split(", ")), panel["title"]


def sections(heading: str) -> dict[str, str]:
    """Return the sections below a heading, by their own."""
    (part,) = re.findall(rf"^## {heading}\n(.*?)(?=^## |\Z)", RUNBOOK, re.DOTALL | re.MULTILINE)
    _, *pieces = re.split(r"^### (\w+)\n", part, flags=re.MULTILINE)
    return dict(zip(pieces[::2], pieces[1::2], strict=True))
