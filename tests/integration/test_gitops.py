"""What is shipped for GitOps, on a real API server: who may create what, and what a wait tells."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from administrator import MERGE_PATCH, log_in
from kube_world import STATE_RESET, manifest, new_namespace
from local_stack.commands import CommandError
from local_stack.kubernetes import ControlPlane
from serveractions.api.conditions import TRUTH, conditions
from serveractions.api.kinds import API_VERSION, BY_NAME, Kind
from serveractions.api.status import Phase, Reason, Status

POLICY = Path(__file__).parents[2] / "deploy" / "gitops" / "policy"
ALLOWED = "serveractions.dev/dangerous-kinds=allowed"
RESET, HARMLESS = STATE_RESET, BY_NAME["ServerNetworkReset"]


@pytest.fixture
def namespace(kubernetes: ControlPlane) -> str:
    return new_namespace(kubernetes)


@pytest.fixture
def marked(kubernetes: ControlPlane) -> str:
    """A namespace that may have dangerous kinds."""
    name = new_namespace(kubernetes)
    kubernetes.kubectl("label", "namespace", name, ALLOWED)
    return name


@pytest.fixture
def _policy(kubernetes: ControlPlane, namespace: str, marked: str) -> None:
    """The policy, in force: the API server takes a moment to know of it.

    Other tests share the API server, and it forgets no quicker: so it is bound to these namespaces.
    """
    rule, binding = yaml.safe_load_all((POLICY / "dangerous-kinds.yaml").read_text())
    names = {
        "key": "kubernetes.io/metadata.name",
        "operator": "In",
        "values": [namespace, marked],
    }
    binding["spec"]["matchResources"] = {"namespaceSelector": {"matchExpressions": [names]}}
    for body in (rule, binding):
        kubernetes.kubectl("apply", "-f", "-", stdin=json.dumps(body))
    tried = 0
    while not _refused(kubernetes, namespace):
        tried += 1
        assert tried < 300, "the policy is not enforced"


def _create(kubernetes: ControlPlane, namespace: str, kind: Kind = RESET) -> None:
    body = manifest(namespace, "tried", kind=kind)
    kubernetes.kubectl("create", "--dry-run=server", "-f", "-", stdin=json.dumps(body))


def _refused(kubernetes: ControlPlane, namespace: str) -> str:
    try:
        _create(kubernetes, namespace)
    except CommandError as error:
        return str(error)
    return ""


@pytest.mark.usefixtures("_policy")
def test_dangerous_kinds_are_kept_to_the_namespaces_that_are_marked(
    kubernetes: ControlPlane, namespace: str, marked: str
) -> None:
    words = _refused(kubernetes, namespace)
    assert f"a ServerStateReset is kept to namespaces with the label {ALLOWED}" in words
    assert f"{namespace} has none" in words
    _create(kubernetes, namespace, HARMLESS)  # no other kind is touched
    _create(kubernetes, marked)


@pytest.mark.parametrize("phase", [Phase.SUCCEEDED, Phase.FAILED])
def test_a_wait_for_the_end_returns_in_both_outcomes_and_one_for_success_only_in_one(
    kubernetes: ControlPlane, namespace: str, phase: Phase
) -> None:
    name = f"ended-{phase.lower()}"
    body = manifest(namespace, name)
    kubernetes.kubectl("create", "-f", "-", stdin=json.dumps(body))
    which = f"ssr/{name}"
    assert not _waited(kubernetes, namespace, which, "Finished"), "nobody has looked at it yet"
    _write_end(kubernetes, namespace, name, phase)
    assert _waited(kubernetes, namespace, which, "Finished")
    assert _waited(kubernetes, namespace, which, "Succeeded") == (phase is Phase.SUCCEEDED)


def _waited(kubernetes: ControlPlane, namespace: str, which: str, condition: str) -> bool:
    wait = ("wait", f"--for=condition={condition}", which, "--timeout=1s")
    try:
        kubernetes.kubectl("-n", namespace, *wait)
    except CommandError as error:
        if "timed out waiting for the condition" not in str(error):
            raise
        return False
    return True


def _write_end(kubernetes: ControlPlane, namespace: str, name: str, phase: Phase) -> None:
    """Write the status as the operator would."""
    (issued, *_) = sorted(TRUTH[phase].issued)
    now = datetime.now(UTC)
    reason = Reason.SUCCEEDED if phase is Phase.SUCCEEDED else Reason.ACTION_FAILED
    six = conditions(phase, reason, "why", issued=issued, generation=1, previous=(), now=now)
    status = Status(phase=phase, observed_generation=1, message="why", conditions=six)
    place = f"apis/{API_VERSION}/namespaces/{namespace}/{RESET.plural}/{name}/status"
    change = {"status": status.model_dump(mode="json", by_alias=True, exclude_none=True)}
    with log_in(kubernetes) as session:
        answer = session.patch(
            f"{kubernetes.server}/{place}", json=change, headers=MERGE_PATCH, timeout=30
        )
    assert answer.ok, answer.text
