"""What all unit tests share: they are many and short, so what is done for each of them counts."""

import gc

import pytest


def pytest_collection_finish(session: pytest.Session) -> None:
    """Keep garbage collections from walking through all that was imported and collected."""
    del session
    gc.collect()
    gc.freeze()
