"""`serveractions run` on the fake cloud: one request in all, wherever the process is killed."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fakes.cloud import remote
from fakes.cloud.remote import FakeCloud
from local_stack.progress import Silent
from local_stack.supervisor import Supervisor
from serveractions.api.kinds import API_VERSION
from serveractions.shell.journal import Journal

ROOT = Path(__file__).parents[2]
PATHS = os.pathsep.join((str(ROOT / "operator"), str(ROOT / "deploy/local"), str(ROOT / "tests")))
LAUNCHER = """
import os, signal, sys
from dataclasses import replace
from serveractions.commands import COMMANDS
from serveractions.shell import command
from serveractions.shell.journal import Journal

moment, words = sys.argv[1], sys.argv[2:]
append = Journal.append


def killing(self, body):
    status, marked = body["status"], "serveractions.dev/claimed" in body["metadata"]["annotations"]
    point = (
        "record" if status["phase"] not in ("Pending", "Issuing")
        else "claim" if status["phase"] == "Issuing"
        else "mark" if marked else "new"
    )
    if moment == f"before-{point}":
        os.kill(os.getpid(), signal.SIGKILL)
    append(self, body)
    if moment == f"after-{point}":
        os.kill(os.getpid(), signal.SIGKILL)


Journal.append = killing
config = replace(
    command.SETTINGS, poll_interval=0.5, poll_interval_urgent=0.3, retry_interval=0.5,
    claim_bound=2.0, post_deadline=2.0, proxy_lifetime=1.0,
)
options = COMMANDS["run"].parser("run").parse_args(words)
sys.exit(command.run(options, config))
"""


@pytest.fixture(scope="module")
def cloud() -> Iterator[FakeCloud]:
    with Supervisor(progress=Silent()) as supervisor:
        process = remote.process(supervisor, "run-cloud", {"live-migration": "0.5"})
        supervisor.start(process)
        yield remote.of(process)


def begin(tmp_path: Path, cloud: FakeCloud, server: str) -> None:
    (tmp_path / "clouds.yaml").write_text(cloud.clouds_yaml())
    manifest = {
        "apiVersion": API_VERSION,
        "kind": "ServerLiveMigration",
        "metadata": {"name": "away"},
        "spec": {
            "cloudCredentialsRef": {"secretName": "none", "cloudName": "nobody"},
            "serverRef": {"id": server},
        },
    }
    (tmp_path / "away.json").write_text(json.dumps(manifest))


def play(tmp_path: Path, moment: str = "never") -> subprocess.CompletedProcess[str]:
    words = ["-f", "away.json", "--os-cloud", "admin", "--journal", "journal", "-o", "json"]
    return subprocess.run(  # noqa: S603
        [sys.executable, "-c", LAUNCHER, moment, *words, "--timeout", "60"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": PATHS},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def test_a_run_that_was_killed_goes_on_and_has_sent_once(tmp_path: Path, cloud: FakeCloud) -> None:
    moments = ["after-mark", "after-claim", "before-record", "after-record"]
    with ThreadPoolExecutor() as pool:  # what takes long is waited for on purpose
        plays = [pool.submit(killed, tmp_path / each, cloud, each) for each in moments]
    for each in plays:
        each.result()


def killed(tmp_path: Path, cloud: FakeCloud, moment: str) -> None:
    tmp_path.mkdir()
    (server,) = cloud.boot(f"run-{moment}")
    begin(tmp_path, cloud, server)
    assert play(tmp_path, moment).returncode == -9
    ended = play(tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["status"]["phase"] == "Succeeded"
    assert cloud.accepted(server) == ["os-migrateLive"]


def test_a_server_that_is_not_there_is_a_failure(tmp_path: Path, cloud: FakeCloud) -> None:
    begin(tmp_path, cloud, "1bea47ed-f6a9-463b-b423-14b9cca9ad27")
    ended = play(tmp_path)
    assert ended.returncode == 3, ended.stderr


def test_a_journal_that_another_run_has_is_left_alone(tmp_path: Path, cloud: FakeCloud) -> None:
    (server,) = cloud.boot("run-locked")
    begin(tmp_path, cloud, server)
    held = Journal(tmp_path / "journal")
    try:
        assert play(tmp_path).returncode == 6
    finally:
        held.close()
    assert cloud.accepted(server) == []
