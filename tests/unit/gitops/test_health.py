"""What GitOps tools are told to believe, run by a real Lua and a real CEL on every status that the
operator can write.
"""

from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any

import celpy
import lupa
import pytest
import yaml

from serveractions.api.conditions import PRISTINE, TRUTH, conditions
from serveractions.api.kinds import KINDS
from serveractions.api.status import Phase, Reason, Status

GITOPS = Path(__file__).parents[3] / "deploy" / "gitops"
LUA = (GITOPS / "argocd" / "health.lua").read_text()
ARGOCD = yaml.safe_load((GITOPS / "argocd" / "argocd-cm.yaml").read_text())["data"]
FLUX = yaml.safe_load((GITOPS / "flux" / "health-checks.yaml").read_text())["spec"]
NOW = datetime(2026, 12, 1, tzinfo=UTC)
GENERATION = 3

EXPECTED = {
    Phase.PENDING: ("Progressing", "InProgress"),
    Phase.SUSPENDED: ("Suspended", "InProgress"),
    Phase.ISSUING: ("Progressing", "InProgress"),
    Phase.RUNNING: ("Progressing", "InProgress"),
    Phase.AWAITING_DECISION: ("Suspended", "InProgress"),
    Phase.SUCCEEDED: ("Healthy", "Current"),
    Phase.FAILED: ("Degraded", "Failed"),
    Phase.CANCELLED: ("Degraded", "Failed"),
}
"""By phase, as the table on the page about GitOps says."""


def written(phase: Phase, reason: Reason, *, issued: Any) -> dict[str, Any]:
    """Return an object with a status as the operator writes it."""
    six = conditions(
        phase, reason, "why", issued=issued, generation=GENERATION, previous=(), now=NOW
    )
    status = Status(phase=phase, observed_generation=GENERATION, message="why", conditions=six)
    return shown(status)


def shown(status: Status | None, generation: int = GENERATION) -> dict[str, Any]:
    body: dict[str, Any] = {"metadata": {"generation": generation}}
    if status is not None:
        body["status"] = status.model_dump(mode="json", by_alias=True, exclude_none=True)
    return body


def argocd(body: dict[str, Any]) -> tuple[str, str]:
    """Return what Argo CD shows: health and message."""
    lua = lupa.LuaRuntime(unpack_returned_tuples=True)
    lua.globals()["obj"] = lua.table_from(body, recursive=True)
    health = lua.execute(LUA)
    return health["status"], health["message"]


class Expressions:
    """The three expressions of a kind, compiled once, asked in Flux's order."""

    def __init__(self, check: dict[str, str]) -> None:
        environment = celpy.Environment()
        self._programs = {
            result: environment.program(environment.compile(check[key]))
            for key, result in (
                ("inProgress", "InProgress"),
                ("failed", "Failed"),
                ("current", "Current"),
            )
        }

    def result(self, body: dict[str, Any]) -> str:
        """Return the first that is so; Flux goes on waiting where none is."""
        facts = {key: celpy.json_to_cel(value) for key, value in body.items()}
        for result, program in self._programs.items():
            if program.evaluate(facts):
                return result
        return "InProgress"


@pytest.fixture(scope="module")
def flux() -> Expressions:
    return Expressions(FLUX["healthCheckExprs"][0])


EVERYTHING = [
    (phase, issued, reason)
    for phase, reason in product(Phase, Reason)
    for issued in sorted(TRUTH[phase].issued)
]


def test_argocd_shows_each_phase_as_it_is_with_the_words_of_the_operator() -> None:
    for phase, issued, reason in EVERYTHING:
        seen = argocd(written(phase, reason, issued=issued))
        assert seen == (EXPECTED[phase][0], "why"), (phase, issued, reason)


def test_flux_waits_for_and_believes_what_is_so(flux: Expressions) -> None:
    for phase, issued in {(phase, issued) for phase, issued, _ in EVERYTHING}:
        body = written(phase, Reason.PROGRESSING, issued=issued)
        assert flux.result(body) == EXPECTED[phase][1], (phase, issued)
    (unknown, *_) = sorted(TRUTH[Phase.FAILED].issued)
    body = written(Phase.FAILED, Reason.OUTCOME_UNKNOWN, issued=unknown)
    assert flux.result(body) == "Failed"


def test_nothing_is_healthy_before_an_operator_has_looked(flux: Expressions) -> None:
    assert argocd(shown(PRISTINE, generation=1))[0] == "Progressing"
    assert flux.result(shown(PRISTINE, generation=1)) == "InProgress"
    assert argocd(shown(None))[0] == "Progressing", "where a definition has no default status"


@pytest.mark.parametrize("phase", [Phase.SUCCEEDED, Phase.FAILED, Phase.SUSPENDED])
def test_what_is_said_of_an_older_spec_does_not_count(phase: Phase, flux: Expressions) -> None:
    (issued, *_) = sorted(TRUTH[phase].issued)
    body = written(phase, Reason.PROGRESSING, issued=issued)
    body["metadata"]["generation"] = GENERATION + 1
    assert argocd(body)[0] == "Progressing"
    assert flux.result(body) == "InProgress"


def test_argocd_is_given_the_same_check_for_each_kind() -> None:
    prefix = "resource.customizations.health.serveractions.dev_"
    assert {f"{prefix}{kind.name}": LUA for kind in KINDS} == ARGOCD


def test_flux_is_given_the_same_expressions_for_each_kind() -> None:
    checks = FLUX["healthCheckExprs"]
    assert [each["kind"] for each in checks] == [kind.name for kind in KINDS]
    assert {each["apiVersion"] for each in checks} == {"serveractions.dev/v1alpha1"}
    same = [{key: each[key] for key in ("inProgress", "failed", "current")} for each in checks]
    assert same == [same[0]] * len(same)


def test_the_page_says_what_the_checks_do() -> None:
    page = (GITOPS / "README.md").read_text()
    words = {"InProgress": "in progress", "Current": "current", "Failed": "failed"}
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    told = {
        phase.strip(" `"): (argo.strip(), flux_says.strip())
        for phases, argo, flux_says in (line.strip("|").split("|") for line in rows)
        for phase in phases.split(",")
    }
    assert told == {str(phase): (argo, words[result]) for phase, (argo, result) in EXPECTED.items()}
