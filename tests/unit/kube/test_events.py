"""Events: posting never waits, never raises, and does not repeat itself."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from serveractions.api.kinds import BY_NAME
from serveractions.api.resource import Resource
from serveractions.api.resource import parse as parse_resource
from serveractions.core.errors import ApiUnavailable, ObjectGone, StatusRefused
from serveractions.kube import events as module
from serveractions.kube.client import ApiRefused
from serveractions.kube.events import KubeEvents


@dataclass
class FakeApi:
    sent: list[dict[str, Any]] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)

    async def request(self, method: str, path: str, *, body: dict[str, Any]) -> dict[str, Any]:
        assert (method, path.endswith("/events")) == ("POST", True)
        if self.errors:
            raise self.errors.pop(0)
        self.sent.append(body)
        return body


@dataclass
class FakeClock:
    time: float = 0.0

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC)

    def boottime(self) -> float:
        return self.time


@pytest.fixture
def api() -> FakeApi:
    return FakeApi()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def events(api: FakeApi, clock: FakeClock) -> KubeEvents:
    return KubeEvents(api=api, clock=clock, instance="pod")  # type: ignore[arg-type]


@pytest.fixture
def resource() -> Resource:
    kind = BY_NAME["ServerNetworkReset"]
    return parse_resource(
        {
            "apiVersion": "serveractions.dev/v1alpha1",
            "kind": kind.name,
            "metadata": {
                "name": "n" * 253,
                "namespace": "team",
                "uid": "u",
                "resourceVersion": "1",
                "generation": 1,
                "creationTimestamp": "2026-01-01T00:00:00Z",
            },
            "spec": {
                "cloudCredentialsRef": {"secretName": "openstack", "cloudName": "admin"},
                "serverRef": {"name": "web"},
            },
        }
    )


async def sent(events: KubeEvents) -> None:
    task = asyncio.create_task(events.run())
    await events.drain(5)
    task.cancel()


async def test_the_same_thing_is_said_again_only_after_a_while(
    events: KubeEvents, api: FakeApi, clock: FakeClock, resource: Resource
) -> None:
    for _ in range(100):
        events.post(resource, kind="Normal", reason="Progressing", message="a")
    events.post(resource, kind="Normal", reason="Progressing", message="b")
    clock.time += module.REPEAT
    events.post(resource, kind="Normal", reason="Progressing", message="a")
    await sent(events)
    assert [body["note"] for body in api.sent] == ["a", "b", "a"]


async def test_what_does_not_fit_is_dropped_and_nothing_is_raised(
    events: KubeEvents, api: FakeApi, resource: Resource
) -> None:
    for number in range(module.QUEUE + 50):
        events.post(resource, kind="Normal", reason="Progressing", message=str(number))
    await sent(events)
    assert len(api.sent) == module.QUEUE


@pytest.mark.parametrize(
    "error",
    [
        ObjectGone("no namespace"),
        StatusRefused("malformed"),
        ApiRefused("the namespace is being terminated", status=403),
    ],
)
async def test_a_refused_event_does_not_hold_up_the_next(
    events: KubeEvents, api: FakeApi, resource: Resource, error: Exception
) -> None:
    api.errors = [error]
    events.post(resource, kind="Normal", reason="A", message="")
    events.post(resource, kind="Normal", reason="B", message="")
    async with asyncio.timeout(1):
        await sent(events)
    assert [body["reason"] for body in api.sent] == ["B"]


async def test_an_event_is_sent_again_when_the_login_was_refused(
    events: KubeEvents, api: FakeApi, resource: Resource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RETRY", 0.0)
    api.errors = [ApiRefused("who are you", status=401)]
    events.post(resource, kind="Normal", reason="A", message="")
    await sent(events)
    assert [body["reason"] for body in api.sent] == ["A"]


async def test_an_unanswered_event_is_tried_again_and_then_given_up(
    events: KubeEvents, api: FakeApi, resource: Resource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RETRY", 0.0)
    api.errors = [ApiUnavailable("away")] * (module.TRIES - 1)
    events.post(resource, kind="Normal", reason="A", message="")
    await sent(events)
    api.errors = [ApiUnavailable("away")] * module.TRIES
    events.post(resource, kind="Normal", reason="B", message="")
    events.post(resource, kind="Normal", reason="C", message="")
    await sent(events)
    assert [body["reason"] for body in api.sent] == ["A", "C"]


async def test_an_event_keeps_within_the_limits_of_the_api_server(
    events: KubeEvents, api: FakeApi, resource: Resource
) -> None:
    events.post(resource, kind="Warning", reason="R" * 300, message="ö" * 1000)
    await sent(events)
    (body,) = api.sent
    assert len(body["note"].encode()) <= 1024
    assert body["note"].endswith("ö…")
    assert len(body["reason"]) == 128
    assert len(body["metadata"]["name"]) <= 253
    assert body["regarding"]["uid"] == "u"
