"""What is wrong with an order that a test gives from another process."""

from typing import Any


class BadOrderError(Exception):
    """It does not say what to do."""


def only(order: dict[str, Any], *allowed: str) -> None:
    """Refuse an order with a key that means nothing: it would be a test that tests nothing."""
    if unknown := order.keys() - set(allowed):
        raise BadOrderError(f"not known here: {', '.join(sorted(unknown))}")
