"""What is counted of the requests to a cloud: what was asked for, how, the class of the answer, and
how long it took. Never an id: a family is one of a few words, whatever the path holds.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

NO_ANSWER = "none"
"""The class of a request that was sent, or may have been, and had no complete answer."""
UNSENT = "unsent"
"""The class of a write of which no byte has left."""
OTHER = "other"
"""The family of what no row below knows."""
_ID = r"[^/]+"
_FAMILIES = tuple(
    (re.compile(pattern), family)
    for pattern, family in (
        ("/servers/detail", "servers"),
        (f"/servers/{_ID}", "server"),
        (f"/servers/{_ID}/os-instance-actions", "instance-actions"),
        (f"/servers/{_ID}/os-instance-actions/{_ID}", "instance-action"),
        (f"/servers/{_ID}/migrations", "server-migrations"),
        ("/os-migrations", "migrations"),
        ("/images", "images"),
        (f"/images/{_ID}", "image"),
    )
)


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, as it is counted.

    Attributes:
        service: `identity`, `compute` or `image`.
        family: What is asked for; of a write, Nova's name of the action.
        method: Of HTTP.
    """

    service: str
    family: str
    method: str


LOGIN = Asked("identity", "tokens", "POST")
"""All that a login takes: a token, and the services' versions."""

Count = Callable[[Asked, str, float], None]
"""Takes a request, the class of its answer (`2xx`, ..., `none`, `unsent`) and its seconds."""


def uncounted(_asked: Asked, _status_class: str, _seconds: float) -> None:
    """Count nothing."""


def family(path: str) -> str:
    """Return the family of a read."""
    return next((name for pattern, name in _FAMILIES if pattern.fullmatch(path)), OTHER)


def status_class(status: int) -> str:
    """Return the class of an HTTP status: `2xx`, `4xx`, ..."""
    return f"{status // 100}xx"
