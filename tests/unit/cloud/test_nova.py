"""What Nova and Glance answer, read without adding or losing a fact."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web

from serveractions.api.spec import ServerRef
from serveractions.cloud import records
from serveractions.cloud.connections import Connections
from serveractions.cloud.nova import NovaCloud
from serveractions.config import Config
from serveractions.core.errors import AmbiguousName, CloudUnavailable, Forbidden, NotFound
from unit.cloud.openstack import (
    ACTION,
    IMAGE,
    OTHER,
    PROJECT,
    SERVER,
    OpenStack,
    cloud,
    image,
    migration,
    server,
)
from unit.cloud.test_connections import REF, Kube, clouds_yaml

pytestmark = [
    pytest.mark.timeout(10),
    # openstacksdk 4.22 uses its own deprecated argument (proxy.py).
    pytest.mark.filterwarnings("ignore:The 'service_type' parameter"),
]

NOVA = "/compute/v2.1"
ONE, DETAIL = f"{NOVA}/servers/{SERVER}", f"{NOVA}/servers/detail"
ACTIONS, MIGRATIONS = f"{ONE}/os-instance-actions", f"{NOVA}/os-migrations"
IMAGES = "/image/v2/images"
OLD, NEW = "01de47ed-f6a9-463b-b423-14b9cca9ad27", "0e3147ed-f6a9-463b-b423-14b9cca9ad27"


@pytest.fixture
async def it() -> AsyncIterator[OpenStack]:
    async with cloud() as served:
        yield served


@pytest.fixture
async def nova(it: OpenStack) -> AsyncIterator[NovaCloud]:
    kube = Kube()
    kube.put(clouds_yaml(it.url))
    connections = Connections(config=Config(read_timeout=2.0), secrets=kube)
    yield await connections.open("ns", REF)
    await connections.close()


def microversions(it: OpenStack, path: str) -> list[str | None]:
    return [one.headers.get("OpenStack-API-Version") for one in it.asked if one.path == path]


async def test_a_server_is_read_with_novas_clock(it: OpenStack, nova: NovaCloud) -> None:
    date = {"Date": "Thu, 20 Aug 2026 10:00:01 GMT"}
    body = {"server": server(**{"OS-EXT-STS:task_state": "migrating", "status": "MIGRATING"})}
    it.answers[ONE] = lambda _: web.json_response(body, headers=date)
    found, now = await nova.find_server(ServerRef(id=SERVER))
    assert now == datetime(2026, 8, 20, 10, 0, 1, tzinfo=UTC)
    assert (found.status, found.task_state, found.host) == ("MIGRATING", "migrating", "compute-1")
    assert microversions(it, ONE) == ["compute 2.73"]


async def test_an_older_nova_is_asked_at_its_own_version(it: OpenStack) -> None:
    it.newest = "2.65"
    it.answers[ONE] = lambda _: {"server": server()}
    kube = Kube()
    kube.put(clouds_yaml(it.url))
    connections = Connections(config=Config(), secrets=kube)
    await (await connections.open("ns", REF)).find_server(ServerRef(id=SERVER))
    await connections.close()
    assert microversions(it, ONE) == ["compute 2.65"]


async def test_a_name_is_found_exactly_and_in_the_own_project(
    it: OpenStack, nova: NovaCloud
) -> None:
    def answer(request: web.Request) -> Any:
        assert dict(request.query) == {"name": r"^web\.1 \(a\)$", "limit": "200"}
        return {"servers": [server(name="web.1 (a)"), server(OTHER, name="WEB.1 (A)")]}

    it.answers[DETAIL] = answer
    found, _ = await nova.find_server(ServerRef(name="web.1 (a)"))
    assert found.id == SERVER


async def test_a_name_that_no_server_has_is_not_found(it: OpenStack, nova: NovaCloud) -> None:
    it.answers[DETAIL] = lambda _: {"servers": [server(name="web-10")]}
    with pytest.raises(NotFound, match="web-1"):
        await nova.find_server(ServerRef(name="web-1"))


async def test_a_name_that_two_servers_have_lists_their_ids(it: OpenStack, nova: NovaCloud) -> None:
    def answer(request: web.Request) -> Any:
        if "marker" in request.query:
            return {"servers": [server(OTHER)]}
        return {"servers": [server()], "servers_links": [{"rel": "next", "href": "x"}]}

    it.answers[DETAIL] = answer
    with pytest.raises(AmbiguousName) as caught:
        await nova.find_server(ServerRef(name="web-1"))
    assert SERVER in str(caught.value)
    assert OTHER in str(caught.value)


async def test_changes_of_thousands_of_servers_are_read_to_their_end(
    it: OpenStack, nova: NovaCloud
) -> None:
    pages, last = iter(range(30)), 29

    def answer(_: web.Request) -> Any:
        found = SERVER if next(pages) == last else OTHER
        more = {} if found == SERVER else {"servers_links": [{"rel": "next", "href": "x"}]}
        return {"servers": [server(found)]} | more

    it.answers[DETAIL] = answer
    found, _ = await nova.changed_servers(datetime.now(UTC), {SERVER})
    assert [each.id for each in found] == [SERVER]
    assert len(it.paths()) == last + 1


def lists(it: OpenStack, *, refuse: str | None = None) -> None:
    """Answer the lists of changes with nothing; a 403 where a parameter is given."""
    for path, rows in ((DETAIL, "servers"), (MIGRATIONS, "migrations")):
        it.answers[path] = lambda request, rows=rows: (
            (403, {"forbidden": {"message": "no"}}) if refuse in request.query else {rows: []}
        )


async def view(it: OpenStack, **more: Any) -> Any:
    """Read the lists of changes with credentials of one's own; return what they show."""
    kube = Kube()
    kube.put(clouds_yaml(it.url, **more))
    connections = Connections(config=Config(allow_insecure_tls=True), secrets=kube)
    nova = await connections.open("ns", REF)
    assert nova.view is None, "nothing has shown yet what they may list"
    await nova.changed_servers(datetime.now(UTC), ())
    await nova.changed_migrations(datetime.now(UTC), ())
    await connections.close()
    return nova.view


async def test_credentials_that_may_list_the_same_have_one_view(it: OpenStack) -> None:
    lists(it)
    of_all = await view(it)
    assert of_all is not None
    assert await view(it) == of_all
    lists(it, refuse="all_tenants")
    assert await view(it) != of_all


async def test_who_trusts_other_certificates_has_a_view_of_its_own(it: OpenStack) -> None:
    lists(it)
    assert await view(it, verify=False) != await view(it)


def test_a_row_of_a_cell_that_is_down_is_partial() -> None:
    row = {"id": SERVER, "status": "UNKNOWN", "tenant_id": PROJECT, "links": []}
    found = records.server(row)
    assert found.partial
    assert not records.server(server(status="UNKNOWN")).partial


def test_a_server_without_an_image_is_volume_backed() -> None:
    assert records.server(server(image="")).volume_backed
    assert not records.server(server()).volume_backed


def test_a_fault_is_plain_words_without_details() -> None:
    fault = {"code": 500, "message": "No valid\nhost &lt;x&gt;", "details": "Traceback"}
    assert records.server(server(status="ERROR", fault=fault)).fault == "No valid host <x>"


def test_a_server_without_an_id_is_no_server() -> None:
    with pytest.raises(records.BadRecordError):
        records.server({"status": "ACTIVE"})


def test_times_without_a_zone_are_utc() -> None:
    found = records.migration(migration(1, OTHER, "2026-08-20T10:00:00.250000"))
    assert found.created == datetime(2026, 8, 20, 10, 0, 0, 250000, tzinfo=UTC)


async def test_actions_come_newest_first(it: OpenStack, nova: NovaCloud) -> None:
    def row(request_id: str, start: str) -> dict[str, Any]:
        return {"action": "migrate", "request_id": request_id, "start_time": start}

    it.answers[ACTIONS] = lambda _: {
        "instanceActions": [row("req-old", "2026-08-20T09:00:00"), row("req-new", "2026-08-20T10")]
    }
    found = await nova.instance_actions(SERVER)
    assert [one.request_id for one in found] == ["req-new", "req-old"]
    assert found[0].events is None
    assert microversions(it, ACTIONS) == ["compute 2.84"]


async def test_an_action_comes_with_its_events(it: OpenStack, nova: NovaCloud) -> None:
    events = [
        {"event": "cold_migrate", "result": "Error", "finish_time": "x", "details": "No host"},
        {"event": "compute_prep_resize", "result": None, "finish_time": None},
    ]
    it.answers[f"{ACTIONS}/{ACTION}"] = lambda _: {
        "instanceAction": {
            "action": "migrate",
            "request_id": ACTION,
            "start_time": "2026-08-20T10:00:00.000000",
            "message": "Error",
            "events": events,
        }
    }
    found = await nova.instance_action(SERVER, ACTION)
    assert found is not None
    assert found.events is not None
    assert [(one.name, one.result, one.finished, one.details) for one in found.events] == [
        ("cold_migrate", "Error", True, "No host"),
        ("compute_prep_resize", None, False, None),
    ]


async def test_an_action_that_is_not_there_yet_is_none(nova: NovaCloud) -> None:
    assert await nova.instance_action(SERVER, ACTION) is None


async def test_a_manager_is_asked_for_the_own_project_and_that_is_remembered(
    it: OpenStack, nova: NovaCloud
) -> None:
    asked: list[dict[str, str]] = []

    def answer(request: web.Request) -> Any:
        asked.append(dict(request.query))
        if "project_id" not in request.query:
            return 403, {"forbidden": {"message": "Policy doesn't allow ...:all_projects"}}
        rows = [
            migration(1, OLD, "2026-08-20T10:00:00"),
            migration(2, NEW, "2026-08-20T11:00:00"),
            migration(3, OTHER, "2026-08-20T12:00:00", instance_uuid=OTHER),
        ]
        return {"migrations": rows}

    it.answers[MIGRATIONS] = answer
    for _ in range(2):
        assert [one.uuid for one in await nova.migrations(SERVER)] == [NEW, OLD]
    own = {"instance_uuid": SERVER, "project_id": PROJECT}
    assert asked == [{"instance_uuid": SERVER}, own, own]


async def test_a_member_learns_which_rule_hides_the_migrations(
    it: OpenStack, nova: NovaCloud
) -> None:
    words = "Policy doesn't allow os_compute_api:os-migrations:index to be performed."
    it.answers[MIGRATIONS] = lambda _: (403, {"forbidden": {"code": 403, "message": words}})
    with pytest.raises(Forbidden, match="os-migrations:index"):
        await nova.migrations(SERVER)


@pytest.mark.parametrize("status", [301, 400, 406, 429, 500, 503])
async def test_an_answer_that_says_nothing_about_the_server_is_unavailable(
    it: OpenStack, nova: NovaCloud, status: int
) -> None:
    it.answers[ONE] = lambda _: web.Response(status=status, headers={"Retry-After": "3"})
    with pytest.raises(CloudUnavailable, match=str(status)) as caught:
        await nova.find_server(ServerRef(id=SERVER))
    assert caught.value.retry_after == 3


@pytest.mark.parametrize("body", [[], {"server": None}, {"server": {}}, "x", {}])
async def test_an_answer_that_is_no_server_is_unavailable(
    it: OpenStack, nova: NovaCloud, body: Any
) -> None:
    it.answers[ONE] = lambda _: (200, body)
    with pytest.raises(CloudUnavailable):
        await nova.find_server(ServerRef(id=SERVER))


async def test_only_ids_go_into_paths(it: OpenStack, nova: NovaCloud) -> None:
    before = len(it.asked)
    for server_id, request_id in ((f"{SERVER}/../x", ACTION), (SERVER, "../../os-services")):
        assert await nova.instance_action(server_id, request_id) is None
    with pytest.raises(NotFound):
        await nova.server("../os-services")
    assert await nova.image("../../v2/tasks") is None
    assert len(it.asked) == before


async def test_a_running_migration_shows_its_bytes(it: OpenStack, nova: NovaCloud) -> None:
    row = {"id": 7, "memory_total_bytes": 100, "memory_remaining_bytes": 40}
    it.answers[f"{ONE}/migrations"] = lambda _: {"migrations": [row]}
    found = await nova.progress(records.server(server(progress=60)))
    assert found is not None
    assert (found.percent, found.memory_total_bytes, found.memory_remaining_bytes) == (60, 100, 40)
    it.answers[f"{ONE}/migrations"] = lambda _: {"migrations": []}
    assert await nova.progress(records.server(server())) is None


async def test_backups_are_those_of_the_server_and_type_newest_first(
    it: OpenStack, nova: NovaCloud
) -> None:
    def answer(request: web.Request) -> Any:
        if "marker" in request.query:
            return {"images": [image(NEW, "2026-08-20T11:00:00Z")]}
        rows = [
            image(OLD, "2026-08-20T10:00:00Z"),
            image(OTHER, "2026-08-20T12:00:00Z", backup_type="weekly"),
        ]
        return {"images": rows, "next": f"/v2/images?marker={OTHER}"}

    it.answers[IMAGES] = answer
    found = await nova.backups(SERVER, "daily")
    assert [one.id for one in found] == [NEW, OLD]
    assert found[0].properties["serveractions.uid"] == "u-1"
    assert "owner" not in found[0].properties


async def test_an_image_that_is_gone_is_none_and_deleting_it_again_is_fine(
    it: OpenStack, nova: NovaCloud
) -> None:
    assert await nova.image(IMAGE) is None
    await nova.delete_image(IMAGE)
    it.answers[f"{IMAGES}/{IMAGE}"] = lambda _: image(IMAGE, "2026-08-20T11:00:00Z")
    found = await nova.image(IMAGE)
    assert found is not None
    assert (found.id, found.status, found.size) == (IMAGE, "active", 1024)
