"""The lists from which many actions are followed at once."""

from contract.client import message
from contract.clouds import Cloud

PAST = "2020-01-01T00:00:00Z"
EVERYWHERE = f"/servers/detail?changes-since={PAST}&all_tenants=1"


def test_only_an_administrator_lists_the_servers_of_all_projects(cloud: Cloud) -> None:
    (theirs,) = cloud.boot("theirs", user="other")
    listed = {each["id"] for each in cloud.admin.get(EVERYWHERE)["servers"]}
    assert {theirs, cloud.still} <= listed
    rule = "os_compute_api:servers:detail:get_all_tenants"
    for name in ("manager", "member", "reader"):
        status, title, words = message(cloud.user(name).ask("GET", EVERYWHERE))
        assert (status, title) == (403, "forbidden"), name
        assert words == f"Policy doesn't allow {rule} to be performed."


def test_without_that_right_one_lists_the_servers_of_the_own_project(cloud: Cloud) -> None:
    (theirs,) = cloud.boot("others", user="other")
    own = cloud.user("member").get(f"/servers/detail?changes-since={PAST}")["servers"]
    assert cloud.still in {each["id"] for each in own}
    assert theirs not in {each["id"] for each in own}


def test_images_are_read_by_many_ids_in_one_request(cloud: Cloud) -> None:
    server, admin = cloud.still, cloud.admin
    for name in ("one", "two"):
        body = {"createBackup": {"name": name, "backup_type": f"many-{name}", "rotation": 1}}
        cloud.ended(server, cloud.begin(server, body))
    ids = [each["id"] for each in admin.images(server)][:2]
    missing = "00000000-0000-4000-8000-000000000000"
    query = f"/v2/images?id=in:{','.join([*ids, missing])}&limit=100"
    found = admin.get(query, service="image")["images"]
    assert {each["id"] for each in found} == set(ids)
