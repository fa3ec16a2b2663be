"""A process may be killed, terminated or stopped at any call: Nova has the action at most once, and
the object comes to the end that the cloud shows.

One field of the matrix by itself: `pytest tests/chaos/test_matrix.py -k "KILL and backup"`.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from chaos import reports
from chaos.lives import LIVES
from chaos.matrix import Cell, Judged, Matrix, Way, fill, report
from chaos.stage import stage
from local_stack.kubernetes import ControlPlane

CELLS = [Cell(life, way) for life in LIVES for way in Way]
MOST_MISSED = 0.05
"""Of all points: those that no try came to, because looks repeat and not always as often."""


@pytest.fixture(scope="session")
def matrix(
    kubernetes: ControlPlane,
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
) -> Matrix:
    """The fields that were chosen, all filled at once."""
    chosen: list[Any] = [
        item.callspec.params["cell"]
        for item in request.session.items
        if isinstance(item, pytest.Function) and "cell" in item.fixturenames
    ]
    at_once = request.config.getoption("--chaos-at-once")
    directory = tmp_path_factory.mktemp("matrix")
    filled = asyncio.run(_fill(kubernetes, chosen, directory, at_once=at_once))
    reports.leave(request.config, "crash matrix", report(filled))
    return filled


async def _fill(
    kubernetes: ControlPlane, cells: Sequence[Cell], directory: Path, *, at_once: int
) -> Matrix:
    async with stage(kubernetes, directory) as made:
        return await fill(made, cells, at_once=at_once)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_hurt_anywhere_nothing_is_sent_twice_and_nothing_is_lost(
    matrix: Matrix, cell: Cell
) -> None:
    judged = matrix[cell]
    assert judged, "no place was found at which a process could be hurt"
    wrong = [each for each in judged if not each.fine]
    assert not wrong, "\n" + "\n".join(map(str, wrong))


@pytest.mark.timeout(3600)
def test_nearly_every_point_was_come_to(matrix: Matrix) -> None:
    runs: list[Judged] = [each for cell in matrix.values() for each in cell]
    missed = [f"{each.life.name}, {each.hurt}" for each in runs if not each.reached]
    assert len(missed) <= MOST_MISSED * len(runs), missed
