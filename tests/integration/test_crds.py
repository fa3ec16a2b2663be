"""What a real API server makes of the CRDs: the promises that are kept before any operator runs."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes.client import ApiException, CustomObjectsApi
from pydantic.alias_generators import to_camel

import api_cases
from kubernetes import config
from local_stack.commands import CommandError
from local_stack.kubernetes import ControlPlane
from serveractions.api import limits
from serveractions.api.conditions import PRISTINE, conditions
from serveractions.api.crd import custom_resource_definition
from serveractions.api.kinds import BY_NAME, GROUP, KINDS, VERSION, Kind
from serveractions.api.resource import parse
from serveractions.api.rules import VALIDATIONS
from serveractions.api.spec import MUTABLE
from serveractions.api.status import (
    ConditionStatus,
    FollowUp,
    FollowUpState,
    ImageStatus,
    Intent,
    MigrationStatus,
    Phase,
    Progress,
    ServerStatus,
    Status,
)

SAMPLES = Path(__file__).parents[2] / "deploy" / "samples"
NAMESPACE = "crds"
FIELDS = [
    (kind, to_camel(name), field.is_required())
    for kind in KINDS
    for name, field in kind.spec.model_fields.items()
]
FIXED = [
    (kind, name, required)
    for kind, name, required in FIELDS
    if name not in set(map(to_camel, MUTABLE))
]
STEERING = [(kind, name) for kind, name, _ in FIELDS if name in set(map(to_camel, MUTABLE))]


class Objects:
    """The API server, as a client with an administrator's rights sees it."""

    def __init__(self, kubeconfig: Path) -> None:
        self._client = config.new_client_from_config(str(kubeconfig))
        self._api = CustomObjectsApi(self._client)

    def close(self) -> None:
        self._client.close()

    def create(self, kind: str, name: str, spec: dict[str, Any], **options: Any) -> dict[str, Any]:
        return self._api.create_namespaced_custom_object(
            GROUP,
            VERSION,
            NAMESPACE,
            BY_NAME[kind].plural,
            body=api_cases.manifest(kind, name, spec) | {"metadata": {"name": name}},
            field_validation="Strict",
            **options,
        )

    def patch(self, kind: Kind, name: str, spec: dict[str, Any], **options: Any) -> dict[str, Any]:
        """Merge `spec` into the stored one; None removes a field."""
        return self._api.patch_namespaced_custom_object(
            GROUP,
            VERSION,
            NAMESPACE,
            kind.plural,
            name,
            {"spec": spec},
            _content_type="application/merge-patch+json",
            **options,
        )

    def patch_status(self, kind: Kind, name: str, status: dict[str, Any]) -> dict[str, Any]:
        return self._api.patch_namespaced_custom_object_status(
            GROUP,
            VERSION,
            NAMESPACE,
            kind.plural,
            name,
            {"status": status},
            _content_type="application/merge-patch+json",
            field_validation="Strict",
        )

    def names(self, kind: Kind, field_selector: str) -> set[str]:
        found = self._api.list_namespaced_custom_object(
            GROUP, VERSION, NAMESPACE, kind.plural, field_selector=field_selector
        )
        return {item["metadata"]["name"] for item in found["items"]}


@pytest.fixture(scope="module")
def objects(kubernetes: ControlPlane) -> Iterator[Objects]:
    kubernetes.kubectl("create", "namespace", NAMESPACE)
    objects = Objects(kubernetes.kubeconfig)
    yield objects
    objects.close()
    kubernetes.kubectl("delete", "namespace", NAMESPACE, "--wait=false")


@pytest.fixture(scope="module")
def plain(objects: Objects) -> str:
    """An object of each kind with the smallest spec, all of one name."""
    for kind in KINDS:
        objects.create(kind.name, "plain", api_cases.smallest(kind.name))
    return "plain"


@pytest.fixture(scope="module")
def full(objects: Objects) -> str:
    """An object of each kind with every field set, all of one name."""
    for kind in KINDS:
        spec = {to_camel(name): api_cases.VALUES[to_camel(name)] for name in kind.spec.model_fields}
        objects.create(kind.name, "full", spec)
    return "full"


def refusal(error: pytest.ExceptionInfo[ApiException]) -> str:
    assert error.value.status == 422
    return str(json.loads(error.value.body)["message"])


# What may be written


@pytest.mark.parametrize("case", api_cases.ACCEPTED, ids=lambda case: case.id)
def test_a_good_spec_is_accepted(objects: Objects, case: api_cases.Case) -> None:
    created = objects.create(case.kind, "case", case.spec, dry_run="All")

    BY_NAME[case.kind].spec.model_validate(created["spec"])


@pytest.mark.parametrize("case", api_cases.REFUSED, ids=lambda case: case.id)
def test_a_bad_spec_is_refused_with_words_that_say_what_to_write(
    objects: Objects, case: api_cases.Case
) -> None:
    with pytest.raises(ApiException) as error:
        objects.create(case.kind, "case", case.spec, dry_run="All")

    assert case.says in refusal(error)


def test_there_is_a_bad_spec_for_every_rule() -> None:
    def messages(node: Any) -> Iterator[str]:
        if isinstance(node, dict):
            for rule in node.get(VALIDATIONS, ()):
                if "oldSelf" not in rule["rule"]:
                    yield rule["message"]
            node = list(node.values())
        if isinstance(node, list):
            for inner in node:
                yield from messages(inner)

    rules = {text for kind in KINDS for text in messages(custom_resource_definition(kind))}
    said = {case.says for case in api_cases.REFUSED if case.rule}

    assert rules
    assert not [rule for rule in rules if not any(words in rule for words in said)]


def test_a_misspelt_field_is_refused_by_kubectl(kubernetes: ControlPlane, objects: Objects) -> None:
    spec = api_cases.smallest("ServerMigration") | {"hots": "compute-3"}
    manifest = json.dumps(api_cases.manifest("ServerMigration", "typo", spec))

    with pytest.raises(CommandError, match=r'unknown field "spec\.hots"'):
        kubernetes.kubectl("apply", "--dry-run=server", "-f", "-", stdin=manifest)


# What may be changed


@pytest.mark.parametrize(
    ("kind", "name", "required"), FIXED, ids=[f"{kind}.{name}" for kind, name, _ in FIXED]
)
def test_a_fixed_field_can_neither_change_nor_go_nor_appear(  # noqa: PLR0917 - fixtures, and one row of a table
    objects: Objects, plain: str, full: str, kind: Kind, name: str, required: bool
) -> None:
    says = f"'{name}' is fixed once the object exists"
    other = _another(name)

    with pytest.raises(ApiException) as changed:
        objects.patch(kind, full, {name: other}, dry_run="All")
    assert says in refusal(changed)
    assert f"spec.{name}" in refusal(changed)

    if not required:
        with pytest.raises(ApiException) as gone:
            objects.patch(kind, full, {name: None}, dry_run="All")
        assert says in refusal(gone)
        needs = {
            key: value
            for key, value in api_cases.NEEDS.get(name, {}).items()
            if key in {to_camel(field) for field in kind.spec.model_fields}
        }
        with pytest.raises(ApiException) as appeared:
            objects.patch(kind, plain, {name: api_cases.VALUES[name], **needs}, dry_run="All")
        assert says in refusal(appeared)


def _another(name: str) -> Any:
    """Return a good value that differs from the one in `VALUES`."""
    match api_cases.VALUES[name]:
        case bool(value):
            return not value
        case int(value):
            return value + 1
        case dict():
            return {
                "cloudCredentialsRef": {"cloudName": "another"},
                "serverRef": {"name": "another"},
                "metadata": {"another": "x"},
                "passwordSecretRef": {"name": "another"},
            }[name]
    return {
        "notAfter": "2027-12-01T06:00:00Z",
        "confirmation": "Automatic",
        "blockMigration": "Always",
        "onDeadline": "ForceComplete",
        "state": "Active",
    }.get(name, "another")


@pytest.mark.parametrize(
    ("kind", "name"), STEERING, ids=[f"{kind}.{name}" for kind, name in STEERING]
)
def test_a_steering_field_may_appear_change_and_go(
    objects: Objects, full: str, kind: Kind, name: str
) -> None:
    other = "Confirm" if name == "decision" else _another(name)

    assert objects.patch(kind, full, {name: other}, dry_run="All")["spec"][name] == other
    assert name not in objects.patch(kind, full, {name: None}, dry_run="All")["spec"]
    bare = f"bare-{name.lower()}"
    needs = api_cases.NEEDS.get(name, {})
    objects.create(kind.name, bare, {**api_cases.smallest(kind.name), **needs})
    value = api_cases.VALUES[name]
    assert objects.patch(kind, bare, {name: value}, dry_run="All")["spec"][name] == value


def test_the_spec_itself_cannot_go(objects: Objects, plain: str) -> None:
    with pytest.raises(ApiException) as error:
        objects.patch(KINDS[0], plain, None, dry_run="All")  # type: ignore[arg-type]

    assert "spec: Required value" in refusal(error)


def test_applying_the_same_manifest_again_is_no_change(
    kubernetes: ControlPlane, objects: Objects
) -> None:
    spec = api_cases.smallest("ServerLiveMigration")
    manifest = json.dumps(
        api_cases.manifest("ServerLiveMigration", "again", spec)
        | {"metadata": {"name": "again", "namespace": NAMESPACE}}
    )

    assert "created" in kubernetes.kubectl("apply", "-f", "-", stdin=manifest)
    assert "unchanged" in kubernetes.kubectl("apply", "-f", "-", stdin=manifest)


# The status


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_new_object_is_in_progress_at_the_first_read(objects: Objects, kind: Kind) -> None:
    created = objects.create(kind.name, "first-read", api_cases.smallest(kind.name))

    assert created["metadata"]["generation"] == 1
    assert parse(created).status == PRISTINE


def test_a_status_that_users_send_along_is_not_taken(objects: Objects) -> None:
    """Such as in a manifest that was saved with `kubectl get -o yaml`."""
    body = api_cases.manifest(
        "ServerNetworkReset", "copy", api_cases.smallest("ServerNetworkReset")
    )
    body = body | {"metadata": {"name": "copy"}, "status": {"phase": "Succeeded"}}

    created = objects._api.create_namespaced_custom_object(
        GROUP, VERSION, NAMESPACE, "servernetworkresets", body=body
    )

    assert created["status"]["phase"] == "Pending"


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_the_largest_status_that_the_operator_writes_is_taken(objects: Objects, kind: Kind) -> None:
    objects.create(kind.name, "largest", api_cases.smallest(kind.name))
    status = _largest()

    stored = objects.patch_status(kind, "largest", status.to_wire())

    assert parse(stored).status == Status.model_validate(status.to_wire())
    assert stored["metadata"]["generation"] == 1


def _largest() -> Status:
    """Return a status with every field, and all of Nova's words as long as they like."""
    now, long, many = datetime.now(UTC).replace(microsecond=0), "ü" * 10_000, (str(1) * 36,) * 2000
    follow_up = FollowUp(
        action=long,
        attempt=1,
        state=FollowUpState.ISSUING,
        holder=long,
        migration_uuid=long,
        migration_id=2**31,
        microversion="2.65",
        nova_time=now,
        claimed_time=now,
        request_id=long,
        message=long[:500],
    )
    status = Status(
        observed_generation=1,
        phase=Phase.FAILED,
        conditions=conditions(
            Phase.FAILED,
            "ActionFailed",
            long,
            issued=ConditionStatus.TRUE,
            generation=1,
            previous=(),
            now=now,
        ),
        server=ServerStatus(
            id=long, name=long, status=long, task_state=long, source_host=long, host=long
        ),
        intent=Intent(
            attempt=1,
            holder=long,
            action=long,
            server_id=long,
            region=long,
            endpoint=long,
            user_id=long,
            project_id=long,
            microversion=long,
            secret_uid=long,
            secret_resource_version=long,
            nova_time=now,
            known_request_ids=many,
            known_migration_uuids=many,
            known_image_ids=many,
            source_host=long,
            source_host_id=long,
        ),
        request_id=long,
        refused_request_ids=many,
        candidate_request_ids=many,
        follow_ups=(follow_up,) * 200,
        migration=MigrationStatus(
            id=2**40, uuid=long, status=long, source_host=long, dest_host=long
        ),
        image=ImageStatus(id=long, name=long, status=long, size_bytes=2**50, rotated_out=many),
        progress=Progress(**dict.fromkeys(Progress.model_fields, 100)),
        decision="Revert",
        start_time=now,
        unsent_time=now,
        issued_time=now,
        awaiting_since=now,
        awaited_seconds=2**31,
        cancel_requested_time=now,
        deadline_time=now,
        beside=many,
        completion_time=now,
        message=long,
    )
    unset = {name for name, value in status if value is None}
    assert not unset, f"give {unset} a value here"
    return status


@pytest.mark.parametrize(
    ("status", "says"),
    [
        ({"phase": "Dreaming"}, '"Pending", "Suspended"'),
        ({"message": "x" * (limits.MESSAGE + 1)}, f"more than {limits.MESSAGE}"),
        ({"conditions": [{"type": "Ready"}]}, "status.conditions[0].reason: Required value"),
    ],
)
def test_a_status_that_is_none_is_refused(
    objects: Objects, plain: str, status: dict[str, Any], says: str
) -> None:
    with pytest.raises(ApiException) as error:
        objects.patch_status(KINDS[0], plain, status)

    assert says in refusal(error)


def test_field_selectors_find_objects_by_phase_server_and_request(objects: Objects) -> None:
    kind = BY_NAME["ServerStateReset"]
    for name in ("fresh", "done"):
        objects.create(kind.name, name, api_cases.smallest(kind.name))
    objects.patch_status(
        kind,
        "done",
        {"phase": "Succeeded", "requestId": "req-1", "server": {"id": api_cases.SERVER_ID}},
    )

    assert objects.names(kind, "status.phase=Succeeded") == {"done"}
    assert "fresh" in objects.names(kind, "status.phase=Pending")
    assert "done" not in objects.names(kind, "status.phase!=Succeeded")
    assert objects.names(kind, f"status.server.id={api_cases.SERVER_ID}") == {"done"}
    assert objects.names(kind, "status.requestId=req-1") == {"done"}


# What people see


@pytest.mark.parametrize(
    ("kind", "narrow", "wide"),
    [
        ("serverbackup", ["PROGRESS"], ["IMAGE"]),
        ("servermigration", ["PROGRESS"], ["SOURCE", "DESTINATION"]),
        ("serverlivemigration", ["PROGRESS"], ["SOURCE", "DESTINATION"]),
        ("serverstatereset", [], []),
        ("serverpasswordchange", [], []),
        ("servernetworkreset", [], []),
        ("servernetworkinjection", [], []),
    ],
)
def test_kubectl_get_shows_what_matters_and_more_when_wide(
    kubernetes: ControlPlane, plain: str, kind: str, narrow: list[str], wide: list[str]
) -> None:
    usual = ["NAME", "SERVER", "PHASE", *narrow, "AGE"]

    shown = kubernetes.kubectl("get", kind, plain, "-n", NAMESPACE)
    shown_wide = kubernetes.kubectl("get", kind, plain, "-n", NAMESPACE, "-o", "wide")

    assert shown.splitlines()[0].split() == usual
    assert shown_wide.splitlines()[0].split() == [*usual, "REQUEST-ID", *wide, "REASON", "MESSAGE"]
    assert "WaitingForOperator" in shown_wide


def test_kubectl_get_shows_the_values_of_a_running_migration(
    kubernetes: ControlPlane, objects: Objects
) -> None:
    kind = BY_NAME["ServerLiveMigration"]
    objects.create(kind.name, "shown", api_cases.smallest(kind.name))
    objects.patch_status(
        kind,
        "shown",
        {
            "phase": "Running",
            "requestId": "req-7",
            "server": {"id": api_cases.SERVER_ID, "name": "web-1", "sourceHost": "compute-1"},
            "migration": {"id": 1, "uuid": "u", "status": "running", "destHost": "compute-2"},
            "progress": {"percent": 40},
            "message": "copying memory",
        },
    )

    row = kubernetes.kubectl("get", "slm", "shown", "-n", NAMESPACE, "-o", "wide").splitlines()[1]

    for value in ("web-1", "Running", "40", "req-7", "compute-1", "compute-2", "copying memory"):
        assert value in row


@pytest.mark.parametrize("category", ["serveractions", "openstack"])
def test_one_word_lists_the_actions_of_every_kind(
    kubernetes: ControlPlane, plain: str, category: str
) -> None:
    listed = kubernetes.kubectl("get", category, "-A", "-o", "name").split()

    assert {f"{kind.singular}.{GROUP}/{plain}" for kind in KINDS} <= set(listed)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_every_kind_answers_to_its_short_name(
    kubernetes: ControlPlane, plain: str, kind: Kind
) -> None:
    found = kubernetes.kubectl("get", kind.short, plain, "-n", NAMESPACE, "-o", "name")

    assert found.strip() == f"{kind.singular}.{GROUP}/{plain}"


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_kubectl_explain_tells_what_every_field_is(kubernetes: ControlPlane, kind: Kind) -> None:
    about = kubernetes.kubectl("explain", kind.singular)
    fields = kubernetes.kubectl("explain", f"{kind.singular}.spec")

    assert kind.action in about
    assert "<no description>" not in about
    assert "<no description>" not in fields
    for name in kind.spec.model_fields:
        assert to_camel(name) in fields


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_the_sample_of_every_kind_is_accepted(kubernetes: ControlPlane, kind: Kind) -> None:
    sample = SAMPLES / f"{kind.singular}.yaml"

    created = yaml.safe_load(
        kubernetes.kubectl("create", "--dry-run=server", "-f", sample, "-o", "yaml")
    )

    assert created["kind"] == kind.name
    kind.spec.model_validate(created["spec"])


def test_the_samples_are_accepted_together_and_so_are_their_secrets(
    kubernetes: ControlPlane,
) -> None:
    made = kubernetes.kubectl("create", "--dry-run=server", "-k", SAMPLES).splitlines()

    assert len(made) == len(KINDS)
    kubernetes.kubectl("create", "--dry-run=server", "-f", SAMPLES / "secret.example.yaml")
