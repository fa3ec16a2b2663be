"""Reads Secrets by name, each time anew: nothing of them is kept, listed or watched here."""

import base64
import binascii

from serveractions.core.errors import ApiUnavailable, ObjectGone
from serveractions.core.ports import Secret
from serveractions.kube.client import Api


class KubeSecrets:
    """The port `Secrets` on a real API server."""

    def __init__(self, *, api: Api) -> None:
        self._api = api

    async def read(self, namespace: str, name: str) -> Secret | None:
        """Return the Secret as it is now, None where there is none."""
        try:
            answer = await self._api.get(f"/api/v1/namespaces/{namespace}/secrets/{name}")
        except ObjectGone:
            return None
        metadata = answer["metadata"]
        try:
            data = {
                key: base64.b64decode(value, validate=True)
                for key, value in (answer.get("data") or {}).items()
            }
        except (binascii.Error, TypeError):
            # Never the cause: its traceback would show a value.
            raise ApiUnavailable(f"Secret {namespace}/{name} does not hold base64") from None
        return Secret(
            uid=metadata["uid"],
            resource_version=metadata["resourceVersion"],
            data=data,
            labels=metadata.get("labels") or {},
        )
