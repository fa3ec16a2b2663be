"""How long it takes from an object's creation to Nova's 202, on a real Kubernetes and a real Nova.

Both ends are read on one clock, this machine's. The beginning is the moment before the request that
creates the object. The end is the operator's own log line about Nova's answer: it is written in the
same turn of the event loop in which the answer was read, with milliseconds. The status cannot tell:
Kubernetes keeps whole seconds; and its write, which is printed beside, comes one round trip later.
"""

import re
import statistics
import time
from datetime import datetime
from pathlib import Path

import pytest
import requests

from e2e.world import OPERATOR, World
from serveractions.api.kinds import API_VERSION, BY_NAME, GROUP, VERSION

RESET = BY_NAME["ServerStateReset"]
NAMESPACE = "e2e-latency"
ACTIONS = 20
MOST = 0.250
"""Seconds, the median."""
WITHIN = 30.0
POLL = 0.005

_ANSWERED = re.compile(r"^(\S+ \S+) \S+ \S+ Nova answered os-resetState with 202 .*\buid=(\S+)")


@pytest.fixture(scope="module")
def latencies(world: World) -> list[tuple[float, float]]:
    """Seconds to the 202, and to the status that says so, of one action after the other."""
    plane = world.stack.kubernetes
    log = world.stack.supervisor.logs / f"{OPERATOR}.log"
    server = world.factory("admin").create(NAMESPACE)
    plane.kubectl("create", "namespace", NAMESPACE)
    plane.kubectl(
        *("create", "secret", "generic", "openstack", "-n", NAMESPACE),
        f"--from-file=clouds.yaml={world.stack.openstack.clouds_yaml}",
    )
    with world.session() as session:
        collection = f"{plane.server}/apis/{GROUP}/{VERSION}/namespaces/{NAMESPACE}/{RESET.plural}"
        measured = [
            _measure(session, collection, f"reset-{number:02}", server, log)
            for number in range(ACTIONS + 1)
        ]
    found = measured[1:]  # the first one logs in, and opens the connections
    print(_table(found))  # noqa: T201 - what was measured belongs into the report
    return found


def test_an_idle_operator_has_novas_answer_in_a_quarter_of_a_second(
    latencies: list[tuple[float, float]],
) -> None:
    assert statistics.median(issued for issued, _ in latencies) < MOST


def _measure(
    session: requests.Session, collection: str, name: str, server: str, log: Path
) -> tuple[float, float]:
    body = {
        "apiVersion": API_VERSION,
        "kind": RESET.name,
        "metadata": {"name": name},
        "spec": {
            "cloudCredentialsRef": {"secretName": "openstack", "cloudName": "admin"},
            "serverRef": {"id": server},
            "state": "Active",
        },
    }
    begin = log.stat().st_size
    created = time.time()
    answer = session.post(collection, json=body, timeout=WITHIN)
    answer.raise_for_status()
    uid = answer.json()["metadata"]["uid"]
    deadline = time.monotonic() + WITHIN
    recorded = None
    while True:
        status = session.get(f"{collection}/{name}", timeout=WITHIN).json().get("status", {})
        if recorded is None and "issuedTime" in status:
            recorded = time.time()
        if recorded is not None and "completionTime" in status:
            break
        assert time.monotonic() < deadline, status
        time.sleep(POLL)
    assert status["phase"] == "Succeeded", status
    return _answered(log, begin, uid) - created, recorded - created


def _answered(log: Path, begin: int, uid: str) -> float:
    """Return when the operator had Nova's answer to the object's request."""
    with log.open() as lines:
        lines.seek(begin)
        for line in lines:
            found = _ANSWERED.match(line)
            if found and found[2] == uid:
                # The log is in local time, without a zone.
                return datetime.strptime(found[1], "%Y-%m-%d %H:%M:%S,%f").timestamp()  # noqa: DTZ007
    raise AssertionError(f"no line about Nova's answer to {uid} in {log}")


def _table(found: list[tuple[float, float]]) -> str:
    rows = [f"{len(found)} actions, one after the other{'median':>10}{'least':>9}{'most':>9}"]
    for column, name in enumerate(("until Nova's 202", "until the status says so")):
        figures = [each[column] for each in found]
        shown = "".join(
            f"{figure * 1000:>{width}.0f}"
            for figure, width in zip(
                (statistics.median(figures), min(figures), max(figures)), (10, 9, 9), strict=True
            )
        )
        rows.append(f"  {name + ', ms':33}{shown}")
    return "\n".join(rows)
