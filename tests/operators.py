"""The operator as a process: started, looked at from outside, and ended in every way."""

import os
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import requests

from local_stack import operator_process
from local_stack.kubernetes import ControlPlane
from local_stack.supervisor import Process, Supervisor

POLL = 0.05


@dataclass(frozen=True)
class Memory:
    """Resident memory in MiB: now, and the most that there ever was."""

    now: float
    peak: float


@dataclass(frozen=True)
class Operator:
    """One operator process."""

    supervisor: Supervisor
    process: Process
    pid: int

    @property
    def name(self) -> str:
        """How it signs its Leases, but for the random part."""
        return self.process.name

    @property
    def probes(self) -> str:
        """The URL of its probes and metrics."""
        argv = self.process.argv
        return f"http://127.0.0.1:{argv[argv.index('--probe-port') + 1]}"

    def metrics(self) -> str:
        """Return what Prometheus would read."""
        return requests.get(f"{self.probes}/metrics", timeout=30).text

    def probe(self, name: str) -> tuple[int, str]:
        """Return what a probe answers: `livez` or `readyz`."""
        answer = requests.get(f"{self.probes}/{name}", timeout=5)
        return answer.status_code, answer.text

    def log(self) -> str:
        """Return what it has logged; a process of the same name before it wrote there, too."""
        return self.process.log.read_text()

    def memory(self) -> Memory:
        """Return what the kernel says of the process's memory."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        fields = dict(line.split(":", 1) for line in lines)
        return Memory(*(int(fields[key].split()[0]) / 1024 for key in ("VmRSS", "VmHWM")))

    def scheduled(self) -> tuple[int, int]:
        """Return how long the event loop's thread has run, and waited for a processor, in ns."""
        ran, waited, _ = Path(f"/proc/{self.pid}/task/{self.pid}/schedstat").read_text().split()
        return int(ran), int(waited)

    def pause(self) -> None:
        """Take the processor from it (SIGSTOP)."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on after a pause."""
        os.kill(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        """End it without any warning (SIGKILL)."""
        self.supervisor.kill(self.name)

    def leave(self) -> None:
        """Ask it to end, as a kubelet does (SIGTERM), and do not wait."""
        self.supervisor.expect_end(self.name)
        os.kill(self.pid, signal.SIGTERM)

    def ended(self, *, seconds: float) -> int:
        """Wait until it has ended by itself; return its exit code, negative for a signal."""
        self.supervisor.expect_end(self.name)
        deadline = time.monotonic() + seconds
        # WNOWAIT: the supervisor, whose child it is, must be able to see how it ended, too.
        while (seen := os.waitid(os.P_PID, self.pid, _LEAVE_IT)) is None:
            assert time.monotonic() < deadline, f"{self.name} still runs after {seconds:g} s"
            time.sleep(POLL)
        self.supervisor.stop(self.name)
        return seen.si_status if seen.si_code == os.CLD_EXITED else -seen.si_status

    def stop(self) -> None:
        """End it as a kubelet does; it has to leave by itself, with 0."""
        self.leave()
        code = self.ended(seconds=self.process.grace)
        assert code == 0, f"{self.name} ended with {code} after SIGTERM: see {self.process.log}"

    @property
    def running(self) -> bool:
        """Whether it was not ended yet."""
        return self.supervisor.runs(self.name)


_LEAVE_IT = os.WEXITED | os.WNOHANG | os.WNOWAIT


def start(
    kubernetes: ControlPlane,
    *,
    name: str,
    token: str,
    server: str | None = None,
    settings: Mapping[str, str] | None = None,
    wait: bool = True,
) -> Operator:
    """Start an operator.

    Args:
        kubernetes: The cluster to serve.
        name: Of the process and its log.
        token: Of its service account.
        server: Where it finds the API server; None for the very server, else a proxy before it.
        settings: Its flags.
        wait: Return only when it is ready.
    """
    supervisor = kubernetes.supervisor
    kubeconfig = kubernetes.write_kubeconfig(
        supervisor.state / f"{name}.kubeconfig", token=token, server=server
    )
    flags = {"kubeconfig": str(kubeconfig), **(settings or {})}
    process = operator_process.process(supervisor, kubernetes, name=name, flags=flags)
    supervisor.start(process if wait else replace(process, ready=lambda: True))
    return Operator(supervisor, process, supervisor.pid(name))
