"""What a run's exit code says of its objects."""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from serveractions.api.status import Phase, Reason
from serveractions.shell.outcome import MEANINGS, ExitCode, exit_code, needs_a_person

PAGE = Path(__file__).parents[3] / "deploy" / "shell.md"
SUCCEEDED = (Phase.SUCCEEDED, Reason.SUCCEEDED)
FAILED = (Phase.FAILED, Reason.ROLLED_BACK)
UNKNOWN = (Phase.FAILED, Reason.OUTCOME_UNKNOWN)
EXPIRED = (Phase.FAILED, Reason.EXPIRED)
CANCELLED = (Phase.CANCELLED, Reason.CANCELLED)
RUNNING = (Phase.RUNNING, Reason.PROGRESSING)


def objects(*states: tuple[Phase, Reason], **spec: Any) -> Any:
    return [
        SimpleNamespace(
            status=SimpleNamespace(phase=phase, reason=reason),
            spec=SimpleNamespace(suspend=False, **spec),
        )
        for phase, reason in states
    ]


@pytest.mark.parametrize(
    ("states", "code"),
    [
        ([SUCCEEDED], 0),
        ([FAILED], 3),
        ([CANCELLED], 4),
        ([EXPIRED], 4),
        ([UNKNOWN], 5),
        ([RUNNING], 7),
        ([SUCCEEDED, SUCCEEDED], 0),
        ([SUCCEEDED, RUNNING], 7),
        ([RUNNING, CANCELLED], 4),
        ([CANCELLED, FAILED], 3),
        ([FAILED, UNKNOWN, SUCCEEDED], 5),
    ],
)
def test_the_exit_code_is_that_of_the_worst_object(
    states: list[tuple[Phase, Reason]], code: int
) -> None:
    assert exit_code(objects(*states)) == code


def test_no_phase_but_succeeded_is_0() -> None:
    others = [phase for phase in Phase if phase is not Phase.SUCCEEDED]
    assert all(exit_code(objects((phase, Reason.PROGRESSING))) != 0 for phase in others)


def test_what_waits_for_a_word_in_the_manifest_says_which() -> None:
    (awaiting,) = objects((Phase.AWAITING_DECISION, Reason.AWAITING_DECISION), decision=None)
    assert needs_a_person(awaiting) == "set 'decision' to Confirm or Revert"
    awaiting.spec.decision = "Confirm"
    assert needs_a_person(awaiting) is None
    (held,) = objects((Phase.SUSPENDED, Reason.SUSPENDED))
    assert needs_a_person(held) is None, "its release is already written, and is on its way"
    held.spec.suspend = True
    assert needs_a_person(held) == "set 'suspend' to false"


def test_the_help_text_and_the_page_say_the_same_of_every_exit_code() -> None:
    page = dict(re.findall(r"^\| (\d) \| (.+) \|$", PAGE.read_text(), re.MULTILINE))
    told = dict(re.findall(r"^  (\d) +(.+)$", MEANINGS, re.MULTILINE))
    assert set(map(int, told)) == set(ExitCode)
    assert {code: words.replace("`", "") for code, words in page.items()} == told
