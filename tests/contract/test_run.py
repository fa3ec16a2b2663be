"""`serveractions run` on both clouds: its exit code tells what became of the servers.

Each test has a server of its own: what other tests have just asked of one, as the same user, would
be a doubt (`OutcomeUnknown`).
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from contract.clouds import Cloud
from serveractions.api.kinds import API_VERSION
from serveractions.api.status import Phase
from serveractions.shell.outcome import SIGNALLED, ExitCode

OPERATOR = Path(__file__).parents[2] / "operator"
HOST = "OS-EXT-SRV-ATTR:host"
AWAY = "away.yaml"
PASSWORD = "correct-horse-7"


@dataclass
class Shell:
    """A folder with a clouds.yaml and manifests, as a person has one."""

    cloud: Cloud
    folder: Path

    def write(self, kind: str, server: str, **spec: Any) -> None:
        """Write the manifest of an action."""
        manifest = {
            "apiVersion": API_VERSION,
            "kind": kind,
            "metadata": {"name": "away"},
            "spec": {
                "cloudCredentialsRef": {"secretName": "none", "cloudName": "admin"},
                "serverRef": {"id": server},
                **spec,
            },
        }
        (self.folder / AWAY).write_text(yaml.safe_dump(manifest))

    @contextmanager
    def begun(self, *words: str) -> Iterator["subprocess.Popen[str]"]:
        """Begin a run; at the end it must be over."""
        command = [sys.executable, "-m", "serveractions", "run", "-f", AWAY, "--journal", "journal"]
        with subprocess.Popen(  # noqa: S603
            [*command, *words],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(OPERATOR)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                yield process
                assert process.poll() is not None
            finally:
                process.kill()

    def run(self, *words: str) -> tuple[int, str, str]:
        """Run to the end; return the exit code and what was printed."""
        with self.begun(*words) as process:
            out, errors = process.communicate(timeout=120)
        return process.returncode, out, errors


@pytest.fixture
def shell(cloud: Cloud, tmp_path: Path) -> Shell:
    (tmp_path / "clouds.yaml").write_text(yaml.safe_dump({"clouds": dict(cloud.world.clouds())}))
    return Shell(cloud, tmp_path)


def until_running(process: "subprocess.Popen[str]") -> None:
    """Read what a run tells until it is recorded that Nova accepted the action."""
    assert process.stderr is not None
    told = []
    for line in process.stderr:
        told.append(line)
        if f": {Phase.RUNNING} " in line:
            return
    raise AssertionError("".join(told))


def sent(cloud: Cloud, server: str, action: str) -> int:
    """Return how often Nova has accepted an action on a server."""
    actions = cloud.admin.get(f"/servers/{server}/os-instance-actions")["instanceActions"]
    return [each["action"] for each in actions].count(action)


def test_0_is_a_live_migration_that_has_arrived(shell: Shell) -> None:
    server, admin = shell.cloud.boot("run-arrives")[0], shell.cloud.admin
    source, before = admin.server(server)[HOST], sent(shell.cloud, server, "live-migration")
    shell.write("ServerLiveMigration", server)
    code, out, errors = shell.run("-o", "json")
    assert code == ExitCode.SUCCEEDED, out + errors
    status = json.loads(out)["status"]
    assert status["phase"] == "Succeeded"
    assert admin.server(server)[HOST] == status["server"]["host"] != source
    assert shell.run()[0] == ExitCode.SUCCEEDED, "the same command again says what became of it"
    assert sent(shell.cloud, server, "live-migration") == before + 1


def test_3_is_a_live_migration_that_was_rolled_back(shell: Shell) -> None:
    server, admin = shell.cloud.boot("run-rolls-back")[0], shell.cloud.admin
    source = admin.server(server)[HOST]
    shell.cloud.control.fail("live_migration", "NovaException", ["lost"], 1, [server])
    shell.write("ServerLiveMigration", server)
    code, out, errors = shell.run("-o", "yaml")
    assert code == ExitCode.FAILED, out + errors
    assert yaml.safe_load(out)["status"]["phase"] == "Failed"
    assert admin.server(server)[HOST] == source


def test_a_run_that_was_killed_is_gone_on_with_and_nothing_is_sent_again(shell: Shell) -> None:
    cloud = shell.cloud
    server = cloud.boot("run-killed")[0]
    before = sent(cloud, server, "live-migration")
    shell.write("ServerLiveMigration", server)
    with cloud.control.held("live_migration", [server]):
        with shell.begun() as process:
            until_running(process)
            process.kill()
            process.wait()
        code, out, _ = shell.run("--timeout", "1")
        assert (code, f": {Phase.RUNNING} " in out) == (ExitCode.UNFINISHED, True)
        with shell.begun() as process:
            until_running(process)
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=30)
            assert process.returncode == SIGNALLED + signal.SIGINT
            assert "give the same command again to go on" in errors
    code, out, errors = shell.run()
    assert code == ExitCode.SUCCEEDED, out + errors
    assert sent(cloud, server, "live-migration") == before + 1


def test_4_is_one_that_was_cancelled_by_its_manifest(shell: Shell) -> None:
    cloud = shell.cloud
    server = cloud.boot("run-cancelled")[0]
    source = cloud.admin.server(server)[HOST]
    shell.write("ServerLiveMigration", server)
    with cloud.control.held("live_migration", [server]):
        with shell.begun() as process:
            until_running(process)
            process.terminate()
            process.communicate(timeout=30)
            assert process.returncode == SIGNALLED + signal.SIGTERM
        shell.write("ServerLiveMigration", server, cancel=True)
        code, out, errors = shell.run()
    assert code == ExitCode.CANCELLED, out + errors
    assert cloud.settles(server, "ACTIVE")[HOST] == source


def test_a_password_comes_from_a_file_and_is_kept_nowhere(shell: Shell) -> None:
    cloud = shell.cloud
    server = cloud.boot("run-password")[0]
    before = sent(cloud, server, "changePassword")
    (shell.folder / "new").write_text(PASSWORD)
    shell.write(
        "ServerPasswordChange", server, passwordSecretRef={"name": "new", "key": "password"}
    )
    refused, _, errors = shell.run()
    assert (refused, "--password-file" in errors) == (ExitCode.INVALID, True), errors
    code, out, errors = shell.run("--password-file", "new", "-o", "yaml")
    assert code == ExitCode.SUCCEEDED, out + errors
    assert sent(cloud, server, "changePassword") == before + 1
    kept = (shell.folder / "journal").read_text()
    assert PASSWORD not in out + errors + kept
