"""Where a run leaves its table, to be printed when everything is over."""

import pytest

REPORTS = pytest.StashKey[dict[str, str]]()
"""Tables by title."""


def leave(config: pytest.Config, title: str, text: str) -> None:
    """Leave a table."""
    config.stash.setdefault(REPORTS, {})[title] = text
