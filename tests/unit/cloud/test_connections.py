"""Secrets become clouds: read rarely, shared where equal, never longer than their token lasts."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
import yaml
from aiohttp import web

from serveractions.actions.action import NovaRequest
from serveractions.api.spec import CloudCredentialsRef, ServerRef
from serveractions.cloud.circuit import IN_A_ROW
from serveractions.cloud.connections import SECRET_AGE, Connections
from serveractions.cloud.nova import NovaCloud
from serveractions.config import Config
from serveractions.core.errors import (
    CloudUnavailable,
    InvalidCredentials,
    NeverSent,
    SecretMissing,
    UnsupportedCloud,
)
from serveractions.core.ports import Secret
from unit.cloud.openstack import PROJECT, SERVER, USER, OpenStack, cloud, server

pytestmark = [
    pytest.mark.timeout(10),
    # openstacksdk 4.22 uses its own deprecated argument (proxy.py).
    pytest.mark.filterwarnings("ignore:The 'service_type' parameter"),
]

REF = CloudCredentialsRef(secret_name="openstack", cloud_name="it")
LABEL = {"serveractions.dev/usable-as": "password"}


class Kube:
    """Secrets by namespace and name."""

    def __init__(self) -> None:
        self.secrets: dict[tuple[str, str], Secret] = {}
        self.reads = 0

    def put(
        self, data: Mapping[str, bytes], *, namespace: str = "ns", version: str = "1", **more: Any
    ) -> None:
        self.secrets[namespace, "openstack"] = Secret(
            uid=f"uid-{namespace}", resource_version=version, data=data, **more
        )

    async def read(self, namespace: str, name: str) -> Secret | None:
        self.reads += 1
        return self.secrets.get((namespace, name))


class Time:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def clouds_yaml(url: str, *, user: str = "u", **more: Any) -> dict[str, bytes]:
    auth = {
        "auth_url": f"{url}/identity/v3",
        "username": user,
        "password": "s3cret",
        "project_name": "p",
        "user_domain_id": "default",
        "project_domain_id": "default",
    }
    return {"clouds.yaml": yaml.safe_dump({"clouds": {"it": {"auth": auth} | more}}).encode()}


@asynccontextmanager
async def world(
    **config: Any,
) -> AsyncIterator[tuple[OpenStack, Kube, Connections, Time]]:
    clock, kube = Time(), Kube()
    async with cloud() as it:
        kube.put(clouds_yaml(it.url))
        connections = Connections(
            config=Config(**{"read_timeout": 2.0} | config), secrets=kube, clock=clock
        )
        it.answers[f"/compute/v2.1/servers/{SERVER}"] = lambda _: {"server": server()}
        try:
            yield it, kube, connections, clock
        finally:
            await connections.close()


async def test_a_cloud_says_where_and_as_whom_it_acts() -> None:
    async with world() as (it, _, connections, _):
        found = await connections.open("ns", REF)
    assert found.newest == "2.96"
    identity = found.identity
    assert (identity.endpoint, identity.user_id, identity.project_id) == (
        f"{it.url}/compute/v2.1",
        USER,
        PROJECT,
    )
    assert (identity.secret_uid, identity.secret_resource_version) == ("uid-ns", "1")


async def test_opening_again_costs_nothing() -> None:
    async with world() as (it, kube, connections, _):
        await asyncio.gather(*(connections.open("ns", REF) for _ in range(20)))
        asked = len(it.asked)
        await connections.open("ns", REF)
        assert (kube.reads, it.tokens, len(it.asked)) == (1, 1, asked)


async def test_equal_secrets_of_two_namespaces_share_one_token_and_others_do_not() -> None:
    async with world() as (it, kube, connections, _):
        kube.put(clouds_yaml(it.url), namespace="equal")
        kube.put(clouds_yaml(it.url, user="v"), namespace="other")
        for namespace in ("ns", "equal", "other"):
            found = await connections.open(namespace, REF)
            assert found.identity.secret_uid == f"uid-{namespace}"
        assert it.tokens == 2


async def test_a_changed_secret_is_seen_after_a_few_seconds() -> None:
    async with world() as (it, kube, connections, clock):
        await connections.open("ns", REF)
        kube.put(clouds_yaml(it.url, user="v"), version="2")
        assert (await connections.open("ns", REF)).identity.secret_resource_version == "1"
        clock.now += SECRET_AGE + 1
        assert (await connections.open("ns", REF)).identity.secret_resource_version == "2"
        assert it.tokens == 2


async def test_a_broken_secret_is_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async with world() as (_, kube, connections, _):
        kube.put({"clouds.yaml": b"[]"})
        with pytest.raises(InvalidCredentials) as first:
            await connections.open("ns", REF)
        monkeypatch.delattr("serveractions.cloud.connections.read_clouds")
        with pytest.raises(InvalidCredentials) as again:
            await connections.open("ns", REF)
        assert str(first.value) == str(again.value)


async def test_a_missing_secret_is_found_as_soon_as_it_is_there() -> None:
    async with world() as (_, kube, connections, _):
        kept = kube.secrets.pop(("ns", "openstack"))
        with pytest.raises(SecretMissing, match="openstack"):
            await connections.open("ns", REF)
        kube.secrets["ns", "openstack"] = kept
        await connections.open("ns", REF)


async def test_a_token_that_ends_soon_is_renewed_before_it_is_used() -> None:
    async with world() as (it, _, connections, _):
        it.token_life = timedelta(seconds=100)
        await connections.open("ns", REF)
        before = it.tokens
        await connections.open("ns", REF)
        assert it.tokens > before


async def test_a_read_whose_token_was_revoked_logs_in_again_once() -> None:
    async with world() as (it, _, connections, _):
        it.valid_tokens = set()
        found = await connections.open("ns", REF)
        it.valid_tokens.clear()
        await found.find_server(ServerRef(id=SERVER))
        assert it.tokens == 2


async def test_a_token_that_is_never_accepted_is_unavailable_not_missing() -> None:
    async with world() as (it, _, connections, _):
        found = await connections.open("ns", REF)
        it.answers[f"/compute/v2.1/servers/{SERVER}"] = lambda _: (401, {})
        with pytest.raises(CloudUnavailable, match="401"):
            await found.find_server(ServerRef(id=SERVER))
        assert it.paths() == [f"/compute/v2.1/servers/{SERVER}"] * 2


async def test_a_refused_password_is_not_tried_again_at_once() -> None:
    asked: list[bool] = []

    def refuse() -> web.Response:
        asked.append(True)
        return web.json_response({"error": {"message": "no", "code": 401}}, status=401)

    async with world() as (it, _, connections, _):
        it.keystone = refuse
        for _ in range(3):
            with pytest.raises(CloudUnavailable, match="refuses the credentials") as caught:
                await connections.open("ns", REF)
        assert asked == [True]
        assert caught.value.retry_after
        assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("path", ["", "/v3", "/v3/"])
async def test_a_login_is_one_request_whatever_the_auth_url_ends_with(path: str) -> None:
    async with world() as (it, kube, connections, _):
        text = clouds_yaml(it.url)["clouds.yaml"]
        kube.put({"clouds.yaml": text.replace(b"/identity/v3", b"/identity" + path.encode())})
        await connections.open("ns", REF)
        asked = [request.path for request in it.asked]
        assert asked == ["/identity/v3/auth/tokens", "/compute/v2.1/"]


@pytest.mark.parametrize(
    ("given", "user", "project"),
    [
        ({"default_domain_id": "a"}, {"id": "a"}, {"id": "a"}),
        ({"default_domain_name": "A"}, {"name": "A"}, {"name": "A"}),
        ({"default_domain_id": "a", "user_domain_id": "b"}, {"id": "b"}, {"id": "a"}),
        ({"default_domain_name": "A", "project_domain_name": "C"}, {"name": "A"}, {"name": "C"}),
    ],
)
async def test_a_default_domain_stands_for_what_is_not_named(
    given: dict[str, str], user: dict[str, str], project: dict[str, str]
) -> None:
    async with world() as (it, kube, connections, _):
        auth = {"auth_url": f"{it.url}/identity/v3", "username": "u", "password": "p"}
        cloud_ = {"auth": auth | {"project_name": "p"} | given}
        kube.put({"clouds.yaml": yaml.safe_dump({"clouds": {"it": cloud_}}).encode()})
        await connections.open("ns", REF)
        sent = it.logins[0]["auth"]
        assert sent["identity"]["password"]["user"]["domain"] == user
        assert sent["scope"]["project"]["domain"] == project


async def test_a_keystone_in_trouble_says_when_to_come_again() -> None:
    async with world() as (it, _, connections, _):
        it.keystone = lambda: web.Response(status=503, headers={"Retry-After": "11"})
        with pytest.raises(CloudUnavailable, match="503") as caught:
            await connections.open("ns", REF)
        assert caught.value.retry_after == 11


async def test_a_keystone_that_answers_nonsense_is_unavailable() -> None:
    async with world() as (it, _, connections, _):
        for body in (b"", b"[" * 10_000, b'{"token": []}', b'{"token": {"user": 1}}'):
            it.keystone = lambda body=body: web.Response(  # type: ignore[misc]
                status=201, body=body, headers={"X-Subject-Token": "t"}
            )
            with pytest.raises((CloudUnavailable, InvalidCredentials)):
                await connections.open("ns", REF)


async def test_nobody_listening_is_unavailable() -> None:
    async with world() as (_, kube, connections, _):
        kube.put(clouds_yaml("http://127.0.0.1:1"))
        with pytest.raises(CloudUnavailable, match="refuses connections"):
            await connections.open("ns", REF)


async def test_a_nova_below_the_floor_is_not_supported() -> None:
    async with world() as (it, _, connections, _):
        it.newest = "2.60"
        with pytest.raises(UnsupportedCloud, match=r"2\.65"):
            await connections.open("ns", REF)


async def test_a_region_without_nova_is_not_supported_in_words_that_help() -> None:
    async with world() as (it, kube, connections, _):
        kube.put(clouds_yaml(it.url, region_name="Elsewhere"))
        with pytest.raises(UnsupportedCloud, match="Elsewhere"):
            await connections.open("ns", REF)


async def test_a_catalogue_may_not_lead_to_an_address_that_is_not_allowed() -> None:
    async with cloud() as elsewhere, world() as (it, kube, _, _):
        it.urls["compute"] = f"{elsewhere.url}/compute/v2.1"
        narrow = Connections(
            config=Config(allowed_urls=(f"{it.url}/identity",), read_timeout=2.0), secrets=kube
        )
        with pytest.raises(InvalidCredentials, match="allowed_urls"):
            await narrow.open("ns", REF)
        await narrow.close()
        assert elsewhere.asked == []


async def test_a_read_is_never_redirected() -> None:
    async with cloud() as elsewhere, world() as (it, _, connections, _):
        found = await connections.open("ns", REF)
        there = {"Location": f"{elsewhere.url}/compute/v2.1/servers/{SERVER}"}
        it.answers[f"/compute/v2.1/servers/{SERVER}"] = lambda _: web.Response(
            status=302, headers=there
        )
        with pytest.raises(CloudUnavailable, match="302"):
            await found.find_server(ServerRef(id=SERVER))
        assert elsewhere.asked == []


async def test_a_read_without_an_answer_ends_in_time_and_is_not_repeated() -> None:
    async with world(read_timeout=0.3) as (it, _, connections, _):
        found = await connections.open("ns", REF)
        over = asyncio.Event()

        async def never(_: web.Request) -> web.Response:
            await over.wait()
            return web.Response()

        it.answers[f"/compute/v2.1/servers/{SERVER}"] = never
        with pytest.raises(CloudUnavailable, match="in time"):
            await found.find_server(ServerRef(id=SERVER))
        over.set()
        assert len(it.paths()) == 1


async def test_an_endless_answer_is_cut() -> None:
    async with world() as (it, _, connections, _):
        found = await connections.open("ns", REF)

        async def pour(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse()
            await response.prepare(request)
            try:
                while True:
                    await response.write(b"x" * 1_000_000)
            except ConnectionError:
                return response

        it.answers[f"/compute/v2.1/servers/{SERVER}"] = pour
        with pytest.raises(CloudUnavailable, match="longer than"):
            await found.find_server(ServerRef(id=SERVER))


async def send(found: NovaCloud) -> int:
    request = NovaRequest(
        name="os-resetState",
        method="POST",
        path=f"/servers/{SERVER}/action",
        body={"os-resetState": {"state": "active"}},
        microversion="2.65",
    )
    return (await found.send(request, uid="u", deadline=2, may_send=lambda: True)).status


async def test_a_write_is_never_repeated_with_a_new_token_but_the_next_one_has_it() -> None:
    async with world() as (it, _, connections, _):
        it.valid_tokens = set()
        found = await connections.open("ns", REF)
        it.answers[f"/compute/v2.1/servers/{SERVER}/action"] = lambda _: web.Response(status=202)
        it.valid_tokens.clear()
        assert await send(found) == 401
        assert await send(found) == 202
        posts = [one for one in it.asked if one.path.endswith("/action")]
        assert (len(posts), it.tokens) == (2, 2)


async def test_a_write_without_a_token_was_never_sent() -> None:
    async with world() as (it, _, connections, _):
        it.token_life = timedelta(seconds=100)
        found = await connections.open("ns", REF)
        it.keystone = lambda: web.Response(status=500)
        with pytest.raises(NeverSent):
            await send(found)


async def test_a_write_does_not_follow_credentials_to_another_endpoint() -> None:
    async with cloud() as elsewhere, world() as (it, _, connections, _):
        it.token_life = timedelta(seconds=100)
        found = await connections.open("ns", REF)
        it.urls["compute"] = f"{elsewhere.url}/compute/v2.1"
        with pytest.raises(NeverSent, match="another endpoint"):
            await send(found)


async def test_a_password_loses_one_newline_at_its_end() -> None:
    async with world() as (_, kube, connections, _):
        kube.put({"key": b" pass\n\n"}, labels=LABEL)
        assert await connections.password("ns", "openstack", "key") == " pass\n"


@pytest.mark.parametrize(
    ("data", "labels", "words"),
    [
        ({"key": b"pass"}, {}, "usable-as"),
        ({"key": b"pass"}, {"serveractions.dev/usable-as": "yes"}, "usable-as"),
        ({"key": b"\n"}, LABEL, "empty"),
        ({"key": b"\xff"}, LABEL, "UTF-8"),
    ],
)
async def test_a_password_that_may_not_be_used_is_refused(
    data: dict[str, bytes], labels: dict[str, str], words: str
) -> None:
    async with world() as (_, kube, connections, _):
        kube.put(data, labels=labels)
        with pytest.raises(InvalidCredentials, match=words):
            await connections.password("ns", "openstack", "key")


async def test_a_password_that_is_not_there_yet_is_waited_for() -> None:
    async with world() as (_, kube, connections, _):
        kube.put({}, labels=LABEL)
        with pytest.raises(SecretMissing, match="key"):
            await connections.password("ns", "openstack", "key")
        with pytest.raises(SecretMissing):
            await connections.password("ns", "other", "key")


@pytest.mark.parametrize(
    "labels",
    [
        {"serveractions.dev/usable-as": "Password"},
        {"serveractions.dev/usable-as": ""},
        {"serveractions.dev/usable-as": "true"},
        {"serveractions.dev/usable_as": "password"},
        {"usable-as": "password"},
        {"password": "serveractions.dev/usable-as"},
    ],
)
async def test_only_the_one_label_with_the_one_value_makes_a_password(
    labels: dict[str, str],
) -> None:
    async with world() as (_, kube, connections, _):
        kube.put({"key": b"s3cret"}, labels=labels)
        with pytest.raises(InvalidCredentials, match="usable-as"):
            await connections.password("ns", "openstack", "key")


async def test_a_label_that_is_taken_away_counts_at_once() -> None:
    async with world() as (_, kube, connections, _):
        kube.put({"key": b"s3cret"}, labels=LABEL)
        assert await connections.password("ns", "openstack", "key") == "s3cret"
        kube.put({"key": b"s3cret"}, version="2")
        with pytest.raises(InvalidCredentials, match="usable-as"):
            await connections.password("ns", "openstack", "key")


async def test_label_and_value_are_of_the_same_version_of_the_secret() -> None:
    async with world() as (_, kube, connections, _):
        kube.put({"key": b"for a server"}, labels=LABEL)
        before = kube.reads
        reading = asyncio.create_task(connections.password("ns", "openstack", "key"))
        await asyncio.sleep(0)  # it has read the Secret
        kube.put({"key": b"of a person"}, version="2")
        assert await reading == "for a server"
        assert kube.reads == before + 1


@pytest.mark.parametrize(
    "value", [b"\xff\xfes3cret", b"s3cret\xc3", b"\x80s3cret", b"\xed\xa0\x80s3cret"]
)
async def test_a_key_that_is_no_text_is_refused_without_being_shown(value: bytes) -> None:
    async with world() as (_, kube, connections, _):
        kube.put({"key": value}, labels=LABEL)
        with pytest.raises(InvalidCredentials) as caught:
            await connections.password("ns", "openstack", "key")
        assert "s3cret" not in str(caught.value)
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__


async def test_the_credentials_of_a_cloud_are_no_password() -> None:
    async with world() as (_, _, connections, _):
        with pytest.raises(InvalidCredentials, match="usable-as"):
            await connections.password("ns", "openstack", "clouds.yaml")


async def test_a_password_is_no_credentials_of_a_cloud() -> None:
    async with world() as (_, kube, connections, _):
        kube.put({"key": b"s3cret"}, labels=LABEL)
        with pytest.raises(SecretMissing, match=r"clouds\.yaml") as caught:
            await connections.open("ns", REF)
        assert "s3cret" not in str(caught.value)


async def test_a_silent_cloud_is_waited_for_by_one_and_costs_the_others_no_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for pause in ("FIRST_PAUSE", "LONGEST_PAUSE"):
        monkeypatch.setattr(f"serveractions.cloud.circuit.{pause}", 1000.0)
    async with world(read_timeout=0.3) as (it, _, connections, _):
        found = await connections.open("ns", REF)
        over = asyncio.Event()

        async def never(_: web.Request) -> web.Response:
            await over.wait()
            return web.Response()

        it.answers[f"/compute/v2.1/servers/{SERVER}"] = never
        looks = (found.find_server(ServerRef(id=SERVER)) for _ in range(IN_A_ROW))
        first = await asyncio.gather(*looks, return_exceptions=True)
        assert all(isinstance(each, CloudUnavailable) for each in first)
        for _ in range(20):
            with pytest.raises(CloudUnavailable, match="in time") as caught:
                await found.find_server(ServerRef(id=SERVER))
            assert caught.value.retry_after
        assert len(it.paths()) == IN_A_ROW
        over.set()


async def test_a_cloud_that_answers_again_is_found_out_about() -> None:
    async with world(read_timeout=0.3) as (it, _, connections, _):
        found = await connections.open("ns", REF)
        over = asyncio.Event()

        async def once(_: web.Request) -> Any:
            await over.wait()
            return {"server": server()}

        it.answers[f"/compute/v2.1/servers/{SERVER}"] = once
        looks = (found.find_server(ServerRef(id=SERVER)) for _ in range(IN_A_ROW))
        await asyncio.gather(*looks, return_exceptions=True)
        over.set()
        async with asyncio.timeout(5):
            while True:
                try:
                    await found.find_server(ServerRef(id=SERVER))
                except CloudUnavailable:
                    await asyncio.sleep(0.02)
                else:
                    break
