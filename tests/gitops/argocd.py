"""A real Argo CD (repo server, application controller, redis), and applications from Git.

Its API server, its web page and its login are left out: nothing of them applies an object.
"""

import base64
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
import yaml

from assembled import ROOT, Assembled
from gitops.engine import Body, Followed, Verdict
from gitops.repository import Repository
from gitops.scene import answers
from local_stack import toolchain
from local_stack.commands import CommandError
from local_stack.progress import Silent
from local_stack.supervisor import Process, Supervisor
from local_stack.tool_sets import ARGOCD

SHIPPED = ROOT / "deploy" / "gitops" / "argocd"
GROUP, VERSION = "argoproj.io", "v1alpha1"
NAMESPACE = "argocd"
CONTROLLER, REPOSITORIES, REDIS = "argocd-application-controller", "argocd-repo-server", "redis"
VERDICTS = {"Healthy": Verdict.DONE, "Degraded": Verdict.FAILED}
"""All else is on the way."""


class Application(Followed):
    """An Application, and the repository that it follows."""

    def push(self, message: str) -> str:
        """Commit what has changed and have it seen; return the revision."""
        revision = self.repository.commit(message)
        self.refresh()
        return revision

    def refresh(self) -> None:
        """Have Git and the cluster compared, and wait for that, as `argocd app get --refresh`."""
        asked = "argocd.argoproj.io/refresh"
        self.patch({"metadata": {"annotations": {asked: "normal"}}})
        self.until_said(
            lambda body: asked not in body["metadata"].get("annotations", {}),
            what=f"{self.name} is refreshed",
        )

    def again(self) -> None:
        """Have everything applied again, and wait for that, as `argocd app sync`."""
        asked = self.sync()
        self.until_said(
            lambda body: _operation(body, asked).get("phase", "Running") != "Running",
            what=f"{self.name} is synced again",
        )

    def heal(self) -> None:
        """Nothing to do: Argo CD watches what it has applied."""

    def sync(self) -> str:
        """Have everything applied; return what tells this sync from others."""
        asked = secrets.token_hex(4)
        order = {
            "initiatedBy": {"username": "on-call"},
            "sync": {"syncStrategy": {"hook": {}}},
            "info": [{"name": "asked", "value": asked}],
        }
        self.patch({"operation": order})
        return asked

    def syncing(self, asked: str) -> str:
        """Return the phase of a sync that was asked for, empty until it has begun."""
        return str(_operation(self.read(), asked).get("phase", ""))

    def until_synced(self, asked: str, phase: str) -> None:
        """Wait until a sync that was asked for has ended so."""
        self.until_said(
            lambda body: _operation(body, asked).get("phase") == phase,
            what=f"the sync of {self.name} is {phase}",
        )

    def until_waiting(self, revision: str) -> None:
        """Wait until a revision is applied and, compared once more, is not known to be healthy."""
        self.refresh()
        self.until_health(revision, "Progressing")

    def until_health(self, revision: str, health: str) -> None:
        """Wait until a revision is applied and has a health, in Argo CD's own word."""
        self.until_said(
            lambda body: _health(body, revision) == health,
            what=f"{self.name} has {revision} and is {health}",
        )

    def until_refused(self, revision: str) -> str:
        """Wait until something of a revision could not be applied; return what Argo CD says."""

        def refused(body: Body) -> str:
            state = body["status"].get("operationState", {})
            tried = state.get("syncResult", {}).get("revision")
            # Argo CD tries a few more times: all that while the operation is "Running".
            failed = "failed to apply" in state.get("message", "")
            return str(state["message"]) if tried == revision and failed else ""

        return self.until_said(refused, what=f"{self.name} says that {revision} is refused")

    def verdict(self, body: Body, revision: str) -> Verdict:
        """Return what its health means."""
        return VERDICTS.get(_health(body, revision), Verdict.WAITS)


def _operation(application: Body, asked: str) -> Body:
    """Return the state of a sync that was asked for, empty until it has begun."""
    state: Body = application.get("status", {}).get("operationState", {})
    info = state.get("operation", {}).get("info", ())
    return state if any(each["value"] == asked for each in info) else {}


def _health(application: Body, revision: str) -> str:
    """Return the health of a revision that is applied, empty as long as it is not."""
    status = application.get("status", {})
    sync = status.get("sync", {})
    applied = (sync.get("revision"), sync.get("status")) == (revision, "Synced")
    return str(status.get("health", {}).get("status", "")) if applied else ""


@dataclass(frozen=True)
class Argo:
    """The programs of Argo CD."""

    world: Assembled
    title = "Argo CD"

    def follow(self, clone: Path) -> Application:
        """Set up a repository like the example that is shipped, and have it followed."""
        repository = Repository.create(clone, SHIPPED / "example")
        repository.commit("no action yet")
        body = yaml.safe_load((clone / "cluster" / "application.yaml").read_text())
        name = f"actions-{secrets.token_hex(4)}"
        body["metadata"]["name"] = name
        body["spec"]["source"]["repoURL"] = f"file://{clone}"
        body["spec"]["destination"] = {
            "server": self.world.kubernetes.server,
            "namespace": self.world.namespace,
        }
        place = f"apis/{GROUP}/{VERSION}/namespaces/{NAMESPACE}/applications"
        url = f"{self.world.kubernetes.server}/{place}"
        answer = self.world.session.post(url, json=body, timeout=30)
        assert answer.status_code == HTTPStatus.CREATED, answer.text
        return Application(self.world, url, name, repository)

    def restart(self) -> None:
        """Let the controller begin anew."""
        supervisor = self.world.kubernetes.supervisor
        supervisor.start(supervisor.stop(CONTROLLER))


@contextmanager
def programs(world: Assembled) -> Iterator[Argo]:
    """Run Argo CD with its own CRDs and what is shipped for it."""
    redis = shutil.which("redis-server")
    if redis is None:
        pytest.fail(
            "redis-server is not installed: Argo CD keeps in it what it has seen of a cluster"
        )
    kubernetes, supervisor = world.kubernetes, world.kubernetes.supervisor
    definitions = [toolchain.folder(ARGOCD, name, Silent()) for name in ARGOCD.folders]

    def installed() -> bool:
        try:
            kubernetes.install_crds(definitions)
        except CommandError:  # `kubectl wait` does not wait for conditions to be there at all
            return False
        return True

    world.until(installed, seconds=60, what="the definitions of Argo CD are served")
    kubernetes.kubectl("apply", "-f", "-", stdin=_configuration(world))
    processes = _processes(world, Path(redis))
    try:
        for process in processes:
            supervisor.start(process)
        yield Argo(world)
    finally:
        for process in reversed(processes):
            supervisor.stop(process.name)
        # The address of a cluster stands in its Secret, and everywhere else: it is none.
        kubernetes.kubectl("delete", "secret", "cluster", "--namespace", NAMESPACE)


def _processes(world: Assembled, redis: Path) -> list[Process]:
    supervisor, kubernetes = world.kubernetes.supervisor, world.kubernetes
    home = supervisor.state / "argocd"
    home.mkdir()
    ports = {name: supervisor.ports.take() for name in ("redis", "repo", "health", "metrics")}
    store = ("--redis", f"127.0.0.1:{ports['redis']}")
    one, both = (
        toolchain.tool("argocd", Silent()),
        {
            "KUBECONFIG": str(kubernetes.kubeconfig),
            "ARGOCD_GPG_ENABLED": "false",
            "ARGOCD_CONTROLLER_SHARD": "0",
            "ARGOCD_CONTROLLER_REPLICAS": "1",
            "TMPDIR": str(home),
            # It calls a script of its own, which says that a commit has no signature.
            "PATH": f"{home}:{os.environ['PATH']}",
        },
    )
    wrapper = home / "git-verify-wrapper.sh"
    wrapper.write_text("#!/bin/sh\n")
    wrapper.chmod(0o755)
    # One binary: its name says which program it is.
    links = {name: home / name for name in (CONTROLLER, REPOSITORIES)}
    for link in links.values():
        link.symlink_to(one)
    return [
        Process(
            name=REDIS,
            argv=[
                *(redis, "--bind", "127.0.0.1", "--port", str(ports["redis"])),
                *("--save", "", "--appendonly", "no", "--dir", home),
            ],
            log=supervisor.logs / f"{REDIS}.log",
            ready=lambda: "Ready to accept connections" in _log(supervisor, REDIS),
            awaited="to accept connections",
        ),
        Process(
            name=REPOSITORIES,
            argv=[
                *(links[REPOSITORIES], "--address", "127.0.0.1", "--port", str(ports["repo"])),
                *("--metrics-address", "127.0.0.1", "--metrics-port", str(ports["health"])),
                *("--disable-tls", "--client-ca-path", "", *store),
            ],
            log=supervisor.logs / f"{REPOSITORIES}.log",
            env=both,
            ready=lambda: answers(f"http://127.0.0.1:{ports['health']}/healthz"),
            awaited="/healthz",
        ),
        Process(
            name=CONTROLLER,
            argv=[
                *(links[CONTROLLER], "--namespace", NAMESPACE),
                *("--repo-server", f"127.0.0.1:{ports['repo']}", "--repo-server-plaintext"),
                *("--metrics-port", str(ports["metrics"]), "--self-heal-timeout-seconds", "1"),
                *store,
            ],
            log=supervisor.logs / f"{CONTROLLER}.log",
            env=both,
            ready=lambda: answers(f"http://127.0.0.1:{ports['metrics']}/healthz"),
            awaited="/healthz",
        ),
    ]


def _log(supervisor: Supervisor, name: str) -> str:
    path = supervisor.logs / f"{name}.log"
    return path.read_text() if path.exists() else ""


def _configuration(world: Assembled) -> str:
    """Return Argo CD's own objects, with the health checks that are shipped."""
    kubernetes = world.kubernetes
    checks = yaml.safe_load((SHIPPED / "argocd-cm.yaml").read_text())["data"]
    settings = {
        "argocd-cm": checks,
        "argocd-rbac-cm": {},
        "argocd-cmd-params-cm": {},
        "argocd-tls-certs-cm": {},
        "argocd-ssh-known-hosts-cm": {},
        "argocd-gpg-keys-cm": {},
    }
    authority = base64.b64encode(kubernetes.authority.read_bytes()).decode()
    cluster = {
        "bearerToken": kubernetes.credentials.admin_token,
        "tlsClientConfig": {"caData": authority},
    }
    secret = {"server.secretkey": secrets.token_hex(16)}
    target = {"name": "local", "server": kubernetes.server, "config": json.dumps(cluster)}
    project = {
        "sourceRepos": ["*"],
        "destinations": [{"server": "*", "namespace": "*"}],
        "clusterResourceWhitelist": [{"group": "*", "kind": "*"}],
    }
    part = {"app.kubernetes.io/part-of": NAMESPACE}
    kind = {"argocd.argoproj.io/secret-type": "cluster"}
    bodies = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        *(_body("v1", "ConfigMap", name, part, data=data) for name, data in settings.items()),
        _body("v1", "Secret", "argocd-secret", part, stringData=secret),
        _body("v1", "Secret", "cluster", kind, stringData=target),
        _body(f"{GROUP}/{VERSION}", "AppProject", "default", {}, spec=project),
    ]
    return yaml.safe_dump_all(bodies)


def _body(
    version: str, kind: str, name: str, labels: dict[str, str], **more: Any
) -> dict[str, Any]:
    place = {"name": name, "namespace": NAMESPACE, "labels": labels}
    return {"apiVersion": version, "kind": kind, "metadata": place, **more}
