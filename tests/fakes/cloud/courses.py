"""What every course is made of: waiting, calls of the hypervisor, and the records of both.

Nova reports what it does as events of an instance action. It finds an event by its name when it
ends, so that of two with one name the older one is ended twice and the younger one never: that is
what the list of a live migration shows that tried several hosts.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from fakes.cloud.driver import DriverError
from fakes.cloud.records import Action, Event, Migration, Server
from fakes.cloud.state import CONTROLLER, FOREVER, Cloud, Steps


class ServerGoneError(DriverError):
    """The server was deleted while something was done to it."""

    def __init__(self, server: Server) -> None:
        super().__init__("InstanceNotFound", f"Instance {server.id} could not be found.")


def passing(cloud: Cloud, seconds: float, *, until: Callable[[], bool] = lambda: False) -> Steps:
    """Wait so long, or until something is so."""
    end = cloud.time + timedelta(seconds=seconds)
    while cloud.time < end and not until():
        yield (end - cloud.time).total_seconds()


def at(cloud: Cloud, host: str) -> Steps:
    """Go on at a host; where no nova-compute runs, the message waits for one."""
    if cloud.current is not None:
        cloud.current.host = host
    while host in cloud.conditions.gone:
        yield FOREVER


def call(
    cloud: Cloud,
    method: str,
    server: Server,
    host: str,
    *,
    seconds: float = 0.0,
    until: Callable[[], bool] = lambda: False,
    **details: Any,
) -> Steps:
    """Have the hypervisor do something.

    Args:
        cloud: Whose it is.
        method: The driver's name for it.
        server: What it is done to.
        host: Where.
        seconds: How long it takes, unless ordered otherwise.
        until: What ends it early.
        details: What the record of the call says besides.

    Raises:
        DriverError: It was ordered to fail, or the server is gone.
    """
    yield from at(cloud, host)
    cloud.driver.record(method, host, server.id, **details)
    began = cloud.time
    while not until():
        ordered = cloud.driver.seconds(method, host, server.id, seconds)
        left = began + timedelta(seconds=ordered) - cloud.time
        if left <= timedelta():
            break
        yield left.total_seconds()
    cloud.driver.fail_if_ordered(method, host, server.id)
    if server.deleted:
        raise ServerGoneError(server)


@contextmanager
def event(cloud: Cloud, action: Action, name: str, host: str = CONTROLLER) -> Iterator[None]:
    """Note an event; a failure is noted and goes on. One whose process is lost never ends."""
    action.events.append(Event(name, host, start=cloud.now))
    action.updated = cloud.now
    try:
        yield
    except DriverError as error:
        _end(cloud, action, name, error=error.details)
        raise
    _end(cloud, action, name)


def at_once(cloud: Cloud, action: Action, name: str, host: str) -> None:
    """Note an event that is over as soon as it begins."""
    with event(cloud, action, name, host):
        pass


def shows(cloud: Cloud, server: Server, task: str | None, vm_state: str | None = None) -> None:
    """Write a server's state, unless it is gone."""
    if server.deleted:
        return
    server.task_state = task
    server.vm_state = vm_state or server.vm_state
    server.updated = cloud.now


def breaks(cloud: Cloud, server: Server, error: DriverError) -> None:
    """Leave a server in ERROR with a fault, as what nobody expected does."""
    if server.deleted:
        return
    shows(cloud, server, None, "error")
    server.fault, server.fault_at = error.details, cloud.now


def moves(cloud: Cloud, migration: Migration, status: str) -> None:
    """Write a migration's status."""
    migration.status, migration.updated, migration.moved = status, cloud.now, cloud.time


def _end(cloud: Cloud, action: Action, name: str, *, error: str | None = None) -> None:
    first = next(each for each in action.events if each.name == name)
    first.finish = action.updated = cloud.now
    first.result, first.details = ("Error", error) if error is not None else ("Success", None)
    if error is not None:
        action.message = "Error"
