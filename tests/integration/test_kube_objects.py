"""Statuses and marks on a real API server: compare-and-set, removal, lists, deletion."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from kube_world import SERVER, STATE_RESET, create, manifest, new_namespace
from local_stack.kubernetes import ControlPlane
from serveractions.api.kinds import BY_NAME, KINDS
from serveractions.api.resource import Resource
from serveractions.api.status import Intent, Phase, ServerStatus, Status
from serveractions.core import marks
from serveractions.core.errors import ApiUnavailable, Conflict, ObjectGone, StatusRefused
from serveractions.core.ports import Mark
from serveractions.kube import cluster, paths
from serveractions.kube.client import Api
from serveractions.kube.status import KubeObjects

NOW = datetime(2026, 11, 1, 12, 0, 0, 500, tzinfo=UTC)
INTENT = Intent(
    attempt=1,
    holder="me",
    action="os-resetState",
    server_id=SERVER,
    region="one",
    endpoint="https://nova.example/v2.1",
    user_id="u",
    project_id="p",
    microversion="2.88",
    nova_time=NOW,
    known_request_ids=("req-1", "req-2"),
)


@pytest.fixture
async def api(kubernetes: ControlPlane) -> AsyncIterator[Api]:
    api = await Api.connect(str(kubernetes.kubeconfig))
    yield api
    await api.close()


@pytest.fixture
def namespace(kubernetes: ControlPlane) -> str:
    return new_namespace(kubernetes)


@pytest.fixture
def objects(api: Api, namespace: str) -> KubeObjects:
    return KubeObjects(api=api, namespaces=[namespace])


@pytest.fixture
def resource(kubernetes: ControlPlane, namespace: str) -> Resource:
    return create(kubernetes, manifest(namespace, "one"))[0]


def changed(status: Status, **fields: object) -> Status:
    return status.model_copy(update=fields)


async def test_the_cluster_is_found_suitable(api: Api) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                await cluster.check(api)
            except ApiUnavailable:  # "storage is (re)initializing", just after the definitions came
                await asyncio.sleep(0.1)
            else:
                break


async def test_a_status_is_stored_as_given_and_read_back_equal(
    objects: KubeObjects, resource: Resource
) -> None:
    claimed = changed(resource.status, phase=Phase.ISSUING, intent=INTENT, start_time=NOW)
    stored = await objects.write_status(resource, claimed)
    assert stored.status.to_wire() == claimed.to_wire()
    assert (await objects.read(resource.key)) == stored
    assert stored.generation == resource.generation


async def test_fields_that_became_none_vanish_from_the_stored_status(
    objects: KubeObjects, resource: Resource, kubernetes: ControlPlane
) -> None:
    full = changed(
        resource.status,
        phase=Phase.ISSUING,
        intent=INTENT,
        message="hello",
        server=ServerStatus(id=SERVER, name="web", task_state="resetting"),
    )
    stored = await objects.write_status(resource, full)
    less = changed(
        stored.status,
        phase=Phase.PENDING,
        intent=None,
        message=None,
        server=ServerStatus(id=SERVER, name="web"),
    )
    await objects.write_status(stored, less)
    raw = json.loads(
        kubernetes.kubectl(
            "get", "serverstateresets", resource.name, "-n", resource.namespace, "-o", "json"
        )
    )["status"]
    assert "intent" not in raw
    assert "message" not in raw
    assert raw["server"] == {"id": SERVER, "name": "web"}


async def test_a_stale_resource_version_is_refused(
    objects: KubeObjects, resource: Resource
) -> None:
    await objects.write_status(resource, changed(resource.status, message="first"))
    with pytest.raises(Conflict):
        await objects.write_status(resource, changed(resource.status, message="second"))
    with pytest.raises(Conflict):
        await objects.mark(resource, Mark(uid=resource.uid, ended=True))
    with pytest.raises(Conflict):
        await objects.delete(resource)
    assert (await objects.read(resource.key)).status.message == "first"


async def test_even_a_write_that_changes_nothing_needs_the_newest_version(
    objects: KubeObjects, resource: Resource
) -> None:
    stored = await objects.write_status(resource, changed(resource.status, message="first"))
    assert (await objects.write_status(stored, stored.status)) == stored
    with pytest.raises(Conflict):
        await objects.write_status(resource, resource.status)


async def test_a_recreated_namesake_is_gone_and_is_never_written(
    objects: KubeObjects, resource: Resource, kubernetes: ControlPlane
) -> None:
    kubernetes.kubectl("delete", "serverstatereset", resource.name, "-n", resource.namespace)
    with pytest.raises(ObjectGone):
        await objects.write_status(resource, changed(resource.status, message="late"))
    again = create(kubernetes, manifest(resource.namespace, resource.name))[0]
    with pytest.raises(ObjectGone):
        await objects.read(resource.key)
    with pytest.raises(Conflict):
        await objects.write_status(resource, changed(resource.status, message="late"))
    with pytest.raises(Conflict):
        await objects.mark(resource, Mark(uid=resource.uid, ended=True))
    with pytest.raises(Conflict):
        await objects.delete(resource)
    assert await objects.read(again.key) == again


async def test_a_field_that_the_definition_does_not_know_is_refused_and_not_dropped(
    api: Api, resource: Resource
) -> None:
    path = f"{paths.single(resource.kind, resource.key)}/status"
    with pytest.raises(StatusRefused, match="unknown field"):
        await api.merge_patch(path, {"status": {"message": "hello", "fromTheFuture": 1}})
    with pytest.raises(StatusRefused):
        await api.merge_patch(path, {"status": {"phase": "Dancing"}})
    raw = await api.get(paths.single(resource.kind, resource.key))
    assert raw["status"].get("message") != "hello"


async def test_the_mark_comes_back_as_written_and_moves_the_version(
    objects: KubeObjects, resource: Resource
) -> None:
    mark = Mark(
        uid=resource.uid,
        attempt=3,
        server_id=SERVER,
        endpoint="https://nova.example",
        region="one",
        user_id="u",
        project_id="p",
        nova_time=NOW.replace(microsecond=0),
    )
    stored = await objects.mark(resource, mark)
    assert marks.decode(stored.annotations[marks.ANNOTATION]) == mark
    assert stored.resource_version != resource.resource_version
    await objects.write_status(stored, changed(stored.status, message="claimed"))


async def test_lists_sort_the_objects_by_phase_and_server(
    api: Api, kubernetes: ControlPlane, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serveractions.kube.status.PAGE", 3)  # so that there are several
    names = [f"a{number}" for number in range(8)]
    created = create(
        kubernetes,
        *(manifest(namespace, name) for name in names),
        manifest(namespace, "reset", kind=BY_NAME["ServerNetworkReset"]),
    )
    elsewhere = create(kubernetes, manifest(new_namespace(kubernetes), "elsewhere"))[0]
    here = KubeObjects(api=api, namespaces=[namespace])
    everywhere = KubeObjects(api=api)
    ends = [Phase.SUCCEEDED, Phase.FAILED, Phase.CANCELLED]
    for resource, phase in zip(created[:3], ends, strict=True):
        server = ServerStatus(id=f"{namespace}-server")
        await here.write_status(resource, changed(resource.status, phase=phase, server=server))
    running = changed(created[3].status, phase=Phase.RUNNING, server=ServerStatus(id=namespace))
    await here.write_status(created[3], running)

    unfinished = await here.unfinished()
    assert sorted(item.name for item in unfinished) == [*names[3:], "reset"]
    assert {item.kind for item in unfinished} == {STATE_RESET, BY_NAME["ServerNetworkReset"]}
    finished = [item.name async for page in await here.finished() for item in page]
    assert sorted(finished) == names[:3]
    server = f"{namespace}-server"
    assert {r.name for r in await here.of_server(STATE_RESET, server)} == set(names[:3])
    assert await here.of_server(BY_NAME["ServerNetworkReset"], server) == []
    assert await here.of_server(STATE_RESET, "nobody, or=else\\") == []
    everything = {item.key for item in await everywhere.unfinished()}
    assert elsewhere.key in everything
    assert {item.key for item in unfinished} <= everything


async def test_an_object_is_deleted_once_and_only_in_the_version_that_was_seen(
    objects: KubeObjects, resource: Resource
) -> None:
    await objects.delete(resource)
    with pytest.raises(ObjectGone):
        await objects.delete(resource)
    with pytest.raises(ObjectGone):
        await objects.read(resource.key)


async def test_every_kind_can_be_read_and_written(
    objects: KubeObjects, kubernetes: ControlPlane, namespace: str
) -> None:
    simple = [kind for kind in KINDS if kind.name.startswith(("ServerNetwork", "ServerState"))]
    for item in create(kubernetes, *(manifest(namespace, "x", kind=kind) for kind in simple)):
        stored = await objects.write_status(item, changed(item.status, message="hello"))
        assert (await objects.read(item.key)).status == stored.status


async def test_the_clock_of_the_api_server_is_known_from_its_answers(
    objects: KubeObjects, resource: Resource
) -> None:
    await objects.read(resource.key)

    age = (objects.server_time() - resource.created).total_seconds()

    assert -2 <= age <= 60
