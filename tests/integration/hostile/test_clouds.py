"""A cloud may do what it wants: what is asked of it ends in time, in words, and in no defect."""

import asyncio
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest

from integration.hostile.behaviours import FLOODS, NONSENSE, SLOW, Behaviour, serve
from serveractions.actions.action import NovaRequest
from serveractions.api.spec import ServerRef
from serveractions.cloud.connections import Connections, quiet_loggers
from serveractions.cloud.nova import NovaCloud
from serveractions.config import Config
from serveractions.core.errors import (
    Ambiguous,
    CloudUnavailable,
    Forbidden,
    InvalidCredentials,
    NotFound,
    UnsupportedCloud,
)
from unit.cloud.openstack import ACTION, IMAGE, SERVER, OpenStack, cloud, server
from unit.cloud.test_connections import REF, Kube, clouds_yaml

pytestmark = [
    pytest.mark.timeout(60),
    # openstacksdk 4.22 uses its own deprecated argument (proxy.py).
    pytest.mark.filterwarnings("ignore:The 'service_type' parameter"),
]

NOVA = "/compute/v2.1"
SECONDS = 1.0
"""The longest that one read may take."""
SLACK = 20.0
"""More than that, on a machine with other things to do."""
LONG = 30.0
"""The same where the answer comes at once."""
DECLARED = (CloudUnavailable, InvalidCredentials, UnsupportedCloud, Forbidden, NotFound)

POST = NovaRequest(
    name="changePassword",
    method="POST",
    path=f"/servers/{SERVER}/action",
    body={"changePassword": {"adminPass": "s3cret"}},
    microversion="2.65",
)

Ask = Callable[[NovaCloud], Awaitable[Any]]

LOGIN = {
    "Keystone's tokens": "/identity/v3/auth/tokens",
    "Nova's version document": f"{NOVA}/",
}
READS: dict[str, tuple[str, Ask]] = {
    "a server": (f"{NOVA}/servers/{SERVER}", lambda it: it.server(SERVER)),
    "a name": (f"{NOVA}/servers/detail", lambda it: it.find_server(ServerRef(name="web-1"))),
    "actions": (
        f"{NOVA}/servers/{SERVER}/os-instance-actions",
        lambda it: it.instance_actions(SERVER),
    ),
    "an action": (
        f"{NOVA}/servers/{SERVER}/os-instance-actions/{ACTION}",
        lambda it: it.instance_action(SERVER, ACTION),
    ),
    "migrations": (f"{NOVA}/os-migrations", lambda it: it.migrations(SERVER)),
    "an image": (f"/image/v2/images/{IMAGE}", lambda it: it.image(IMAGE)),
    "backups": ("/image/v2/images", lambda it: it.backups(SERVER, "daily")),
}


def connect(it: OpenStack, seconds: float) -> Connections:
    kube = Kube()
    kube.put(clouds_yaml(it.url))
    return Connections(config=Config(read_timeout=seconds), secrets=kube)


async def log_in(it: OpenStack, seconds: float) -> tuple[Connections, NovaCloud]:
    """Log in before anything bad happens, even where the machine is busy."""
    for _ in range(20):
        connections = connect(it, seconds)
        try:
            return connections, await connections.open("ns", REF)
        except CloudUnavailable:
            await connections.close()
    raise AssertionError("no login in time: this machine has too much to do")


async def attempt(path: str, behaviour: Behaviour, ask: Ask | None, seconds: float) -> str | None:
    """Return what is wrong with how a request ended, None when nothing is."""
    async with cloud() as it:
        it.answers[f"{NOVA}/servers/{SERVER}"] = lambda _: {"server": server()}
        if ask is not None:
            connections, found = await log_in(it, seconds)
            asked = ask(found)
        else:
            connections = connect(it, seconds)
            asked = connections.open("ns", REF)
        it.instead[path] = serve(behaviour)
        begun = time.monotonic()
        try:
            await asked
        except DECLARED as error:
            told = str(error)
            if "Traceback" in told or "\x1b" in told or "s3cret" in told or len(told) > 2048:
                return f"tells {told!r}"
        except Exception as error:  # noqa: BLE001 - which one it is, is what the test is about
            return f"raises {error!r}"
        finally:
            await connections.close()
    if (took := time.monotonic() - begun) > SECONDS + SLACK:
        return f"takes {took:.1f} s"
    return None


async def attempt_all(
    behaviours: Mapping[str, Behaviour], path: str, ask: Ask | None, seconds: float = LONG
) -> dict[str, str]:
    """Return what was wrong, by behaviour; those that wait do it together."""
    gate = asyncio.Semaphore(16)

    async def one(behaviour: Behaviour) -> str | None:
        async with gate:
            return await attempt(path, behaviour, ask, seconds)

    wrong = await asyncio.gather(*map(one, behaviours.values()))
    return {name: text for name, text in zip(behaviours, wrong, strict=True) if text}


def busy_threads() -> list[str]:
    """Return the threads of clouds that are still at work, once they had the time to end."""
    deadline = time.monotonic() + SECONDS + SLACK
    while found := [one.name for one in threading.enumerate() if one.name.startswith("cloud")]:
        if time.monotonic() > deadline:
            return found
        time.sleep(0.02)
    return []


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    """As the operator sets up its log, at its most talkative."""
    caplog.set_level(logging.DEBUG)
    quiet_loggers()


def loud(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the lines that nobody should have to read, and those with something secret in them."""
    # asyncio's own: that a thread's result came after its time was over.
    return [
        f"{record.name}: {record.getMessage()[:200]}"
        for record in caplog.records
        if record.levelno >= logging.ERROR
        or record.exc_info
        or "s3cret" in record.getMessage()
        or "token-1" in record.getMessage()
    ]


@pytest.mark.parametrize("target", LOGIN)
async def test_a_login_ends_in_time_and_in_words(
    target: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert await attempt_all({**SLOW, **FLOODS}, LOGIN[target], None, SECONDS) == {}
    assert await attempt_all(NONSENSE, LOGIN[target], None) == {}
    assert busy_threads() == []
    assert loud(caplog) == []


@pytest.mark.parametrize("target", READS)
async def test_a_read_ends_in_time_and_in_words(
    target: str, caplog: pytest.LogCaptureFixture
) -> None:
    path, ask = READS[target]
    if target == "a server":  # what is slow is the same for all of them
        assert await attempt_all({**SLOW, **FLOODS}, path, ask, SECONDS) == {}
    assert await attempt_all(NONSENSE, path, ask) == {}
    assert busy_threads() == []
    assert loud(caplog) == []


async def test_a_write_ends_in_time_and_says_whether_it_may_have_been_sent(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def send(deadline: float) -> Ask:
        async def once(it: NovaCloud) -> None:
            try:
                reply = await it.send(POST, uid="u", deadline=deadline, may_send=lambda: True)
            except Ambiguous as error:
                raise CloudUnavailable(str(error)) from None
            assert "s3cret" not in repr(reply)
            assert len(reply.message) <= 1024

        return once

    path = f"{NOVA}/servers/{SERVER}/action"
    assert await attempt_all({**SLOW, **FLOODS}, path, send(2 * SECONDS)) == {}
    assert await attempt_all(NONSENSE, path, send(LONG)) == {}
    assert loud(caplog) == []
