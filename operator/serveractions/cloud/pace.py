"""How often an action is looked at, and how long a cloud that fails is left alone."""

import random

from serveractions.actions.observation import Observation
from serveractions.config import Config

MAX_PAUSE = 60.0
"""The longest that a failing cloud is left alone, unless it asks for more."""
QUIET = 60.0
"""When nothing has changed for so long, an action is looked at less often."""
MAX_STRETCH = 6.0


def interval(config: Config, *, looks: int, last: Observation, urgent: bool) -> float:
    """Return the seconds until the next look.

    Args:
        config: The intervals.
        looks: How many looks there were.
        last: The last one.
        urgent: Whether the action may end any moment.
    """
    usual, quick = config.poll_interval, config.poll_interval_urgent
    if last.quiet_seconds < QUIET:
        # A young action is looked at more often: many are over in a second or two.
        return quick if urgent else min(usual, quick * 2.0 ** min(looks, 16))
    idle = last.server is not None and last.server.task_state is None
    if urgent or not idle:
        return usual
    return usual * min(last.quiet_seconds / QUIET, MAX_STRETCH)


def rest(config: Config, *, since: float, took: float, quick: bool) -> float:
    """Return the seconds from the end of a round of lists to the next one's beginning.

    Rounds begin in even steps, whatever they take, as their step is how late an end is known. One
    whose lists take long, as the cloud is slow or much changes in it, leaves it as much rest.

    Args:
        config: The intervals.
        since: Seconds since the round began.
        took: Seconds of them in which lists were read.
        quick: Whether something may end soon.
    """
    step = config.poll_interval / 2 if quick else config.poll_interval
    return max(jitter(step) - since, took)


def pause(config: Config, *, failures: int, asked: float | None) -> float:
    """Return the seconds for which a cloud is left alone after it failed `failures` times.

    Args:
        config: The interval that the pauses grow from.
        failures: In a row.
        asked: What the cloud itself asked for.
    """
    usual = config.poll_interval * 2.0 ** min(failures - 1, 16)
    return max(jitter(min(usual, MAX_PAUSE)), (asked or 0.0) * random.uniform(1.0, 1.1))  # noqa: S311 - as below


def jitter(seconds: float) -> float:
    """Spread what began together."""
    return seconds * random.uniform(0.9, 1.1)  # noqa: S311 - nothing secret depends on it
