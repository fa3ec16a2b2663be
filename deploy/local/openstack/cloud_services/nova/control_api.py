"""The control endpoint: JSON over HTTP, through which tests slow Nova down, break it and watch it.

    POST {"delay": {"live_migration": 8}}                            seconds, for every server
    POST {"delay": {"spawn": {"seconds": 5, "servers": [uuid]}}}     limited; also "hosts": [name]
    POST {"fail": {"finish_migration": {"exception": "NovaException", "args": ["boom"],
                                        "times": 1, "servers": [uuid], "hosts": ["host2"]}}}
    POST {"service": {"host2": "down"}}                              or "up"
    POST {"periodic": "update_available_resource"}                   on every compute service
    POST {"confirm_window": 1}      confirms, this once, what has waited for longer
    POST {"reset": true}            or {"reset": {"servers": [uuid]}}
    GET                                                              the rules and the calls so far

0 seconds or a null failure takes a rule back. Several keys in one request are carried out in the
order above, "reset" first.
"""

import json
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from cloud_services.nova.compute_services import ComputeServices, UnknownServiceError
from cloud_services.nova.faults import (
    Failure,
    Faults,
    Target,
    UnknownExceptionError,
    exception_called,
)


class BadOrderError(Exception):
    """A request does not say what to do."""


class ControlApi:
    """The WSGI application."""

    def __init__(self, faults: Faults, services: ComputeServices) -> None:
        self._faults = faults
        self._services = services

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        try:
            if environ["REQUEST_METHOD"] == "POST":
                self._obey(_body(environ))
            answer: dict[str, Any] = self._faults.describe() | {"calls": self._faults.calls()}
            status = HTTPStatus.OK
        except (BadOrderError, UnknownExceptionError, UnknownServiceError) as error:
            answer, status = {"error": str(error)}, HTTPStatus.BAD_REQUEST
        body = json.dumps(answer).encode()
        headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        start_response(f"{status.value} {status.phrase}", headers)
        return [body]

    def _obey(self, order: dict[str, Any]) -> None:
        unknown = order.keys() - {"reset", "delay", "fail", "service", "periodic", "confirm_window"}
        if unknown:
            raise BadOrderError(f"not known to the control endpoint: {', '.join(sorted(unknown))}")
        if reset := order.get("reset"):
            self._faults.reset(reset["servers"] if isinstance(reset, dict) else ())
        for method, rule in order.get("delay", {}).items():
            limited = rule if isinstance(rule, dict) else {"seconds": rule}
            self._faults.delay(_target(method, limited), limited["seconds"] or 0)
        for method, rule in order.get("fail", {}).items():
            self._faults.fail(_target(method, rule or {}), _failure(rule or {}))
        for host, state in order.get("service", {}).items():
            self._services.force_down(host, down=state == "down")
        if name := order.get("periodic"):
            self._services.run_periodic_task(name)
        if window := order.get("confirm_window"):
            self._services.confirm_unasked(window)


def _body(environ: WSGIEnvironment) -> dict[str, Any]:
    length = int(environ.get("CONTENT_LENGTH") or 0)
    try:
        order = json.loads(environ["wsgi.input"].read(length))
    except json.JSONDecodeError as error:
        raise BadOrderError(f"the body is not JSON: {error}") from error
    if not isinstance(order, dict):
        raise BadOrderError("the body is not a JSON object")
    return order


def _target(method: str, rule: dict[str, Any]) -> Target:
    return Target(
        method=method,
        servers=frozenset(rule.get("servers") or ()),
        hosts=frozenset(rule.get("hosts") or ()),
    )


def _failure(rule: dict[str, Any]) -> Failure | None:
    if not rule.get("exception"):
        return None
    return Failure(
        kind=exception_called(rule["exception"]),
        args=tuple(rule.get("args") or ()),
        kwargs=rule.get("kwargs") or {},
        times=rule.get("times"),
    )
