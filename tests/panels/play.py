"""A few minutes in the life of an operator, for the picture: actions of several kinds, replies that
are lost, refusals, a limit, and a cloud that does not answer for a while.
"""

import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import assembled
from assembled import Assembled
from audit import Audit
from local_stack import stack
from local_stack.progress import Silent
from panels.queries import Scrape, read
from phases import BACKUP, LIVE, OWN, RESET
from serveractions.api.kinds import BY_NAME, Kind

CRDS = Path(__file__).parents[2] / "crds"
TARGET = {"namespace": "serveractions-system", "pod": "serveractions-0"}
PERIOD = 1.0
"""Seconds between two scrapes."""
SETTINGS = {
    "actions-in-flight": "6",
    "poll-interval": "2",
    "read-timeout": "4",
    "retry-interval": "2",
}
PACE = {
    "live-migration": "8",
    "backup": "5",
    "read-latency": "0.028",
    "write-latency": "0.041",
}
NETWORK = BY_NAME["ServerNetworkReset"]
SILENCE, REST = 30.0, 15.0


def run(say: Callable[[str], None]) -> list[Scrape]:
    """Play; return what was scraped meanwhile."""
    with (
        tempfile.TemporaryDirectory() as folder,
        stack.running(
            progress=Silent(),
            with_openstack=False,
            crds=[CRDS],
            apiserver_flags=Audit(Path(folder)).flags,
        ) as running,
        assembled.running(running.kubernetes, name="panels", settings=SETTINGS, pace=PACE) as world,
        _scraped(world) as scrapes,
    ):
        _play(world, say)
        return scrapes


def _play(world: Assembled, say: Callable[[str], None]) -> None:
    say("two replies are lost, one migration has no host, and more are asked for than may fly")
    world.cloud.fault("reply-lost", {"action": "os-migrateLive"}, skip=2, times=2)
    world.cloud.fault("status", {"action": "os-migrateLive"}, status=400, skip=9)
    _create(world, LIVE, 16)
    _create(world, BACKUP, 4, **OWN[BACKUP])
    _create(world, RESET, 5, **OWN[RESET])
    _create(world, NETWORK, 3)
    _create(world, RESET, 2, secret="later", **OWN[RESET])
    time.sleep(REST)
    say("Nova does not answer")
    world.cloud.door("compute", "silent")
    _create(world, LIVE, 2)
    time.sleep(SILENCE)
    say("Nova is back, and the Secret is created")
    world.cloud.door("compute", "open")
    world.create_secret("later", {"clouds.yaml": world.cloud.clouds_yaml()})
    _create(world, BACKUP, 3, **OWN[BACKUP])
    world.until(lambda: _unfinished(world) == 0, seconds=240, what="the end of all")
    time.sleep(REST)


def _create(world: Assembled, kind: Kind, number: int, **spec: object) -> None:
    for _ in range(number):
        world.act(kind, **spec)


def _unfinished(world: Assembled) -> int:
    return sum(
        "completionTime" not in status
        for kind in (LIVE, BACKUP, RESET, NETWORK)
        for status in world.statuses(kind).values()
    )


@contextmanager
def _scraped(world: Assembled) -> Iterator[list[Scrape]]:
    """Scrape the operator beside what is done."""
    scrapes: list[Scrape] = []
    over = threading.Event()

    def scrape() -> None:
        while not over.wait(PERIOD):
            scrapes.append(read(time.monotonic(), world.operator.metrics(), TARGET))

    thread = threading.Thread(target=scrape)
    thread.start()
    try:
        yield scrapes
    finally:
        over.set()
        thread.join()
