"""The long runs share one real control plane, and print their tables at the end."""

from collections.abc import Iterator

import pytest

import assembled
from chaos.matrix import AT_ONCE
from chaos.reports import REPORTS
from chaos.soak import Plan
from control_plane import audit, kubernetes
from fakes.proxy import Proxy
from local_stack.kubernetes import ControlPlane

__all__ = ["audit", "kubernetes"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the soak be made longer, shorter, or what it was before."""
    group = parser.getgroup("chaos")
    group.addoption("--chaos-at-once", type=int, default=AT_ONCE, help=f"default: {AT_ONCE}")
    group.addoption("--chaos-seed", type=int, default=None, help="of the soak; printed by it")
    for name in ("actions", "servers", "hurts", "faults"):
        least = getattr(Plan, name)
        group.addoption(f"--chaos-{name}", type=int, default=least, help=f"default: {least}")


@pytest.fixture(scope="module")
def proxy(kubernetes: ControlPlane) -> Iterator[Proxy]:
    """What an operator sees the API server through, where that is to fail it."""
    with assembled.behind_a_proxy(kubernetes) as proxy:
        yield proxy


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the tables: they are what all of this is for."""
    for title, text in terminalreporter.config.stash.get(REPORTS, {}).items():
        terminalreporter.section(title)
        terminalreporter.write_line(text)
