"""The Kubernetes half: etcd, kube-apiserver and kube-controller-manager on loopback.

No kubelet and no scheduler: pods are accepted and never run. What the operator relies on is real:
admission with CEL, field selectors, RBAC, service accounts, namespaces and garbage collection.
"""

import http.client
import json
import shutil
import ssl
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local_stack import credentials
from local_stack.commands import CommandError
from local_stack.credentials import Credentials
from local_stack.progress import Progress
from local_stack.supervisor import Process, Supervisor
from local_stack.toolchain import Tools

ETCD = "etcd"
APISERVER = "kube-apiserver"
CONTROLLERS = "kube-controller-manager"


@dataclass(kw_only=True)
class ControlPlane:
    """A running control plane."""

    supervisor: Supervisor
    tools: Tools
    credentials: Credentials
    directory: Path
    """Certificates, keys and etcd's data."""
    etcd_port: int
    apiserver_port: int
    kubeconfig: Path
    """Of a cluster administrator."""
    apiserver_flags: Sequence[str] = field(default=())

    @property
    def server(self) -> str:
        """The URL of the API server."""
        return f"https://127.0.0.1:{self.apiserver_port}"

    @property
    def authority(self) -> Path:
        """The certificate that the API server signed for itself."""
        return self.directory / "apiserver-certificates" / "apiserver.crt"

    def write_kubeconfig(
        self, path: Path, *, token: str, namespace: str = "default", server: str | None = None
    ) -> Path:
        """Write a kubeconfig for the bearer of any token, such as a service account's.

        Args:
            path: Where to.
            token: What shows who it is.
            namespace: Where kubectl looks if it is not told.
            server: The URL of a proxy before the API server; None for the very server.
        """
        return credentials.write_kubeconfig(
            path,
            server=server or self.server,
            authority=self.authority,
            token=token,
            namespace=namespace,
        )

    def service_account_token(self, namespace: str, name: str) -> str:
        """Return a token of a service account, valid for a day."""
        return self.kubectl("create", "token", name, "-n", namespace, "--duration=24h").strip()

    def kubectl(self, *arguments: str | Path, stdin: str | None = None) -> str:
        """Run kubectl as the administrator and return what it prints.

        Raises:
            CommandError: It ended with another status than 0; carries its error output.
        """
        words = [str(argument) for argument in arguments]
        done = subprocess.run(
            [self.tools.kubectl, "--kubeconfig", self.kubeconfig, *words],
            input=stdin,
            text=True,
            capture_output=True,
            check=False,
            env={"HOME": str(self.directory)},  # its discovery cache belongs to this stack
        )
        if done.returncode != 0:
            raise CommandError(
                f"kubectl {' '.join(words)} ended with exit code {done.returncode}: "
                f"{done.stderr.strip()}"
            )
        return done.stdout

    def get(self, path: str) -> tuple[int, Any]:
        """GET a path of the API as the administrator; return the status and the decoded body."""
        connection = http.client.HTTPSConnection(
            "127.0.0.1",
            self.apiserver_port,
            timeout=2,
            context=ssl.create_default_context(cafile=str(self.authority)),
        )
        try:
            headers = {"Authorization": f"Bearer {self.credentials.admin_token}"}
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            body = answer.read()
        finally:
            connection.close()
        is_json = answer.headers.get_content_type() == "application/json"
        return answer.status, json.loads(body) if is_json else body.decode()

    def install_crds(self, crds: Sequence[Path]) -> None:
        """Apply files or directories of custom resource definitions and wait for their APIs."""
        if not crds:
            return
        for path in crds:
            flag = "-k" if (path / "kustomization.yaml").exists() else "-f"
            self.kubectl("apply", "--server-side", "--force-conflicts", flag, path)
        self.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")

    def stop_apiserver(self) -> None:
        """Take the API server away; watches end, and new connections are refused."""
        self.supervisor.stop(APISERVER)

    def start_apiserver(self) -> None:
        """Bring the API server up, on the same port and etcd as before."""
        self.supervisor.start(self.apiserver())

    def restart_apiserver(self) -> None:
        """Stop the API server and start it again, on the same port and etcd."""
        self.stop_apiserver()
        self.start_apiserver()

    def snapshot(self, directory: Path) -> None:
        """Copy etcd's data; the API server is away meanwhile."""
        stopped = [self.supervisor.stop(name) for name in (APISERVER, ETCD)]
        shutil.copytree(self._etcd_data, directory)
        for process in reversed(stopped):
            self.supervisor.start(process)

    def restore(self, directory: Path) -> None:
        """Set etcd back to a snapshot, as restoring a backup does: later changes never happened."""
        stopped = [self.supervisor.stop(name) for name in (CONTROLLERS, APISERVER, ETCD)]
        shutil.rmtree(self._etcd_data)
        shutil.copytree(directory, self._etcd_data)
        for process in reversed(stopped):
            self.supervisor.start(process)

    @property
    def _etcd_data(self) -> Path:
        return self.directory / "etcd"

    def etcd(self) -> Process:
        """Describe etcd. It does not sync to disk: its data is thrown away with the stack."""
        client = f"http://127.0.0.1:{self.etcd_port}"
        peer = f"http://127.0.0.1:{self.supervisor.ports.take()}"
        return Process(
            name=ETCD,
            argv=[
                self.tools.etcd,
                f"--data-dir={self._etcd_data}",
                "--unsafe-no-fsync",
                f"--listen-client-urls={client}",
                f"--advertise-client-urls={client}",
                f"--listen-peer-urls={peer}",
                f"--initial-advertise-peer-urls={peer}",
                f"--initial-cluster=default={peer}",
                "--heartbeat-interval=10",  # ms: its own 100 and 1000 delay the election of the
                "--election-timeout=100",  # only member by most of a second
                "--log-level=warn",
            ],
            log=self.supervisor.logs / "etcd.log",
            ready=lambda: _is_healthy(self.etcd_port),
            awaited="/health",
        )

    def apiserver(self) -> Process:
        """Describe the API server."""
        keys = self.credentials
        return Process(
            name=APISERVER,
            argv=[
                self.tools.kube_apiserver,
                f"--etcd-servers=http://127.0.0.1:{self.etcd_port}",
                "--bind-address=127.0.0.1",
                "--advertise-address=127.0.0.1",  # or it looks for another address, and
                "--external-hostname=localhost",  # fails on a machine without a network;
                "--endpoint-reconciler-type=none",  # no pod will ever ask for the address
                f"--secure-port={self.apiserver_port}",
                f"--cert-dir={self.authority.parent}",
                f"--token-auth-file={keys.token_file}",
                "--authorization-mode=RBAC",
                "--service-cluster-ip-range=10.0.0.0/24",
                "--service-account-issuer=https://localhost",
                f"--service-account-key-file={keys.verification_key}",
                f"--service-account-signing-key-file={keys.signing_key}",
                *self.apiserver_flags,
            ],
            log=self.supervisor.logs / "kube-apiserver.log",
            ready=lambda: self._answers("/readyz"),
            awaited="/readyz",
            grace=2.0,  # it would wait for its clients to leave, and has no state to save
        )

    def controllers(self) -> Process:
        """Describe the controller manager, which is ready when service accounts appear."""
        config = self.write_kubeconfig(
            self.directory / "controllers.kubeconfig",
            token=self.credentials.controller_manager_token,
        )
        return Process(
            name=CONTROLLERS,
            argv=[
                self.tools.kube_controller_manager,
                f"--kubeconfig={config}",
                f"--authentication-kubeconfig={config}",
                f"--authorization-kubeconfig={config}",
                "--bind-address=127.0.0.1",
                f"--secure-port={self.supervisor.ports.take()}",
                f"--cert-dir={self.directory / 'controllers-certificates'}",
                f"--service-account-private-key-file={self.credentials.signing_key}",
                f"--root-ca-file={self.authority}",
                "--use-service-account-credentials",
                "--leader-elect=false",
                "--kube-api-qps=500",  # its own limit of 20 makes it need 5 s to start
                "--kube-api-burst=1000",
            ],
            log=self.supervisor.logs / "kube-controller-manager.log",
            ready=lambda: self._answers("/api/v1/namespaces/default/serviceaccounts/default"),
            awaited="to make the default service account",
        )

    def _answers(self, path: str) -> bool:
        try:
            return self.get(path)[0] == http.client.OK
        except (OSError, http.client.HTTPException):  # no certificate yet, refused, cut off
            return False


def start(
    supervisor: Supervisor,
    tools: Tools,
    *,
    progress: Progress,
    crds: Sequence[Path] = (),
    apiserver_flags: Sequence[str] = (),
) -> ControlPlane:
    """Bring up a new control plane in the supervisor's state directory.

    Args:
        supervisor: Runs the servers.
        tools: Where the programs are.
        progress: Told what is being done.
        crds: Files or directories to apply before the controllers start: those discover later ones
            only every 30 s, and until then do not collect the garbage of their objects.
        apiserver_flags: Added to the API server's own, for instance for an audit log.

    Raises:
        StackError: A server did not come up, or a definition was refused.
    """
    directory = supervisor.state / "kubernetes"
    directory.mkdir()
    plane = ControlPlane(
        supervisor=supervisor,
        tools=tools,
        credentials=credentials.create(directory),
        directory=directory,
        etcd_port=supervisor.ports.take(),
        apiserver_port=supervisor.ports.take(),
        kubeconfig=supervisor.state / "kubeconfig",
        apiserver_flags=apiserver_flags,
    )
    supervisor.start(plane.etcd())
    supervisor.start(plane.apiserver())
    plane.write_kubeconfig(plane.kubeconfig, token=plane.credentials.admin_token)
    if crds:
        with progress.step("installing the custom resource definitions"):
            plane.install_crds(crds)
    supervisor.start(plane.controllers())
    return plane


def _is_healthy(etcd_port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", etcd_port, timeout=2)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
