"""`serveractions validate` and a real API server are of one mind on whole files.

kubectl gets the same directory, with the strict validation that `kubectl apply` has by default.
Generated specs are compared in hostile/test_validation.py.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import api_cases
from local_stack.kubernetes import ControlPlane

ROOT = Path(__file__).parents[2]
HEAD = """\
apiVersion: serveractions.dev/v1alpha1
kind: ServerMigration
"""
SPEC = """\
spec:
  cloudCredentialsRef: {secretName: openstack, cloudName: admin}
  serverRef: {name: web-1}
"""
WHOLE = HEAD + "metadata: {name: NAME}\n" + SPEC


def metadata(fields: str) -> str:
    """Return a good object with these fields beside its name."""
    return f"{HEAD}metadata:\n  name: NAME\n  {fields}\n{SPEC}"


def spec(fields: str) -> str:
    """Return an object with these fields in its spec."""
    return f"{WHOLE}  {fields}\n"


FILES = {
    "whole": WHOLE,
    # words without quotes
    "suspend-yes": spec("suspend: yes"),
    "suspend-y": spec("suspend: y"),
    "suspend-off": spec("suspend: Off"),
    "suspend-quoted": spec("suspend: 'true'"),
    "suspend-number": spec("suspend: 1"),
    "suspend-null": spec("suspend: ~"),
    "seconds-octal": spec("startingDeadlineSeconds: 0777"),
    "seconds-octal-new": spec("startingDeadlineSeconds: 0o17"),
    "seconds-hex": spec("startingDeadlineSeconds: 0x1F"),
    "seconds-binary": spec("startingDeadlineSeconds: 0b11"),
    "seconds-underscore": spec("startingDeadlineSeconds: 1_000"),
    "seconds-exponent": spec("startingDeadlineSeconds: 1e3"),
    "seconds-decimal": spec("startingDeadlineSeconds: 7.0"),
    "seconds-fraction": spec("startingDeadlineSeconds: 7.5"),
    "seconds-sexagesimal": spec("startingDeadlineSeconds: 1:30"),
    "seconds-quoted": spec("startingDeadlineSeconds: '7'"),
    "seconds-huge": spec("startingDeadlineSeconds: 99999999999999999999"),
    "seconds-eight": spec("startingDeadlineSeconds: 089"),
    "seconds-infinite": spec("startingDeadlineSeconds: .inf"),
    "moment": spec("notAfter: 2026-12-01T06:00:00Z"),
    "moment-day": spec("notAfter: 2026-12-01"),
    "moment-space": spec("notAfter: 2026-12-01 06:00:00Z"),
    "reason-number": spec("reason: 7"),
    "reason-word": spec("reason: no"),
    "reason-moment": spec("reason: 2026-12-01"),
    "reason-time": spec("reason: 12:30:45"),
    "reason-tagged": spec("reason: !!str 7"),
    "host-number": spec("host: 7"),
    # fields that are none, and fields in the wrong place
    "unknown-in-spec": spec("hots: compute-3"),
    "unknown-null": spec("hots: ~"),
    "unknown-below": WHOLE.replace("name: web-1", "name: web-1, nmae: web-1"),
    "unknown-on-top": WHOLE + "sepc: {}\n",
    "unknown-in-python": spec("not_after: 2026-12-01T06:00:00Z"),
    "case-of-a-field": spec("Host: compute-3"),
    "status-along": WHOLE + "status: {phase: Succeeded}\n",
    "status-unknown": WHOLE + "status: {phrase: Succeeded}\n",
    "status-bad": WHOLE + "status: {phase: Dreaming}\n",
    "status-number": WHOLE + "status: 7\n",
    # the envelope
    "no-spec": HEAD + "metadata: {name: NAME}\n",
    "null-spec": HEAD + "metadata: {name: NAME}\nspec:\n",
    "text-spec": HEAD + "metadata: {name: NAME}\nspec: migrate\n",
    "list-spec": HEAD + "metadata: {name: NAME}\nspec: []\n",
    "other-version": WHOLE.replace("v1alpha1", "v1"),
    "other-kind": WHOLE.replace("ServerMigration", "ServerMigrations"),
    "kind-in-lower-case": WHOLE.replace("ServerMigration", "servermigration"),
    "no-version": WHOLE.replace("apiVersion: serveractions.dev/v1alpha1\n", ""),
    "core-version": WHOLE.replace("serveractions.dev/v1alpha1", "v1"),
    # metadata
    "no-name": f"{HEAD}metadata: {{namespace: default}}\n{SPEC}",
    "no-metadata": f"{HEAD}{SPEC}",
    "null-name": f"{HEAD}metadata: {{name: ~}}\n{SPEC}",
    "name-number": f"{HEAD}metadata: {{name: 7}}\n{SPEC}",
    "name-upper": f"{HEAD}metadata: {{name: Name}}\n{SPEC}",
    "name-underscore": f"{HEAD}metadata: {{name: a_b}}\n{SPEC}",
    "name-dots": f"{HEAD}metadata: {{name: a..b}}\n{SPEC}",
    "name-long": f"{HEAD}metadata: {{name: {'a' * 254}}}\n{SPEC}",
    "name-longest": f"{HEAD}metadata: {{name: {'a' * 253}}}\n{SPEC}",
    "name-slash": f"{HEAD}metadata: {{name: a/b}}\n{SPEC}",
    "labels": metadata("labels: {app: web, example.com/tier: Front_End.1, empty: ''}"),
    "label-null": metadata("labels: {app: ~}"),
    "label-number": metadata("labels: {app: 7}"),
    "label-true": metadata("labels: {app: yes}"),
    "label-space": metadata("labels: {app: a b}"),
    "label-long": metadata(f"labels: {{app: {'a' * 64}}}"),
    "label-key-slash": metadata("labels: {a/b/c: d}"),
    "label-key-upper-domain": metadata("labels: {Example.com/a: d}"),
    "label-key-long": metadata(f"labels: {{{'a' * 64}: d}}"),
    "labels-list": metadata("labels: [a]"),
    "annotations": metadata("annotations: {example.com/why: 'the fan: loud', B: ''}"),
    "annotation-upper-domain": metadata("annotations: {Example.com/A: d}"),
    "annotation-number": metadata("annotations: {a: 7}"),
    "annotation-key-space": metadata("annotations: {'a b': d}"),
    "annotations-large": metadata(f"annotations: {{a: {'x' * 262144}}}"),
    "annotations-full": metadata(f"annotations: {{a: {'x' * 262143}}}"),
    "metadata-unknown": metadata("lables: {a: b}"),
    "metadata-copied": metadata("creationTimestamp: null"),
    "metadata-created": metadata("creationTimestamp: 2026-11-01T00:00:00Z"),
    "metadata-created-never": metadata("creationTimestamp: yesterday"),
    "metadata-created-on-a-day": metadata("creationTimestamp: 2026-11-01"),
    "metadata-uid": metadata("uid: 1bea47ed-f6a9-463b-b423-14b9cca9ad27"),
    "metadata-version": metadata("resourceVersion: '17'"),
    "metadata-version-number": metadata("resourceVersion: 17"),
    "metadata-generation": metadata("generation: 3"),
    "finalizers": metadata("finalizers: [example.com/a]"),
    "finalizer-number": metadata("finalizers: [7]"),
    "owner-number": metadata("ownerReferences: [7]"),
    "owner": metadata("ownerReferences: [{apiVersion: v1, kind: Pod, name: a, uid: b}]"),
    "owner-without-uid": metadata("ownerReferences: [{apiVersion: v1, kind: Pod, name: a}]"),
    # YAML
    "anchors": WHOLE.replace("{name: web-1}", "&it {name: web-1}"),
    "quoted-keys": spec('"host": "compute-3"'),
    "key-twice": spec("host: compute-3\n  host: compute-4"),
    "key-twice-bad": spec("host: compute-3\n  host: compute 4"),
    "comment-first": "# why\n---\n" + WHOLE,
    "flow": "{apiVersion: serveractions.dev/v1alpha1, kind: ServerMigration,"
    " metadata: {name: NAME}, spec: {cloudCredentialsRef: {secretName: a, cloudName: b},"
    " serverRef: {name: web-1}, suspend: yes}}",
    "json-with-tabs": json.dumps(
        api_cases.manifest("ServerMigration", "NAME", api_cases.smallest("ServerMigration")),
        indent="\t",
    ),
    "broken": spec("host: [compute-3"),
    "tab": spec("\thost: compute-3"),
}
BACKUP = {
    "metadata-number": "metadata: {ticket: 7}",
    "metadata-number-key": "metadata: {7: seven}",
    "metadata-true-key": "metadata: {true: seven}",
    "metadata-null": "metadata: {ticket: ~}",
    "metadata-null-key": "metadata: {~: seven}",
    "metadata-list": "metadata: [ticket]",
}
BACKUPS = {
    f"backup-{name}": spec(f"backupType: daily\n  rotation: 7\n  {fields}").replace(
        "ServerMigration", "ServerBackup"
    )
    for name, fields in BACKUP.items()
}
CASES = {
    f"case-{number}": json.dumps(api_cases.manifest(case.kind, "NAME", case.spec))
    for number, case in enumerate((*api_cases.ACCEPTED, *api_cases.REFUSED))
}
ALL = FILES | BACKUPS | CASES


@pytest.fixture(scope="module")
def answer(directory: Path) -> dict[str, Any]:
    """What the command says of all files, run as people do."""
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "serveractions", "validate", "-o", "json", "-f", directory],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 2, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    assert answer["valid"] is False
    return answer


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All files, each with an object of the same name."""
    made = tmp_path_factory.mktemp("manifests")
    for name, text in ALL.items():
        (made / f"{name}.yaml").write_text(text.replace("NAME", name))
    return made


def test_validate_takes_what_kubectl_and_the_api_server_take_and_nothing_else(
    kubernetes: ControlPlane, directory: Path, answer: dict[str, Any]
) -> None:
    taken = set(_created(kubernetes, directory))
    valid = {each["name"] for each in answer["objects"] if each["verdict"] == "valid"}

    assert {"taken by the API server": taken - valid, "refused by it": valid - taken} == {
        "taken by the API server": set(),
        "refused by it": set(),
    }
    # Names tell the files apart, so that equal sets are equal verdicts.
    assert len(taken & ALL.keys()) > 40
    assert len(ALL.keys() - taken) > 80


def test_what_is_refused_is_told_with_the_file_and_a_field(answer: dict[str, Any]) -> None:
    for each in answer["objects"]:
        assert (each["verdict"] == "invalid") == bool(each["errors"]), each
        for error in each["errors"]:
            assert error["field"]
            assert error["message"]
    told = {Path(each["file"]).stem for each in answer["objects"]}
    unread = {Path(text.split(": ")[0]).stem for text in answer["unreadable"]}
    assert told | unread == set(ALL)
    assert not told & unread


def _created(kubernetes: ControlPlane, directory: Path) -> Iterator[str]:
    """Yield the names of what the API server would create, of all files of a directory."""
    tool: list[str | Path] = [kubernetes.tools.kubectl, "--kubeconfig", kubernetes.kubeconfig]
    create = ["create", "--dry-run=server", "-o", "name", "-f", directory]
    done = subprocess.run(  # noqa: S603
        [*tool, *create],
        capture_output=True,
        text=True,
        check=False,
        env={"HOME": str(kubernetes.directory)},
    )
    assert done.returncode == 1, "some are bad"
    for line in done.stdout.split():
        yield line.partition("/")[2]
