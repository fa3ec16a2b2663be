"""deploy/base on a real API server: its ServiceAccount can do what the code does, and no more."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from time import monotonic
from typing import Any

import kopf
import pytest

from kube_world import SERVER, STATE_RESET, create, manifest, new_namespace, until
from local_stack.kubernetes import ControlPlane
from serveractions import handlers, kopf_settings
from serveractions.api.kinds import KINDS
from serveractions.api.resource import Resource
from serveractions.api.status import Phase
from serveractions.clock import SystemClock
from serveractions.config import Config
from serveractions.core import marks
from serveractions.core.errors import StatusRefused
from serveractions.core.ports import Mark
from serveractions.kube import cluster, paths
from serveractions.kube.client import Api, ApiRefused
from serveractions.kube.events import KubeEvents
from serveractions.kube.lease import SlotLeases
from serveractions.kube.lease_record import KubeLeases
from serveractions.kube.pulse import WatchPulse
from serveractions.kube.secrets import KubeSecrets
from serveractions.kube.status import KubeObjects

BASE = Path(__file__).parents[2] / "deploy" / "base"
SYSTEM = "serveractions-system"
FORBIDDEN = 403


@pytest.fixture(scope="module")
def kubeconfig(kubernetes: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the base and log in as the operator."""
    kubernetes.kubectl("apply", "--server-side", "--force-conflicts", "-k", BASE)
    token = kubernetes.service_account_token(SYSTEM, "serveractions")
    path = tmp_path_factory.mktemp("rbac") / "kubeconfig"
    return kubernetes.write_kubeconfig(path, token=token)


@pytest.fixture
async def api(kubeconfig: Path) -> AsyncIterator[Api]:
    api = await Api.connect(str(kubeconfig))
    yield api
    await api.close()


@pytest.fixture
def namespace(kubernetes: ControlPlane) -> str:
    return new_namespace(kubernetes)


@pytest.fixture
def resource(kubernetes: ControlPlane, namespace: str) -> Resource:
    body = manifest(namespace, "one")
    body["metadata"]["labels"] = {"team": "blue"}
    body["metadata"]["annotations"] = {"note": "hello"}
    return create(kubernetes, body)[0]


async def refused(api: Api, method: str, path: str, body: dict[str, object] | None = None) -> bool:
    try:
        await api.request(method, path, body=body)
    except ApiRefused as error:
        return error.status == FORBIDDEN
    return False


async def test_the_operator_finds_the_cluster_suitable(api: Api) -> None:
    await cluster.check(api)


async def test_the_operator_can_carry_an_object_through_its_life(
    api: Api, resource: Resource
) -> None:
    objects = KubeObjects(api=api)
    assert resource.key in {item.key for item in await objects.unfinished()}
    marked = await objects.mark(resource, Mark(uid=resource.uid, attempt=1, server_id=SERVER))
    marked = await objects.mark(marked, Mark(uid=resource.uid, attempt=2, server_id=SERVER))
    status = marked.status.model_copy(update={"phase": Phase.SUCCEEDED})
    stored = await objects.write_status(marked, status)
    assert resource.key in {i.key async for page in await objects.finished() for i in page}
    await objects.of_server(STATE_RESET, SERVER)
    await objects.delete(stored)


async def test_the_operator_can_watch_every_kind_without_being_refused_anything(
    api: Api, resource: Resource, caplog: pytest.LogCaptureFixture
) -> None:
    names: list[str] = []

    class Inbox:
        def seen(self, body: Mapping[str, Any]) -> None:
            names.append(body["metadata"]["name"])

        def left(self, body: Mapping[str, Any]) -> None: ...

    config, settings = Config(), kopf.OperatorSettings()
    kopf_settings.configure(settings, config)
    logins = handlers.Logins(api.credentials, WatchPulse(clock=monotonic))
    registry = handlers.build_registry(Inbox(), logins)
    stop, ready = asyncio.Event(), asyncio.Event()
    with caplog.at_level(logging.WARNING, logger="kopf"):
        watching = asyncio.create_task(
            handlers.watch(
                config=config,
                registry=registry,
                logins=logins,
                settings=settings,
                stop=stop,
                ready=ready,
            )
        )
        await until(lambda: resource.name in names)
        stop.set()
        await watching
    assert [record.message for record in caplog.records] == []


async def test_the_operator_can_read_a_secret_by_name_but_list_none(
    api: Api, kubernetes: ControlPlane, namespace: str
) -> None:
    secrets = KubeSecrets(api=api)
    assert await secrets.read(namespace, "openstack") is None
    kubernetes.kubectl(
        "create", "secret", "generic", "openstack", "-n", namespace, "--from-literal=a=täst"
    )
    kubernetes.kubectl("label", "secret", "openstack", "-n", namespace, "colour=red")
    secret = await secrets.read(namespace, "openstack")
    assert secret is not None
    assert (secret.data, secret.labels) == ({"a": "täst".encode()}, {"colour": "red"})
    assert secret.uid
    assert secret.resource_version
    assert "t\\xc3" not in repr(secret)
    assert await refused(api, "GET", f"/api/v1/namespaces/{namespace}/secrets")
    assert await refused(api, "GET", "/api/v1/secrets")
    assert await refused(api, "DELETE", f"/api/v1/namespaces/{namespace}/secrets/openstack")


async def test_the_operator_can_hold_and_release_leases_in_its_own_namespace_only(
    api: Api, namespace: str
) -> None:
    async def on_gain(_: frozenset[int]) -> None: ...

    def leases(where: str) -> KubeLeases:
        return KubeLeases(api=api, namespace=where, seconds=5)

    holder = SlotLeases(
        store=leases(SYSTEM),
        clock=SystemClock(),
        on_gain=on_gain,
        on_set_back=lambda: None,
        identity="test",
        slots=1002,
        wanted={1000, 1001},  # which no operator of another test has left behind
        duration=30,
        renew=10,
    )
    await holder.round()
    await holder.take_up_gained()
    assert holder.held == {1000, 1001}
    await holder.release()
    record = await leases(SYSTEM).read("serveractions-slot-1001")
    assert record is not None
    assert record.holder == ""
    with pytest.raises(ApiRefused):
        await leases(namespace).read("serveractions-slot-1000")
    own = f"/apis/coordination.k8s.io/v1/namespaces/{SYSTEM}/leases"
    assert await refused(api, "DELETE", f"{own}/serveractions-slot-1000")
    assert await refused(api, "GET", own)


async def test_the_operator_can_post_events(
    api: Api, kubernetes: ControlPlane, resource: Resource
) -> None:
    events = KubeEvents(api=api, clock=SystemClock(), instance="pod-1")
    sending = asyncio.create_task(events.run())
    events.post(resource, kind="Normal", reason="Progressing", message="ö" * 2000)
    events.post(resource, kind="Normal", reason="Progressing", message="ö" * 2000)
    events.post(resource, kind="Warning", reason="ServerBusy", message="")
    await events.drain(10)
    sending.cancel()
    text = kubernetes.kubectl("get", "events", "-n", resource.namespace, "-o", "json")
    stored = {item["reason"]: item for item in json.loads(text)["items"]}
    assert set(stored) == {"Progressing", "ServerBusy"}
    assert stored["Progressing"]["involvedObject"]["uid"] == resource.uid
    assert stored["Progressing"]["message"].endswith("ö…")
    assert len(json.loads(text)["items"]) == 2, "the same thing is not said twice"
    described = kubernetes.kubectl("describe", "serverstatereset", "one", "-n", resource.namespace)
    assert "ServerBusy" in described


async def test_the_operator_cannot_create_actions_or_write_their_specs(
    api: Api, namespace: str, resource: Resource
) -> None:
    path = paths.collection(resource.kind, namespace)
    assert await refused(api, "POST", path, manifest(namespace, "own"))
    assert await refused(api, "PUT", f"{path}/one", manifest(namespace, "one"))
    assert await refused(api, "DELETE", path)


async def test_the_operator_changes_nothing_of_an_object_but_its_mark(
    api: Api, resource: Resource
) -> None:
    path = paths.single(resource.kind, resource.key)
    await until_policy_is_active(api, path)
    for change in (
        {"spec": {"suspend": True}},
        {"metadata": {"labels": {"team": "red"}}},
        {"metadata": {"labels": None}},
        {"metadata": {"annotations": {"note": "changed"}}},
        {"metadata": {"annotations": {"note": None}}},
        {"metadata": {"annotations": {"other": "new"}}},
        {"metadata": {"finalizers": ["example.com/stay"]}},
    ):
        with pytest.raises(StatusRefused, match="serveractions-operator"):
            await api.merge_patch(path, change)
    marked = await KubeObjects(api=api).mark(resource, Mark(uid=resource.uid, ended=True))
    with pytest.raises(StatusRefused, match="removes none"):
        await api.merge_patch(path, {"metadata": {"annotations": {marks.ANNOTATION: None}}})
    assert marked.annotations.keys() == {"note", marks.ANNOTATION}


async def until_policy_is_active(api: Api, path: str) -> None:
    """The API server takes up a new policy some moments after it was stored."""
    async with asyncio.timeout(30):
        while True:
            try:
                await api.merge_patch(path, {"metadata": {"annotations": {"probe": "1"}}})
            except StatusRefused:
                return
            await api.merge_patch(path, {"metadata": {"annotations": {"probe": None}}})
            await asyncio.sleep(0.2)


async def test_users_are_not_bound_by_the_operators_policy(
    kubernetes: ControlPlane, resource: Resource
) -> None:
    where = ("serverstatereset", resource.name, "-n", resource.namespace)
    kubernetes.kubectl("label", *where, "team=red", "--overwrite")
    kubernetes.kubectl("patch", *where, "--type=merge", "-p", '{"spec":{"suspend":true}}')


@pytest.mark.usefixtures("kubeconfig")
async def test_the_pods_are_admitted_under_restricted_pod_security(
    kubernetes: ControlPlane,
) -> None:
    def pods() -> list[str]:
        return kubernetes.kubectl("get", "pods", "-n", SYSTEM, "-o", "name").split()

    await until(lambda: len(pods()) == 1)


@pytest.mark.usefixtures("kubeconfig")
def test_the_rules_name_every_kind(kubernetes: ControlPlane) -> None:
    role = json.loads(kubernetes.kubectl("get", "clusterrole", "serveractions", "-o", "json"))
    named = {name for rule in role["rules"] for name in rule["resources"]}
    plurals = {kind.plural for kind in KINDS}
    assert named == plurals | {f"{name}/status" for name in plurals} | {"secrets", "events"}
