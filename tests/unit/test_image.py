"""What the Dockerfile and the pod promise; no container engine is needed to read them."""

import re
from pathlib import Path

import pytest
import yaml

from serveractions.config import Config

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
VERSION = re.search(r'^version = "(.*)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)

Instruction = tuple[str, str]


def stages() -> list[list[Instruction]]:
    """Return the instructions of each stage, without comments, each on one line."""
    lines = (DEPLOY / "Dockerfile").read_text().splitlines()
    text = "\n".join(line for line in lines if not line.startswith("#"))
    found: list[list[Instruction]] = []
    for line in filter(None, text.replace("\\\n", " ").splitlines()):
        word, _, rest = line.partition(" ")
        if word == "FROM":
            found.append([])
        if found:
            found[-1].append((word, " ".join(rest.split())))
    return found


def arguments(stage: list[Instruction], word: str) -> list[str]:
    return [rest for each, rest in stage if each == word]


@pytest.fixture
def build() -> list[Instruction]:
    return stages()[0]


@pytest.fixture
def final() -> list[Instruction]:
    return stages()[-1]


def test_there_are_two_stages_on_one_base_that_a_release_can_name_by_digest() -> None:
    first = (DEPLOY / "Dockerfile").read_text()
    assert re.search(r"^ARG PYTHON_IMAGE=python:\d+\.\d+-slim-\w+$", first, re.MULTILINE)
    bases = [stage[0][1] for stage in stages()]
    assert bases == ["${PYTHON_IMAGE} AS build", "${PYTHON_IMAGE}"]


def test_nothing_is_run_in_the_final_stage_so_no_compiler_comes_into_it(
    final: list[Instruction],
) -> None:
    assert {word for word, _ in final} == {"FROM", "LABEL", "COPY", "ENV", "USER", "ENTRYPOINT"}
    assert arguments(final, "COPY") == ["--from=build /app /app"]


def test_it_runs_as_the_user_that_the_pod_names(final: list[Instruction]) -> None:
    context = pod()["securityContext"]
    assert arguments(final, "USER") == [f"{context['runAsUser']}:{context['runAsGroup']}"]
    assert context["runAsUser"] > 0


def test_packages_are_wheels_by_hash_and_leave_no_cache(build: list[Instruction]) -> None:
    (install,) = [run for run in arguments(build, "RUN") if " install " in run]
    for flag in ("--no-cache-dir", "--no-compile", "--require-hashes", "--only-binary :all:"):
        assert flag in install
    requirements = (DEPLOY / "requirements.txt").read_text()
    pinned = re.findall(r"^([\w.-]+)==[^\\\n]+ \\\n    --hash=sha256:", requirements, re.MULTILINE)
    named = re.findall(r"^([a-zA-Z][\w.-]*)", requirements, re.MULTILINE)
    assert pinned
    assert pinned == named


def test_no_time_of_the_build_gets_into_the_image(build: list[Instruction]) -> None:
    assert "SOURCE_DATE_EPOCH=0" in arguments(build, "ARG")
    assert "PYTHONHASHSEED=0" in arguments(build, "ENV")
    last = arguments(build, "RUN")[-1]
    assert "compileall -q --invalidation-mode unchecked-hash" in last
    assert '-exec touch --no-dereference --date="@${SOURCE_DATE_EPOCH}" {} +' in last


def test_the_labels_name_the_version_that_is_built(final: list[Instruction]) -> None:
    assert VERSION is not None
    (label,) = arguments(final, "LABEL")
    found = dict(re.findall(r'org\.opencontainers\.image\.(\w+)="([^"]+)"', label))
    assert found.keys() == {"title", "description", "version", "licenses"}
    assert found["version"] == VERSION[1]


def test_the_chart_and_the_base_have_the_version_that_is_built() -> None:
    assert VERSION is not None
    chart = yaml.safe_load((DEPLOY / "chart" / "Chart.yaml").read_text())
    base = yaml.safe_load((DEPLOY / "base" / "kustomization.yaml").read_text())
    assert {chart["version"], chart["appVersion"]} == {VERSION[1]}
    assert [image["newTag"] for image in base["images"]] == [VERSION[1]]


def test_a_pod_is_given_longer_to_end_than_the_operator_takes() -> None:
    # Longer by what follows the grace: Leases are handed back and probes are closed.
    assert pod()["terminationGracePeriodSeconds"] >= Config().shutdown_grace + 20


def pod() -> dict[str, object]:
    return dict(
        yaml.safe_load((DEPLOY / "base" / "deployment.yaml").read_text())["spec"]["template"][
            "spec"
        ]
    )
