"""The Leases of the operators, as somebody with all rights sees and spoils them."""

import requests

from administrator import MERGE_PATCH
from assembled import Assembled
from serveractions.config import Config

PLACE = "apis/coordination.k8s.io/v1/namespaces/serveractions-system/leases"


def holders(world: Assembled) -> dict[str, str]:
    """Return who holds each slot of a world; empty where nobody does."""
    answer = world.session.get(f"{world.kubernetes.server}/{PLACE}", timeout=30)
    answer.raise_for_status()
    count = int(world.settings.get("slots", Config().slots))
    names = {f"serveractions-slot-{index}" for index in range(count)}  # others had more of them
    return {
        item["metadata"]["name"]: item["spec"].get("holderIdentity") or ""
        for item in answer.json()["items"]
        if item["metadata"]["name"] in names
    }


def steal(world: Assembled, *, holder: str = "a-thief") -> None:
    """Write another holder into all of them, who will never renew them."""
    for name in holders(world):
        path = f"{world.kubernetes.server}/{PLACE}/{name}"
        change = {"spec": {"holderIdentity": holder}}
        answer = world.session.patch(path, json=change, headers=MERGE_PATCH, timeout=30)
        assert answer.ok, answer.text


def delete(world: Assembled) -> None:
    """Delete all of them."""
    for name in holders(world):
        path = f"{world.kubernetes.server}/{PLACE}/{name}"
        answer = world.session.delete(path, timeout=30)
        assert answer.status_code in (requests.codes.ok, requests.codes.not_found), answer.text
