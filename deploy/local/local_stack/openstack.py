"""The OpenStack half: real Keystone, Glance, Placement and Nova on loopback, without hypervisors.

Everything above Nova's virt driver is real: policies, microversions, scheduler, instance actions,
request ids. Neutron and Cinder are Nova's own test fixtures; the driver can be told to be slow or
to fail, through `Control`. The services run in an environment of their own, with the code in
`deploy/local/openstack/`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import requests
import yaml

from local_stack import openstack_accounts, openstack_databases, openstack_environment
from local_stack.commands import StackError
from local_stack.control import Control
from local_stack.openstack_config import Paths, Ports, Settings
from local_stack.openstack_environment import HOSTS, Environment, prepare
from local_stack.progress import Progress
from local_stack.supervisor import Process, Supervisor

__all__ = ["HOSTS", "IMAGE", "Environment", "OpenStack", "Settings", "prepare", "start"]

KEYSTONE = "keystone"
GLANCE = "glance"
NOVA = "nova"

READY_WITHIN = 180.0
"""Seconds; ten are enough unless several stacks start at once on a small machine."""

IMAGE = "cirros"
"""Name of the public image that servers are booted from."""


@dataclass(frozen=True, kw_only=True)
class OpenStack:
    """A running cloud."""

    supervisor: Supervisor
    environment: Environment
    paths: Paths
    ports: Ports
    settings: Settings
    clouds_yaml: Path
    """Clouds admin, manager, member, reader (in project demo), other and admin-other (in other)."""

    @property
    def control(self) -> Control:
        """Slows the fake hypervisors down, breaks them and watches them."""
        return Control(f"http://127.0.0.1:{self.ports.control}")

    @property
    def passwords(self) -> Mapping[str, str]:
        """User name and password: what must never turn up in anything that the operator writes."""
        return self.environment.passwords

    def keystone(self) -> Process:
        """Describe the process of Keystone."""
        return self._wsgi_process(
            KEYSTONE, self.ports.keystone, {"OS_KEYSTONE_CONFIG_DIR": self.paths.keystone_conf}
        )

    def glance(self) -> Process:
        """Describe the process of Glance."""
        return self._wsgi_process(
            GLANCE, self.ports.glance, {"OS_GLANCE_CONFIG_DIR": self.paths.glance_conf}
        )

    def nova(self) -> Process:
        """Describe the process of Nova, Placement and the control endpoint."""
        arguments: dict[str, object] = {
            "--nova-conf": self.paths.nova_conf,
            "--placement-conf": self.paths.placement_conf,
            "--cell0-database": self.paths.database_url("nova_cell0"),
            "--api-port": self.ports.nova,
            "--placement-port": self.ports.placement,
            "--control-port": self.ports.control,
        }
        words = [str(word) for pair in arguments.items() for word in pair]
        return Process(
            name=NOVA,
            argv=[
                self.environment.python,
                "-m",
                "cloud_services.nova.process",
                *words,
                "--hosts",
                *HOSTS,
            ],
            log=self.supervisor.logs / f"{NOVA}.log",
            env=openstack_environment.service_environment(),
            cwd=self.paths.state,
            ready=lambda: _answers(self.ports.nova),
            awaited="and Placement to answer",
            ready_within=READY_WITHIN,
        )

    def _wsgi_process(self, service: str, port: int, config: Mapping[str, Path]) -> Process:
        directories = {name: str(file.parent) for name, file in config.items()}
        return Process(
            name=service,
            argv=[
                self.environment.python,
                "-m",
                "cloud_services.wsgi_api",
                service,
                "--port",
                str(port),
            ],
            log=self.supervisor.logs / f"{service}.log",
            env=openstack_environment.service_environment() | directories,
            cwd=self.paths.state,
            ready=lambda: _answers(port),
            awaited="to answer",
            ready_within=READY_WITHIN,
        )

    def upload_image(self) -> None:
        """Create the image that servers are booted from, visible to all projects.

        Raises:
            StackError: Keystone or Glance refused.
        """
        with _session() as session:
            session.headers["X-Auth-Token"] = self._token(session)
            images = f"{self.ports.catalog['image']}/v2/images"
            description = {
                "name": IMAGE,
                "disk_format": "raw",
                "container_format": "bare",
                "visibility": "public",
            }
            created = session.post(images, json=description, timeout=30)
            _expect(created, HTTPStatus.CREATED, "create the image")
            uploaded = session.put(
                f"{images}/{created.json()['id']}/file",
                data=b"not a disk: nothing here boots it",
                headers={"Content-Type": "application/octet-stream"},
                timeout=30,
            )
            _expect(uploaded, HTTPStatus.NO_CONTENT, "upload the image")

    def _token(self, session: requests.Session) -> str:
        """Log in as the administrator."""
        domain = {"id": openstack_accounts.DOMAIN}
        user = {"name": "admin", "password": self.passwords["admin"], "domain": domain}
        answer = session.post(
            f"{self.ports.identity_url}/auth/tokens",
            json={
                "auth": {
                    "identity": {"methods": ["password"], "password": {"user": user}},
                    "scope": {"project": {"name": "demo", "domain": domain}},
                }
            },
            timeout=30,
        )
        _expect(answer, HTTPStatus.CREATED, "log in as admin")
        return answer.headers["X-Subject-Token"]


def start(
    supervisor: Supervisor,
    environment: Environment,
    *,
    progress: Progress,
    settings: Settings | None = None,
) -> OpenStack:
    """Bring up a new cloud in the supervisor's state directory.

    Args:
        supervisor: Runs the servers.
        environment: What `prepare` returned.
        progress: Told what is being done.
        settings: What should differ from the defaults.

    Raises:
        StackError: A server did not come up.
    """
    paths = Paths(state=supervisor.state / "openstack", venv=environment.venv)
    take = supervisor.ports.take
    cloud = OpenStack(
        supervisor=supervisor,
        environment=environment,
        paths=paths,
        ports=Ports(keystone=take(), glance=take(), nova=take(), placement=take(), control=take()),
        settings=settings or Settings(),
        clouds_yaml=supervisor.state / "clouds.yaml",
    )
    _write_state(cloud)
    supervisor.start(cloud.nova(), cloud.keystone(), cloud.glance())
    with progress.step(f"uploading the image {IMAGE}"):
        cloud.upload_image()
    return cloud


def _write_state(cloud: OpenStack) -> None:
    """Write everything that the servers read."""
    passwords = cloud.environment.passwords
    openstack_environment.write_configuration(cloud.paths, cloud.ports, passwords, cloud.settings)
    openstack_databases.copy(cloud.environment.template, cloud.paths)
    openstack_databases.write_catalog(cloud.paths, cloud.ports.catalog)
    clouds = openstack_accounts.clouds_yaml(cloud.ports.identity_url, passwords)
    cloud.clouds_yaml.touch(mode=0o600)
    cloud.clouds_yaml.write_text(yaml.safe_dump(clouds, sort_keys=False))


def _session() -> requests.Session:
    """Return a session that ignores the user's proxies and .netrc."""
    session = requests.Session()
    session.trust_env = False
    return session


def _answers(port: int) -> bool:
    """Say whether the list of API versions can be read."""
    try:
        with _session() as session:
            answer = session.get(f"http://127.0.0.1:{port}/", timeout=2)
    except requests.RequestException:
        return False
    return answer.status_code in (HTTPStatus.OK, HTTPStatus.MULTIPLE_CHOICES)


def _expect(answer: requests.Response, status: HTTPStatus, what: str) -> None:
    if answer.status_code != status:
        raise StackError(
            f"could not {what}: {answer.request.method} {answer.url} was answered with "
            f"{answer.status_code}: {answer.text[:300]}"
        )
