"""The long runs share one real control plane, and print their tables at the end."""

import pytest

from chaos.matrix import AT_ONCE
from chaos.reports import REPORTS
from chaos.soak import Plan
from control_plane import audit, kubernetes

__all__ = ["audit", "kubernetes"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the soak be made longer, shorter, or what it was before."""
    group = parser.getgroup("chaos")
    group.addoption("--chaos-at-once", type=int, default=AT_ONCE, help=f"default: {AT_ONCE}")
    group.addoption("--chaos-seed", type=int, default=None, help="of the soak; printed by it")
    for name in ("actions", "servers", "hurts", "faults"):
        least = getattr(Plan, name)
        group.addoption(f"--chaos-{name}", type=int, default=least, help=f"default: {least}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the tables: they are what all of this is for."""
    for title, text in terminalreporter.config.stash.get(REPORTS, {}).items():
        terminalreporter.section(title)
        terminalreporter.write_line(text)
