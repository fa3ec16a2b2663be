"""A process that is told to stop while it still imports what it needs does so, in good order."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]


def heard(pid: int) -> set[int]:
    """Return the signals for which a process has handlers of its own."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "SigCgt":
            return {number for number in range(1, 65) if int(value, 16) >> (number - 1) & 1}
    raise AssertionError("the kernel does not tell")


def test_a_signal_during_the_start_ends_the_process_in_good_order(tmp_path: Path) -> None:
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "serveractions", "--kubeconfig", str(tmp_path / "none")],
        env={**os.environ, "PYTHONPATH": str(ROOT / "operator")},
        stderr=subprocess.PIPE,
    )
    with process:
        deadline = time.monotonic() + 30
        while signal.SIGTERM not in heard(process.pid):
            assert process.poll() is None
            assert time.monotonic() < deadline
        process.terminate()
        _, said = process.communicate(timeout=30)
    assert (process.returncode, said) == (0, b"")
