"""A real kustomize-controller, and repositories that it applies.

Flux's source-controller, which would clone the repository and serve it as an archive, is left out:
a test does that itself and says so in an ExternalArtifact, as Flux lets others do.
"""

import hashlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import yaml

from administrator import MERGE_PATCH
from assembled import ROOT, Assembled
from gitops.engine import Body, Followed, Verdict
from gitops.repository import Repository
from gitops.scene import answers
from local_stack import toolchain
from local_stack.progress import Silent
from local_stack.supervisor import Process
from local_stack.tool_sets import FLUX

SHIPPED = ROOT / "deploy" / "gitops" / "flux"
CONTROLLER = "kustomize-controller"
KUSTOMIZE, SOURCE = "kustomize.toolkit.fluxcd.io/v1", "source.toolkit.fluxcd.io/v1"
GATES = "--feature-gates=ExternalArtifact=true"
"""Lets a test be the source."""
VERDICTS = {"Unknown": Verdict.WAITS, "True": Verdict.DONE, "False": Verdict.FAILED}


@dataclass(frozen=True)
class Ready:
    """What the condition Ready of a Kustomization says."""

    verdict: Verdict
    reason: str
    message: str


@dataclass(frozen=True)
class Kustomization(Followed):
    """A Kustomization, and the repository that it follows."""

    flux: "Flux"

    def push(self, message: str) -> str:
        """Commit what has changed and publish it; return the revision."""
        revision = f"main@sha1:{self.repository.commit(message)}"
        archive = self.flux.archives / f"{self.name}-{secrets.token_hex(4)}.tar.gz"
        self.repository.archive(archive)
        now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        digest = hashlib.sha256(archive.read_bytes()).hexdigest()
        status = {
            "artifact": {
                "url": f"{self.flux.url}/{archive.name}",
                "path": archive.name,
                "digest": f"sha256:{digest}",
                "size": archive.stat().st_size,
                "revision": revision,
                "lastUpdateTime": now,
            },
            "conditions": [
                {
                    "type": "Ready",
                    "status": "True",
                    "reason": "Succeeded",
                    "message": "stored",
                    "lastTransitionTime": now,
                }
            ],
        }
        answer = self.world.session.patch(
            f"{self.flux.path(SOURCE, 'externalartifacts', self.name)}/status",
            json={"status": status},
            headers=MERGE_PATCH,
            timeout=30,
        )
        assert answer.ok, answer.text
        return revision

    def until_ready(self, revision: str, verdict: Verdict) -> Ready:
        """Wait until it is ready, or is not, and return what it says."""

        def ready(body: Body) -> Ready | None:
            found = _ready(body, revision)
            return found if found.verdict is verdict else None

        found = self.until_said(ready, what=f"{self.name} has {revision} and is {verdict.value}")
        assert found is not None
        return found

    def until_refused(self, revision: str) -> str:
        """Wait until something of a revision could not be applied; return what Flux says."""
        return self.until_ready(revision, Verdict.FAILED).message

    def until_waiting(self, revision: str) -> None:
        """Wait until Flux has applied a revision and waits for it to be healthy."""

        def checking(body: Body) -> bool:
            status = body.get("status", {})
            said = (each["message"].lower() for each in status.get("conditions", ()))
            tried = status.get("lastAttemptedRevision") == revision
            return tried and any("health check" in message for message in said)

        self.until_said(checking, what=f"{self.name} checks the health of {revision}")

    def again(self) -> None:
        """Let Flux apply what it has applied already, and wait for that, as `flux reconcile`."""
        token = secrets.token_hex(4)
        asked = {"reconcile.fluxcd.io/requestedAt": token}
        self.patch({"metadata": {"annotations": asked}})
        self.until_said(
            lambda body: body["status"].get("lastHandledReconcileAt") == token,
            what=f"{self.name} is reconciled",
        )

    def heal(self) -> None:
        """Apply all again: Flux looks only as often as its `interval` says."""
        self.again()

    def verdict(self, body: Body, revision: str) -> Verdict:
        """Return what its condition Ready means."""
        return _ready(body, revision).verdict


def _ready(kustomization: Body, revision: str) -> Ready:
    """Return what a Kustomization says of a revision and of its newest spec."""
    status = kustomization.get("status", {})
    generation = kustomization["metadata"]["generation"]
    for each in status.get("conditions", ()):
        if each["type"] != "Ready" or each.get("observedGeneration") != generation:
            continue
        spoken = status.get("lastAttemptedRevision") == revision
        if spoken and (each["status"] != "True" or status["lastAppliedRevision"] == revision):
            return Ready(VERDICTS[each["status"]], each["reason"], each["message"])
    return Ready(Verdict.WAITS, "", "")


@dataclass(frozen=True)
class Flux:
    """The controller, and the web server with the archives of the repositories."""

    world: Assembled
    archives: Path
    url: str
    process: Process
    title = "Flux"

    def path(self, version: str, plural: str, name: str | None) -> str:
        """Return the URL of one of Flux's objects, or of all of a kind."""
        place = f"apis/{version}/namespaces/{self.world.namespace}/{plural}"
        return "/".join(part for part in (self.world.kubernetes.server, place, name) if part)

    def follow(self, clone: Path) -> Kustomization:
        """Set up a repository like the example that is shipped, and have it followed."""
        repository = Repository.create(clone, SHIPPED / "example")
        name = f"actions-{secrets.token_hex(4)}"
        place = {"name": name, "namespace": self.world.namespace}
        cluster = (repository.clone / "cluster" / "actions.yaml").read_text()
        source, kustomization = yaml.safe_load_all(cluster)
        assert kustomization["spec"]["sourceRef"]["name"] == source["metadata"]["name"]
        checks = yaml.safe_load((SHIPPED / "health-checks.yaml").read_text())
        kustomization["metadata"] = place
        kustomization["spec"] |= checks["spec"]
        kustomization["spec"] |= {
            "sourceRef": {"kind": "ExternalArtifact", "name": name},
            "targetNamespace": self.world.namespace,
        }
        artifact = {"apiVersion": SOURCE, "kind": "ExternalArtifact", "metadata": place}
        self._create("externalartifacts", artifact)
        self._create("kustomizations", kustomization)
        url = self.path(KUSTOMIZE, "kustomizations", None)
        return Kustomization(self.world, url, name, repository, self)

    def _create(self, plural: str, body: dict[str, Any]) -> None:
        path = self.path(body["apiVersion"], plural, None)
        answer = self.world.session.post(path, json=body, timeout=30)
        assert answer.status_code == HTTPStatus.CREATED, answer.text

    def restart(self) -> None:
        """Let the controller begin anew."""
        supervisor = self.world.kubernetes.supervisor
        supervisor.start(supervisor.stop(self.process.name))

    @contextmanager
    def with_feature(self, gate: str) -> Iterator[None]:
        """Let the controller begin anew with a feature, until the context is left."""
        supervisor = self.world.kubernetes.supervisor
        before = supervisor.stop(self.process.name)
        argv = [f"{word},{gate}=true" if word == GATES else word for word in before.argv]
        supervisor.start(replace(before, argv=argv))
        try:
            yield
        finally:
            supervisor.stop(self.process.name)
            supervisor.start(before)


@contextmanager
def controller(world: Assembled) -> Iterator[Flux]:
    """Run the controller with its own CRDs."""
    kubernetes, supervisor = world.kubernetes, world.kubernetes.supervisor
    folders = [toolchain.folder(FLUX, name, Silent()) for name in FLUX.folders]
    kubernetes.install_crds(folders)
    archives = supervisor.state / "archives"
    archives.mkdir()
    with _served(archives) as url:
        health, metrics = supervisor.ports.take(), supervisor.ports.take()
        process = Process(
            name=CONTROLLER,
            argv=[
                toolchain.tool(CONTROLLER, Silent()),
                GATES,
                f"--health-addr=127.0.0.1:{health}",
                f"--metrics-addr=127.0.0.1:{metrics}",
                "--watch-all-namespaces",
                "--log-level=debug",
            ],
            log=supervisor.logs / f"{CONTROLLER}.log",
            env={"KUBECONFIG": str(kubernetes.kubeconfig), "RUNTIME_NAMESPACE": "default"},
            ready=lambda: answers(f"http://127.0.0.1:{health}/readyz"),
            awaited="/readyz",
        )
        supervisor.start(process)
        try:
            yield Flux(world, archives, url, process)
        finally:
            supervisor.stop(CONTROLLER)


@contextmanager
def _served(archives: Path) -> Iterator[str]:
    handler = partial(_Quiet, directory=str(archives))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Quiet(SimpleHTTPRequestHandler):
    """Serves files and tells nobody."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""
