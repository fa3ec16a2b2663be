"""Both clouds, each with the same fleet of servers.

A server takes the real Nova the better part of a second, so all tests share a few: each takes one
that is ACTIVE and leaves it so.
"""

from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from contract import clouds
from contract.clouds import Cloud

WORLDS = {"fake": clouds.fake, "nova": clouds.nova}
FLEET = (
    "still",  # nothing is ever begun on it
    "backup",
    "password",
    "cold",
    "cold-again",
    "live",
    "live-again",
    "live-breaks",
)


ERRORS = 60
"""So many lines of what went wrong are shown of a cloud."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show beside a failed test what its cloud says went wrong: its own words are in no answer."""
    report = yield
    if report.failed and isinstance(item, pytest.Function) and "cloud" in item.funcargs:
        errors = item.funcargs["cloud"].world.errors()[-ERRORS:]
        report.sections.append(("errors in the cloud's log", "\n".join(errors)))
    return report


@pytest.fixture(scope="session")
def starting(request: pytest.FixtureRequest) -> Iterator[dict[str, Future[Cloud]]]:
    """The clouds of all chosen tests: the real one takes its time, in which the other is tried."""
    chosen = {
        str(item.callspec.params["cloud"])
        for item in request.session.items
        if isinstance(item, pytest.Function) and "cloud" in item.fixturenames
    }
    with ExitStack() as worlds, ThreadPoolExecutor() as pool:

        def start(name: str) -> Cloud:
            made = Cloud(worlds.enter_context(WORLDS[name]()))
            made.boot(*FLEET)
            return made

        yield {name: pool.submit(start, name) for name in chosen}


@pytest.fixture(scope="session", params=WORLDS)
def cloud(request: pytest.FixtureRequest, starting: dict[str, Future[Cloud]]) -> Cloud:
    """A cloud with its fleet."""
    return starting[request.param].result()
