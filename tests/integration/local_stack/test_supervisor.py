"""The supervisor with real, tiny children: what it starts ends, and what dies is explained."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local_stack.progress import Silent
from local_stack.supervisor import Process, ProcessError, StackError, Supervisor

SOURCES = Path(__file__).parents[3] / "deploy" / "local"


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    with Supervisor(progress=Silent(), state=tmp_path / "state") as running:
        yield running


def server(
    supervisor: Supervisor, script: str, *, name: str = "server", grace: float = 5.0
) -> Process:
    """A shell script that is ready when it has written a line."""
    log = supervisor.logs / f"{name}.log"
    return Process(
        name=name,
        argv=["sh", "-c", script],
        log=log,
        ready=lambda: log.exists() and log.read_text() != "",
        ready_within=5.0,
        grace=grace,
    )


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline, "did not happen within 5 s"
        time.sleep(0.01)


def test_a_process_that_dies_at_start_is_reported_with_exit_code_and_log(
    supervisor: Supervisor,
) -> None:
    dead = Process(
        name="nova-api",
        argv=["sh", "-c", "echo cannot open database; exit 3"],
        log=supervisor.logs / "nova-api.log",
        ready=lambda: False,
    )
    with pytest.raises(ProcessError) as raised:
        supervisor.start(dead)
    message = str(raised.value)
    assert "nova-api died: exit code 3" in message
    assert "| cannot open database" in message
    assert str(dead.log) in message


def test_a_process_that_is_never_ready_is_reported(supervisor: Supervisor) -> None:
    slow = Process(
        name="slow",
        argv=["sleep", "60"],
        log=supervisor.logs / "slow.log",
        ready=lambda: False,
        ready_within=0.05,
    )
    with pytest.raises(ProcessError, match=r"slow was not ready within 0\.05 s"):
        supervisor.start(slow)


def test_a_process_that_dies_later_is_found_by_the_next_check(supervisor: Supervisor) -> None:
    supervisor.start(server(supervisor, "echo up; exec sleep 60"))
    supervisor.check()
    pid = supervisor.pid("server")
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not is_running(pid))
    with pytest.raises(ProcessError, match="server died: signal SIGKILL"):
        supervisor.check()


def test_another_process_that_dies_during_a_wait_is_the_one_that_is_named(
    supervisor: Supervisor,
) -> None:
    supervisor.start(server(supervisor, "echo up; exec sleep 60", name="etcd"))
    waiting = server(supervisor, "exec sleep 60", name="kube-apiserver")
    os.kill(supervisor.pid("etcd"), signal.SIGTERM)
    with pytest.raises(ProcessError, match="etcd died"):
        supervisor.start(waiting)


def test_an_error_leaves_no_process_and_only_the_logs(tmp_path: Path) -> None:
    state = tmp_path / "state"
    pids = []

    def come_up() -> None:
        with Supervisor(progress=Silent(), state=state) as supervisor:
            supervisor.start(server(supervisor, "echo up; exec sleep 60", name="first"))
            pids.append(supervisor.pid("first"))
            (state / "database").write_text("large")
            supervisor.start(server(supervisor, "exit 1", name="second"))

    with pytest.raises(ProcessError):
        come_up()
    assert not is_running(pids[0])
    assert (state / "logs" / "first.log").exists()
    assert not (state / "database").exists()


def test_leaving_the_context_leaves_nothing_on_the_disk(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with Supervisor(progress=Silent(), state=state) as supervisor:
        supervisor.start(server(supervisor, "echo up; exec sleep 60"))
        pid = supervisor.pid("server")
    assert not is_running(pid)
    assert not state.exists()


def test_keep_leaves_the_state_for_somebody_to_look_at(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with Supervisor(progress=Silent(), state=state, keep=True):
        (state / "database").write_text("interesting")
    assert (state / "database").read_text() == "interesting"


def test_processes_end_in_the_reverse_order_of_their_first_start(
    tmp_path: Path, supervisor: Supervisor
) -> None:
    ended = tmp_path / "ended"
    for name in ("etcd", "kube-apiserver"):
        trap = f"trap 'echo {name} >> {ended}; exit 0' TERM"
        script = f"{trap}; echo up; while :; do sleep 0.01; done"
        supervisor.start(server(supervisor, script, name=name))
    supervisor.start(supervisor.kill("etcd"))
    wait_until(lambda: (supervisor.logs / "etcd.log").read_text() == "up\nup\n")
    supervisor.stop_all()
    assert ended.read_text().split() == ["kube-apiserver", "etcd"]


def test_a_stubborn_process_is_killed_after_its_grace(supervisor: Supervisor) -> None:
    supervisor.start(
        server(supervisor, "trap '' TERM; echo up; while :; do sleep 1; done", grace=0.1)
    )
    pid = supervisor.pid("server")
    supervisor.stop("server")
    assert not is_running(pid)


def test_the_children_of_a_process_end_with_it(supervisor: Supervisor) -> None:
    supervisor.start(server(supervisor, "sleep 60 & echo $!; exec sleep 60"))
    child = int((supervisor.logs / "server.log").read_text())
    supervisor.stop("server")
    wait_until(lambda: not is_running(child))


def test_a_restarted_process_is_a_new_one_and_was_not_missed(supervisor: Supervisor) -> None:
    supervisor.start(server(supervisor, "echo up; exec sleep 60"))
    before = supervisor.pid("server")
    supervisor.restart("server")
    assert supervisor.pid("server") != before
    supervisor.check()


def test_nothing_starts_while_the_stack_is_being_taken_down(supervisor: Supervisor) -> None:
    supervisor.stop_all()
    with pytest.raises(StackError, match="being taken down"):
        supervisor.start(server(supervisor, "echo up; exec sleep 60"))


def test_a_server_sees_none_of_the_users_proxies(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy.invalid")
    supervisor.start(server(supervisor, "echo proxy=$http_proxy; exec sleep 60"))
    assert (supervisor.logs / "server.log").read_text() == "proxy=\n"


KILLED_SUPERVISOR = """
import os, signal, sys
from pathlib import Path
from local_stack.progress import Silent
from local_stack.supervisor import Process, Supervisor

with Supervisor(progress=Silent(), state=Path(sys.argv[1])) as supervisor:
    log = supervisor.logs / "parent.log"
    supervisor.start(
        Process(
            name="parent",
            argv=["sh", "-c", "sleep 60 & echo $$ $!; exec sleep 60"],
            log=log,
            ready=lambda: log.exists() and log.read_text() != "",
        )
    )
    sys.stdout.write(log.read_text())
    sys.stdout.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_even_a_killed_supervisor_leaves_no_process_and_no_state(tmp_path: Path) -> None:
    state = tmp_path / "state"
    killed = subprocess.run(  # noqa: S603 -- our own text
        [sys.executable, "-c", KILLED_SUPERVISOR, str(state)],
        env={**os.environ, "PYTHONPATH": str(SOURCES)},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    parent, child = (int(pid) for pid in killed.stdout.split())
    wait_until(lambda: not is_running(parent) and not is_running(child) and not state.exists())
