"""The port through which this edge reads Secrets; the Kubernetes edge implements it.

Here and not among the core's ports, since the core never sees a Secret.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """A Secret as read.

    Attributes:
        data: Decoded from base64; shown nowhere.
    """

    uid: str
    resource_version: str
    data: Mapping[str, bytes] = field(repr=False)
    labels: Mapping[str, str] = field(default_factory=dict)


class Secrets(Protocol):
    """Reads Secrets by name; never lists them."""

    async def read(self, namespace: str, name: str) -> Secret | None:
        """Return the Secret, None when there is none.

        Raises:
            WaitError: It could not be read now (ApiUnavailable of core.errors).
        """
        ...
