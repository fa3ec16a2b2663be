"""The Leases of the operators, as somebody with all rights sees and spoils them."""

import requests

from administrator import MERGE_PATCH, Administrator

PLACE = "apis/coordination.k8s.io/v1/namespaces/serveractions-system/leases"


def holders(world: Administrator) -> dict[str, str]:
    """Return who holds each slot; empty where nobody does."""
    answer = world.session.get(f"{world.kubernetes.server}/{PLACE}", timeout=30)
    answer.raise_for_status()
    return {
        item["metadata"]["name"]: item["spec"].get("holderIdentity") or ""
        for item in answer.json()["items"]
    }


def steal(world: Administrator, *, holder: str = "a-thief") -> None:
    """Write another holder into all of them, who will never renew them."""
    for name in holders(world):
        path = f"{world.kubernetes.server}/{PLACE}/{name}"
        change = {"spec": {"holderIdentity": holder}}
        answer = world.session.patch(path, json=change, headers=MERGE_PATCH, timeout=30)
        assert answer.ok, answer.text


def delete(world: Administrator) -> None:
    """Delete all of them."""
    for name in holders(world):
        path = f"{world.kubernetes.server}/{PLACE}/{name}"
        answer = world.session.delete(path, timeout=30)
        assert answer.status_code in (requests.codes.ok, requests.codes.not_found), answer.text
