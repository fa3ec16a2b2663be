"""What every answer carries, and how Nova, Glance and Keystone refuse."""

import re
import time
import uuid
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from contract.client import message
from contract.clouds import Cloud

REQUEST_ID = re.compile(r"req-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
GONE = "This resource is no longer available. No forwarding address is given."
LIVE = {"os-migrateLive": {"host": None, "block_migration": "auto"}}
BACKUP = {"createBackup": {"name": "b", "backup_type": "t", "rotation": 1}}
MIGRATE = {"migrate": None}
TO_HOST = {"migrate": {"host": "host2"}}
LIVE_TO_HOST = {"os-migrateLive": {"host": "host2", "block_migration": "auto"}}
PASSWORD = {"changePassword": {"adminPass": "new"}}
RESET = {"os-resetState": {"state": "active"}}
INJECT = {"injectNetworkInfo": None}
RESET_NETWORK = {"resetNetwork": None}


def test_every_answer_names_its_request_and_the_time(cloud: Cloud) -> None:
    server = cloud.still
    given = f"req-{uuid.uuid4()}"
    for method, path, body in (
        ("GET", f"/servers/{server}", None),
        ("GET", f"/servers/{uuid.uuid4()}", None),
        ("POST", f"/servers/{server}/action", RESET_NETWORK),
        ("POST", f"/servers/{server}/action", INJECT),
    ):
        headers = {"X-Openstack-Request-Id": given}
        answer = cloud.admin.ask(method, path, body, **headers)
        own = answer.headers["x-compute-request-id"]
        assert REQUEST_ID.fullmatch(own)
        assert own != given, "a global id is never given back"
        assert answer.headers["x-openstack-request-id"] == own
        assert abs(parsedate_to_datetime(answer.headers["Date"]).timestamp() - time.time()) < 5


def test_an_answer_tells_its_microversion(cloud: Cloud) -> None:
    path = f"/servers/{cloud.still}"
    answer = cloud.admin.ask("GET", path, version="2.65")
    assert answer.headers["OpenStack-API-Version"] == "compute 2.65"
    assert answer.headers["X-OpenStack-Nova-API-Version"] == "2.65"
    assert "OpenStack-API-Version" in answer.headers["Vary"]
    assert "locked" in answer.json()["server"]
    assert "locked_reason" not in answer.json()["server"]
    answer = cloud.admin.ask("GET", path, version=None)
    assert answer.headers["OpenStack-API-Version"] == "compute 2.1"
    assert "locked" not in answer.json()["server"]
    header = {"X-OpenStack-Nova-API-Version": "2.24"}
    answer = cloud.admin.ask("GET", path, version=None, **header)
    assert answer.headers["OpenStack-API-Version"] == "compute 2.24"


def test_a_microversion_can_be_too_new_or_no_number(cloud: Cloud) -> None:
    path = f"/servers/{cloud.still}"
    answer = cloud.admin.ask("GET", path, version="2.999")
    assert answer.status_code == 406
    fault = answer.json()["computeFault"]
    assert re.fullmatch(
        r"Version 2\.999 is not supported by the API\. Minimum is 2\.1 and maximum is 2\.\d+\.",
        fault["message"],
    )
    answer = cloud.admin.ask("GET", path, version="2.x")
    assert message(answer) == (
        400,
        "badRequest",
        "API Version String 2.x is of invalid format. Must be of format MajorNum.MinorNum.",
    )


def test_nova_tells_which_microversions_it_speaks(cloud: Cloud) -> None:
    answer = cloud.admin.ask("GET", "/", version=None)
    found = answer.json()["version"]
    assert (found["id"], found["status"], found["min_version"]) == ("v2.1", "CURRENT", "2.1")
    assert re.fullmatch(r"2\.\d+", found["version"])


def test_without_a_token_nobody_gets_further(cloud: Cloud) -> None:
    wrong = {"X-Auth-Token": "nobody's"}
    answer = cloud.admin.ask("GET", "/servers", **wrong)
    words = "The request you have made requires authentication."
    expected = {"error": {"code": 401, "title": "Unauthorized", "message": words}}
    assert (answer.status_code, answer.json()) == (401, expected)
    assert REQUEST_ID.fullmatch(answer.headers["x-compute-request-id"])
    assert answer.headers["WWW-Authenticate"].startswith('Keystone uri="http://')
    answer = cloud.admin.ask("GET", "/v2/images", service="image", **wrong)
    assert answer.status_code == 401
    assert "401 Unauthorized" in answer.text


def test_keystone_refuses_a_wrong_password_and_gives_a_token_for_the_right_one(
    cloud: Cloud,
) -> None:
    answer = cloud.admin.log_in(password="wrong")
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, 401)
    assert "X-Subject-Token" not in answer.headers
    token = cloud.admin.login.json()["token"]
    assert cloud.admin.login.status_code == 201
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", token["expires_at"])
    assert "admin" in {role["name"] for role in token["roles"]}
    assert {"identity", "compute", "image"} <= {each["type"] for each in token["catalog"]}


@pytest.mark.parametrize("name", ["admin", "manager", "member", "reader", "other"])
def test_the_action_that_was_removed_is_gone_for_everybody(cloud: Cloud, name: str) -> None:
    user = cloud.user(name)
    for server, version in ((cloud.still, "2.95"), (str(uuid.uuid4()), "2.1")):
        answer = user.act(server, RESET_NETWORK, version=version)
        assert message(answer) == (410, "computeFault", GONE)


FORBIDDEN = "Policy doesn't allow {} to be performed."
RULES = [  # an action, the least role that may, and the rule
    (BACKUP, "member", "os_compute_api:os-create-backup"),
    (PASSWORD, "member", "os_compute_api:os-admin-password"),
    (MIGRATE, "manager", "os_compute_api:os-migrate-server:migrate"),
    (LIVE, "manager", "os_compute_api:os-migrate-server:migrate_live"),
    (TO_HOST, "admin", "os_compute_api:os-migrate-server:migrate:host"),
    (LIVE_TO_HOST, "admin", "os_compute_api:os-migrate-server:migrate_live:host"),
    (RESET, "admin", "os_compute_api:os-admin-actions:reset_state"),
    (INJECT, "admin", "os_compute_api:os-admin-actions:inject_network_info"),
]
RANKS = ("reader", "member", "manager", "admin")


@pytest.mark.parametrize(("body", "least", "rule"), RULES, ids=[rule for _, _, rule in RULES])
def test_a_role_that_does_not_suffice_is_told_the_rule(
    cloud: Cloud, body: dict[str, Any], least: str, rule: str
) -> None:
    server = cloud.still
    for name in RANKS[: RANKS.index(least)]:
        answer = cloud.user(name).act(server, body)
        assert message(answer) == (403, "forbidden", FORBIDDEN.format(rule)), name
    words = f"Instance {server} could not be found."
    answer = cloud.user("other").act(server, body)
    assert message(answer) == (404, "itemNotFound", words), "another project's is not there"


def test_a_server_that_is_not_there_is_not_found(cloud: Cloud) -> None:
    server = str(uuid.uuid4())
    words = f"Instance {server} could not be found."
    for body in (BACKUP, MIGRATE, LIVE, INJECT, RESET, PASSWORD):
        assert message(cloud.admin.act(server, body)) == (404, "itemNotFound", words)
    for path in ("", "/os-instance-actions", "/migrations"):
        answer = cloud.admin.ask("GET", f"/servers/{server}{path}")
        assert message(answer) == (404, "itemNotFound", words)


@pytest.mark.parametrize(
    ("body", "version", "words"),
    [
        ({"noSuchAction": None}, "2.68", "There is no such action: noSuchAction"),
        ({}, "2.68", "Malformed request body"),
        ([], "2.68", "Malformed request body"),
        ({"os-resetState": {"state": "gone"}}, "2.68", "'gone' is not one of ['active', 'error']"),
        ({"os-resetState": {}}, "2.68", "'state' is a required property"),
        ({"migrate": {"node": "x"}}, "2.68", "('node' was unexpected)"),
        ({"os-migrateLive": {"host": None}}, "2.68", "'block_migration' is a required property"),
        ({"os-migrateLive": {"block_migration": "auto"}}, "2.68", "'host' is a required property"),
        (
            {"os-migrateLive": {"host": None, "block_migration": True}},
            "2.24",
            "'disk_over_commit' is a required property",
        ),
        (
            {
                "os-migrateLive": {
                    "host": None,
                    "block_migration": "auto",
                    "disk_over_commit": True,
                }
            },
            "2.24",
            "'auto' is not one of",
        ),
        (
            {"os-migrateLive": {"host": None, "block_migration": True, "disk_over_commit": True}},
            "2.25",
            "('disk_over_commit' was unexpected)",
        ),
        (
            {"os-migrateLive": {"host": None, "block_migration": "auto", "force": False}},
            "2.68",
            "('force' was unexpected)",
        ),
        (
            {"os-migrateLive": {"host": None, "block_migration": "auto", "force": True}},
            "2.67",
            "Can't force to a non-provided destination",
        ),
        (
            {"createBackup": {"name": "b", "backup_type": "t", "rotation": -1}},
            "2.68",
            "rotation",
        ),
        (
            {"createBackup": {"name": "", "backup_type": "t", "rotation": 1}},
            "2.68",
            "name",
        ),
        (
            {"createBackup": BACKUP["createBackup"] | {"metadata": {"k": 1}}},
            "2.68",
            "1 is not of type 'string'",
        ),
        ({"changePassword": {"adminPass": 7}}, "2.68", "7 is not of type 'string'"),
        (TO_HOST | {"migrate": {"host": "nowhere"}}, "2.68", "Compute host nowhere could not"),
        (
            {"os-migrateLive": {"host": "nowhere", "block_migration": "auto"}},
            "2.68",
            "Compute host nowhere could not be found.",
        ),
        (
            {"migrate": {"host": "host1"}},
            "2.68",
            "Cannot migrate to the host where the server exists.",
        ),
    ],
)
def test_a_body_that_cannot_be_meant_is_refused(
    cloud: Cloud, body: object, version: str, words: str
) -> None:
    status, fault, said = message(cloud.admin.act(cloud.still, body, version=version))
    assert (status, fault) == (400, "badRequest")
    assert words in said


def test_a_body_that_is_no_json_is_refused(cloud: Cloud) -> None:
    path = f"{cloud.admin.endpoints['compute']}/servers/{cloud.still}/action"
    headers = {
        "X-Auth-Token": cloud.admin.login.headers["X-Subject-Token"],
        "Content-Type": "application/json",
    }
    answer = cloud.admin.session.post(path, data="{not json", headers=headers, timeout=30)
    assert message(answer) == (400, "badRequest", "Malformed request body")


def test_nothing_of_all_this_has_touched_the_server(cloud: Cloud) -> None:
    names = {each["action"] for each in cloud.admin.actions(cloud.still)}
    assert names == {"create"}
    assert cloud.admin.migrations(cloud.still) == []
    assert cloud.admin.images(cloud.still) == []
