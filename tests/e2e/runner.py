"""Running cases: at the same time where they do not disturb each other."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

import yaml

from e2e import steps_kubernetes, steps_nova, steps_openstack
from e2e.case import Case, MalformedCaseError, Step, load
from e2e.report import report
from e2e.stage import Stage, only_keys
from e2e.variables import substitute
from e2e.world import World

AT_ONCE = 6
"""More of them only wait for Nova, which does about one server operation a second."""


class CaseFailedError(AssertionError):
    """A step did not go as the case promises; the message has everything there is to know."""


class Runner:
    """Runs cases eagerly; each test then waits for its own."""

    def __init__(self, world: World, names: Sequence[str]) -> None:
        self._world = world
        self._pool = ThreadPoolExecutor(AT_ONCE)
        self._lonely_pool = ThreadPoolExecutor(1)
        self._results: dict[str, Future[None]] = {}
        lonely = []
        for name in names:
            try:
                case = load(name)
            except (MalformedCaseError, yaml.YAMLError) as error:
                self._results[name] = Future()
                self._results[name].set_exception(error)
                continue
            if case.alone:
                lonely.append(case)
            else:
                self._results[name] = self._pool.submit(_run, world, case)
        together = list(self._results.values())
        for case in lonely:
            self._results[case.name] = self._lonely_pool.submit(self._after, together, case)

    def result(self, name: str) -> None:
        """Wait for a case.

        Raises:
            CaseFailedError: It failed.
        """
        self._results[name].result()

    def close(self) -> None:
        """Begin nothing more, and wait for what is under way."""
        for pool in (self._lonely_pool, self._pool):
            pool.shutdown(cancel_futures=True)

    def _after(self, others: Sequence[Future[None]], case: Case) -> None:
        wait(others)
        _run(self._world, case)


def _run(world: World, case: Case) -> None:
    """Run one case."""
    stage = Stage(case=case, world=world, session=world.session())
    at = "its set-up"
    try:
        stage.set_up()
        for step in case.steps:
            at = str(step)
            _STEPS[step.kind](stage, step)
    except Exception as error:
        raise CaseFailedError(report(stage, at, error)) from error
    finally:
        stage.tear_down()


def _each(do: Callable[[Stage, dict[str, Any]], None]) -> Callable[[Stage, Step], None]:
    """Carry a file's documents out in order; variables are read as late as possible."""

    def run(stage: Stage, step: Step) -> None:
        for document in step.documents:
            do(stage, substitute(document, stage.variables))

    return run


def _servers(stage: Stage, step: Step) -> None:
    documents = tuple(substitute(document, stage.variables) for document in step.documents)
    steps_openstack.servers(stage, documents)


def _operator(stage: Stage, document: dict[str, Any]) -> None:
    only_keys(document, "stop", "start", "heldFor")
    if "stop" in document:
        stop = {"SIGKILL": stage.world.kill_operator, "SIGTERM": stage.world.stop_operator}
        stop[document["stop"]]()
    if "start" in document:
        stage.world.start_operator(document["start"])
    if "heldFor" in document:
        stage.world.await_held(float(document["heldFor"]))


_STEPS: dict[str, Callable[[Stage, Step], None]] = {
    "servers": _servers,
    "driver": _each(steps_openstack.driver),
    "openstack": _each(steps_openstack.openstack),
    "apply": _each(steps_kubernetes.apply),
    "patch": _each(steps_kubernetes.patch),
    "delete": _each(steps_kubernetes.delete),
    "copy": _each(steps_kubernetes.copy),
    "assert": _each(steps_kubernetes.assert_),
    "wait": _each(steps_kubernetes.wait),
    "events": _each(steps_kubernetes.events),
    "secrecy": _each(steps_kubernetes.secrecy),
    "nova": _each(steps_nova.nova),
    "operator": _each(_operator),
}
