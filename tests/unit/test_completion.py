"""What a real bash completes with the script that `serveractions completion bash` prints."""

import argparse
import io
import subprocess
from pathlib import Path

import pytest

from serveractions import completion, operate
from serveractions.api.kinds import KINDS
from serveractions.commands import COMMANDS
from serveractions.manual.fields import tree

ASK = """
set -u
source "$1"
complete -p serveractions > /dev/null
shift
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_serveractions
printf '%s\\n' ${COMPREPLY[@]+"${COMPREPLY[@]}"}
"""


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = io.StringIO()
    assert completion.run(argparse.Namespace(shell="bash"), out) == 0  # noqa: S604 - a name, no shell
    made = tmp_path_factory.mktemp("completion") / "serveractions.bash"
    made.write_text(out.getvalue())
    return made


def completed(script: Path, *words: str, cwd: Path | None = None) -> set[str]:
    """Return what bash offers for the last word."""
    done = subprocess.run(  # noqa: S603
        ["/bin/bash", "--norc", "-c", ASK, "bash", script, "serveractions", *words],
        capture_output=True,
        text=True,
        check=True,
        cwd=cwd,
    )
    assert not done.stderr
    return set(done.stdout.split("\n")) - {""}


def test_the_first_word_is_a_command_or_a_flag_of_the_operator(script: Path) -> None:
    flags = {"--" + name.replace("_", "-") for name in operate.Config.__dataclass_fields__}

    assert completed(script, "") >= {*COMMANDS, *flags}
    assert completed(script, "ex") == {"explain"}
    assert completed(script, "--lease-d") == {"--lease-duration"}
    assert completed(script, "--shard", "2/3", "--lease-d") == {"--lease-duration"}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_completed_with_each_of_its_flags_and_choices(script: Path, name: str) -> None:
    for action in COMMANDS[name].parser(name)._actions:
        assert set(action.option_strings) <= completed(script, name, "-")
        before = action.option_strings[-1:]
        if action.choices is not None:
            assert completed(script, name, *before, "") == set(action.choices)


def test_a_kind_is_completed_by_name_and_short_name_and_then_by_field(script: Path) -> None:
    kinds = {kind.name for kind in KINDS} | {kind.short for kind in KINDS}

    assert completed(script, "explain", "") == kinds
    assert completed(script, "explain", "ServerB") == {"ServerBackup"}
    assert completed(script, "explain", "sbk.spec.ro") == {"sbk.spec.rotation"}
    for kind in KINDS:
        fields = {f"{kind.name}.{'.'.join(field.path)}" for field in tree(kind).below()}
        assert completed(script, "explain", f"{kind.name}.") == fields


def test_files_are_completed_blanks_in_their_names_and_all(script: Path, tmp_path: Path) -> None:
    for name in ("web 1.yaml", "web-2.yaml", "other.yaml"):
        (tmp_path / name).touch()

    def offered(*words: str) -> set[str]:
        return completed(script, "validate", *words, cwd=tmp_path)

    assert offered("-f", "web") == {"web 1.yaml", "web-2.yaml"}
    assert offered("-f", "other.yaml", "web-") == {"web-2.yaml"}
    assert offered("-f", "other.yaml", "-o", "j") == {"json"}
