"""The virtual environment that the OpenStack services run in, installed once per machine.

The services pin hundreds of packages, so they get an environment of their own, in the user's cache
and keyed by the lock file and by Python's version: a changed lock makes a new one, and a checkout
that is deleted costs nothing. The database templates are made by the services, so they live there.
"""

import fcntl
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from local_stack import commands, openstack_accounts, openstack_config, openstack_databases
from local_stack.openstack_config import Paths, Ports, Settings
from local_stack.progress import Progress

SOURCE = Path(__file__).resolve().parent.parent / "openstack"
"""The lock files, and the package `cloud_services` that runs in the environment."""

LOCK = SOURCE / "requirements.txt"
BUILD_LOCK = SOURCE / "requirements-build.txt"
TEMPLATE_SOURCES = ("keystone_template.py", "nova/template.py", "nova/flavors.py")

Command = list[str | Path]

HOSTS = ("host1", "host2", "host3")
"""The compute hosts of the local cloud."""


@dataclass(frozen=True, kw_only=True)
class Environment:
    """An installed environment and its database templates."""

    venv: Path
    template: Paths
    passwords: Mapping[str, str]

    @property
    def python(self) -> Path:
        """The interpreter that the services run in."""
        return self.venv / "bin" / "python"


def prepare(progress: Progress, *, environ: Mapping[str, str] = os.environ) -> Environment:
    """Return the environment, after installing it if the cache does not hold it.

    Args:
        progress: Told about an installation; a second run is instant and says nothing.
        environ: Where XDG_CACHE_HOME and pip's settings come from.

    Raises:
        StackError: The installation failed; names its log.
    """
    cache = cache_directory(environ)
    venv = cache / "venv"
    template = Paths(state=cache / f"template-{template_key()}", venv=venv)
    done = template.state / "accounts.json"  # written last: it says that all the rest is complete
    if not done.exists():
        with _lock(cache, progress):
            _install(venv, cache / "install.log", progress, environ)
            if not done.exists():
                _make_template(template, done, cache / "template.log", progress)
    passwords = json.loads(done.read_text())["passwords"]
    return Environment(venv=venv, template=template, passwords=passwords)


def cache_directory(environ: Mapping[str, str], lock: Path = LOCK) -> Path:
    """Return where the packages of this lock file are, or will be, installed."""
    base = Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    digest = hashlib.sha256(lock.read_bytes())
    digest.update(sys.version.encode())  # an environment does not survive its interpreter
    return base.absolute() / "serveractions" / f"openstack-{digest.hexdigest()[:16]}"


def template_key() -> str:
    """Return a key for what goes into the databases: accounts, flavors, hosts."""
    parts = [(SOURCE / "cloud_services" / name).read_bytes() for name in TEMPLATE_SOURCES]
    accounts = openstack_accounts.for_keystone(dict.fromkeys(openstack_accounts.USERS, ""))
    parts.append(json.dumps([accounts, HOSTS]).encode())
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


def service_environment() -> dict[str, str]:
    """Return the variables that every process of the services needs."""
    return {
        "PYTHONPATH": str(SOURCE),
        "PYTHONUNBUFFERED": "1",
        # Nova's test package, which the fixtures are in, turns to eventlet unless this forbids it.
        "OS_NOVA_DISABLE_EVENTLET_PATCHING": "1",
    }


@contextmanager
def _lock(cache: Path, progress: Progress) -> Iterator[None]:
    """Let one process install; others wait, and then find the work done."""
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with progress.step("waiting for another process that installs OpenStack"):
                fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _install(venv: Path, log: Path, progress: Progress, environ: Mapping[str, str]) -> None:
    """Create the environment and install the locked packages, each checked against its hash."""
    stamp = venv / "installed"
    if stamp.exists():
        return
    shutil.rmtree(venv, ignore_errors=True)  # what an interrupted run left
    pip: list[str | Path] = [
        venv / "bin" / "python",
        "-m",
        "pip",
        "install",
        "--require-hashes",
        "--no-compile",
    ]
    what = "install the OpenStack services"
    with progress.step("installing Nova, Keystone and Glance (once per machine, 1-2 minutes)"):
        commands.run([sys.executable, "-m", "venv", venv], log=log, what=what)
        # The two packages that come as source are built with the setuptools of the lock, not with
        # whatever pip would download for it.
        for option, lock in (("--only-binary=:all:", BUILD_LOCK), ("--no-build-isolation", LOCK)):
            commands.run([*pip, option, "-r", str(lock)], log=log, what=what, env=dict(environ))
    stamp.touch()


def _make_template(template: Paths, done: Path, log: Path, progress: Progress) -> None:
    """Let the services create and fill their databases."""
    shutil.rmtree(template.state, ignore_errors=True)
    passwords = openstack_accounts.new_passwords()
    # Nothing listens there: making the template needs no server, but the files want addresses.
    ports = Ports(keystone=1, glance=1, nova=1, placement=1, control=1)
    write_configuration(template, ports, passwords, Settings())
    template.databases.mkdir()
    template.keys.mkdir()
    accounts = template.state / "accounts.tmp"
    accounts.touch(mode=0o600)
    accounts.write_text(json.dumps(openstack_accounts.for_keystone(passwords)))
    env = {"PATH": os.environ.get("PATH", os.defpath), **service_environment()}
    for service, argv in _template_commands(template, accounts):
        with progress.step(f"creating the databases of {service} (once per machine)"):
            commands.run(argv, log=log, env=env, what=f"create the databases of {service}")
    # The database of a cell is the same for servers that were never scheduled, in cell 0.
    shutil.copy(template.databases / "nova_cell1.db", template.databases / "nova_cell0.db")
    openstack_databases.write_ahead_logging(template)
    accounts.rename(done)


def _template_commands(template: Paths, accounts: Path) -> list[tuple[str, Command]]:
    """Return the name of each service and the command that fills its databases."""
    programs = template.venv / "bin"
    module: Command = [programs / "python", "-m"]
    keystone: Command = ["--keystone-conf", template.keystone_conf, "--accounts", accounts]
    nova: Command = ["--nova-conf", template.nova_conf, "--placement-conf", template.placement_conf]
    glance: Command = ["--config-file", template.glance_conf, "db_sync"]
    return [
        ("Keystone", [*module, "cloud_services.keystone_template", *keystone]),
        ("Glance", [programs / "glance-manage", *glance]),
        ("Nova", [*module, "cloud_services.nova.template", *nova, "--hosts", *HOSTS]),
    ]


def write_configuration(
    paths: Paths, ports: Ports, passwords: Mapping[str, str], settings: Settings
) -> None:
    """Write the configuration of all services; nobody else may read it, it contains a password."""
    for file, text in (
        (paths.keystone_conf, openstack_config.keystone(paths)),
        (paths.glance_conf, openstack_config.glance(paths, ports, passwords)),
        (paths.nova_conf, openstack_config.nova(paths, ports, passwords, settings)),
        (paths.placement_conf, openstack_config.placement(paths)),
    ):
        file.parent.mkdir(parents=True)
        file.touch(mode=0o600)
        file.write_text(text)
    for directory in ("images", "staging", "tasks"):
        (paths.state / "glance" / directory).mkdir()
    (paths.state / "nova" / "instances").mkdir()
