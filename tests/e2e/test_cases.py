"""Every folder of this directory, as one test: see README.md."""

import pytest

from e2e.case import names
from e2e.runner import Runner


@pytest.mark.timeout(900)  # it may have to wait for its turn; every step has its own limit
@pytest.mark.parametrize("case", names())
def test_case(case: str, runner: Runner) -> None:
    runner.result(case)
