"""Namespaces, objects and clocks for tests against a real API server."""

import asyncio
import json
import secrets
from collections.abc import Callable, Mapping
from typing import Any

from local_stack.kubernetes import ControlPlane
from serveractions.api.kinds import API_VERSION, BY_NAME, Kind
from serveractions.api.resource import Resource, parse

SERVER = "1bea47ed-f6a9-463b-b423-14b9cca9ad27"
STATE_RESET = BY_NAME["ServerStateReset"]


def manifest(namespace: str, name: str, *, kind: Kind = STATE_RESET) -> dict[str, Any]:
    """Return an object of a kind that has no fields of its own but `state`."""
    spec: dict[str, Any] = {
        "cloudCredentialsRef": {"secretName": "openstack", "cloudName": "admin"},
        "serverRef": {"id": SERVER},
    }
    if kind is STATE_RESET:
        spec["state"] = "Active"
    return {
        "apiVersion": API_VERSION,
        "kind": kind.name,
        "metadata": {"namespace": namespace, "name": name},
        "spec": spec,
    }


def new_namespace(kubernetes: ControlPlane) -> str:
    """Make a namespace that no other test uses."""
    name = f"test-{secrets.token_hex(4)}"
    kubernetes.kubectl("create", "namespace", name)
    return name


def create(kubernetes: ControlPlane, *bodies: Mapping[str, Any]) -> list[Resource]:
    """Create objects as a user would, and return them as stored."""
    document = {"apiVersion": "v1", "kind": "List", "items": list(bodies)}
    text = kubernetes.kubectl("create", "-f", "-", "-o", "json", stdin=json.dumps(document))
    decoder, resources = json.JSONDecoder(), []
    while text := text.lstrip():  # kubectl prints one document after the other
        body, end = decoder.raw_decode(text)
        resources.append(parse(body))
        text = text[end:]
    return resources


async def until(condition: Callable[[], bool], *, seconds: float = 30.0) -> None:
    """Wait until `condition` holds."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what other processes do raises no event here
            await asyncio.sleep(0.02)
