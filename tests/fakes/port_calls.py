"""Stands between the operator and its ports, so that every call that leaves the core is told of.

The stand-ins are made from the protocols themselves. A port that gets another method, or a look
that reads something else, is told of without anybody thinking of it here; only a port of a new name
has to be added to `BEHIND`, and a test says so.
"""

import inspect
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any, Protocol, get_type_hints

from serveractions import app
from serveractions.actions.action import NovaRequest
from serveractions.actions.observation import Server
from serveractions.api.resource import Key, Resource
from serveractions.api.spec import ServerRef
from serveractions.cloud.look import Sight
from serveractions.core import ports

BEHIND: Mapping[str, type] = {
    "KubeObjects": ports.Objects,
    "KubeEvents": ports.Events,
    "KubeSecrets": ports.Secrets,
    "SlotLeases": ports.Leases,
    "Connections": ports.Clouds,
    "SharedPoller": ports.Poller,
    "SystemClock": ports.Clock,
}
"""What `app` puts behind which port."""
IN_MEMORY = frozenset({ports.Clock, ports.Leases})
"""They touch nothing outside the process: told of only where another call asks them, as the last
check before a request does."""
ALSO: Mapping[type, type] = {ports.Cloud: Sight}
"""Further protocols of the same thing: what the poller reads of a cloud is one more port."""


class Witness(Protocol):
    """Is told of every call."""

    def begin(self, call: str, *, about: str | None, within: int | None) -> int:
        """Take in that a call begins; return its number.

        Args:
            call: `objects.mark`, `cloud.send`, ...
            about: The object or server that it is about, where its arguments tell.
            within: The call that this one is made in, as `may_send` is in `cloud.send`.
        """
        ...

    def end(self, number: int) -> None:
        """Take in that its effect is there, and its caller knows nothing of it yet."""
        ...


_within: ContextVar[int | None] = ContextVar("within", default=None)


def install(witness: Witness) -> None:
    """Have the operator of this process make its ports behind stand-ins."""
    for name, protocol in BEHIND.items():
        setattr(app, name, _made_behind(getattr(app, name), protocol, witness))


def _made_behind(make: Callable[..., Any], protocol: type, witness: Witness) -> Callable[..., Any]:
    def made(*arguments: Any, **options: Any) -> Any:
        return stand_in(make(*arguments, **options), protocol, witness)

    return made


def stand_in(port: Any, protocol: type, witness: Witness) -> Any:
    """Return something like `port` that tells of each call of the protocol before it passes it on.

    What is no part of the protocol (a loop to run, the way out) is the port's own, untold.
    """
    members: dict[str, Any] = {}
    for each in (protocol, *_also(protocol)):
        for name, function in vars(each).items():
            if inspect.isfunction(function) and not name.startswith("_"):
                call = f"{protocol.__name__.lower()}.{name}"
                if inspect.iscoroutinefunction(function):
                    members[name] = _telling_later(call, function, witness)
                else:
                    alone = protocol not in IN_MEMORY
                    members[name] = _telling(call, function, witness, alone=alone)
    made = type(f"ToldOf{protocol.__name__}", (_StandIn,), members)
    return made(port)


class _StandIn:
    def __init__(self, port: Any) -> None:
        self._port = port

    def __getattr__(self, name: str) -> Any:
        return getattr(self._port, name)


def _also(protocol: type) -> tuple[type, ...]:
    other = ALSO.get(protocol)
    return () if other is None else (other,)


def _telling_later(call: str, function: Callable[..., Any], witness: Witness) -> Any:
    name, returned = function.__name__, get_type_hints(function)["return"]

    async def told(self: _StandIn, *arguments: Any, **options: Any) -> Any:
        number = witness.begin(call, about=_about(arguments, options), within=_within.get())
        token = _within.set(number)
        try:
            result = await getattr(self._port, name)(*arguments, **options)
        finally:
            _within.reset(token)
            witness.end(number)
        return stand_in(result, returned, witness) if _is_protocol(returned) else result

    return told


def _telling(call: str, function: Callable[..., Any], witness: Witness, *, alone: bool) -> Any:
    name = function.__name__

    def told(self: _StandIn, *arguments: Any, **options: Any) -> Any:
        if not alone and _within.get() is None:
            return getattr(self._port, name)(*arguments, **options)
        number = witness.begin(call, about=_about(arguments, options), within=_within.get())
        try:
            return getattr(self._port, name)(*arguments, **options)
        finally:
            witness.end(number)

    return told


def _is_protocol(returned: Any) -> bool:
    return inspect.isclass(returned) and getattr(returned, "_is_protocol", False)


def _about(arguments: tuple[Any, ...], options: Mapping[str, Any]) -> str | None:
    for value in (*arguments, *options.values()):
        match value:
            case Resource(key=key) | ports.Subject(key=key):
                return str(key)
            case Key():
                return str(value)
            case Server(id=found):
                return found
            case ServerRef():
                return value.id or value.name
            case NovaRequest(path=path):
                return path.split("/")[2]
            case str():
                return value
    return None
