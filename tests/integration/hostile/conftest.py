"""How much is generated: a little and always the same in every run, much and ever new for `chaos`.

`PROPERTIES=thorough` asks for the latter. A failure prints the line that makes it happen again.
"""

import os

import pytest
from hypothesis import HealthCheck, Phase, settings

_SLOW = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large]

# What a failure needs of its input is found out by making it smaller; to explain it takes long.
_PHASES = (Phase.explicit, Phase.reuse, Phase.generate, Phase.target, Phase.shrink)

settings.register_profile(
    "quick",
    derandomize=True,
    max_examples=40,
    deadline=None,
    database=None,
    phases=_PHASES,
    suppress_health_check=_SLOW,
)
settings.register_profile(
    "thorough",
    max_examples=500,
    deadline=None,
    database=None,
    phases=_PHASES,
    print_blob=True,
    suppress_health_check=_SLOW,
)
_PROFILE = os.environ.get("PROPERTIES", "quick")
settings.load_profile(_PROFILE)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give a thorough run its time."""
    for item in items if _PROFILE == "thorough" else ():
        item.add_marker(pytest.mark.timeout(3600))
