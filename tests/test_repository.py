"""What must hold for the repository as a whole: parts that have to change together, do."""

import dataclasses
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from serveractions.api import crd
from serveractions.api.conditions import TRUTH, ConditionType
from serveractions.api.kinds import API_VERSION, BY_NAME, KINDS, Kind
from serveractions.api.reasons import ADVICE
from serveractions.api.spec import MUTABLE, ActionSpec
from serveractions.api.status import Phase, Reason, Status
from serveractions.cloud.credentials import read_clouds
from serveractions.config import Config
from serveractions.manual import pages

ROOT = Path(__file__).parents[1]
SAMPLES = ROOT / "deploy" / "samples"
CASES = ROOT / "tests" / "e2e"
README = (ROOT / "README.md").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()
TOP_LEVEL = {
    ".ci",
    ".gitignore",
    "LICENSE",
    "Makefile",
    "README.md",
    "crds",
    "deploy",
    "operator",
    "pyproject.toml",
    "tests",
}
LOCKS = sorted(
    path for path in ROOT.rglob("requirements*.txt") if ".venv" not in path.relative_to(ROOT).parts
)
OTHERS_FLAGS = {  # of kubectl, openstack and Python in the README's commands
    *("--clusterrole", "--for", "--force", "--help", "--serviceaccount", "--timeout"),
    *("--live-migration", "--long", "--property", "--server", "--wait"),
}


def test_operator_is_a_source_root_and_never_a_package() -> None:
    assert not (ROOT / "operator" / "__init__.py").exists(), (
        "it would shadow the standard library's operator module for whatever runs in the root"
    )


def test_the_crds_are_what_the_types_say() -> None:
    assert crd.main(["--check", "--directory", str(ROOT / "crds")]) == 0, "run `make crds`"


def test_the_pages_about_the_kinds_are_what_the_types_say() -> None:
    assert (
        pages.main(
            ["--check", "--samples", str(SAMPLES), "--directory", str(ROOT / "deploy" / "kinds")]
        )
        == 0
    ), "run `make pages`"


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_every_kind_has_a_sample_that_its_types_read(kind: Kind) -> None:
    sample = yaml.safe_load((SAMPLES / f"{kind.singular}.yaml").read_text())

    assert (sample["apiVersion"], sample["kind"]) == (API_VERSION, kind.name)
    spec = kind.spec.model_validate(sample["spec"])
    assert spec.server_ref.name == sample["metadata"]["name"], "each sample has its own server"
    assert spec.to_wire().items() >= sample["spec"].items()


def test_the_samples_are_listed_and_their_secrets_exist() -> None:
    listed = yaml.safe_load((SAMPLES / "kustomization.yaml").read_text())["resources"]
    secrets = {
        secret["metadata"]["name"]: secret
        for secret in yaml.safe_load_all((SAMPLES / "secret.example.yaml").read_text())
    }
    samples = [yaml.safe_load((SAMPLES / name).read_text()) for name in listed]

    assert listed == sorted(f"{kind.singular}.yaml" for kind in KINDS)
    for spec in (sample["spec"] for sample in samples):
        credentials = spec["cloudCredentialsRef"]
        clouds = yaml.safe_load(secrets[credentials["secretName"]]["stringData"]["clouds.yaml"])
        assert credentials["cloudName"] in clouds["clouds"]
        if password := spec.get("passwordSecretRef"):
            secret = secrets[password["name"]]
            assert password["key"] in secret["stringData"]
            assert secret["metadata"]["labels"] == {"serveractions.dev/usable-as": "password"}


def test_the_top_level_holds_nothing_else() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout: what belongs to it cannot be told")
    listed = run("git", "ls-files").splitlines()
    assert {path.split("/")[0] for path in listed} <= TOP_LEVEL


def test_the_license_is_the_one_that_is_declared() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["license"]
    text = (ROOT / "LICENSE").read_text()
    assert declared == "Apache-2.0"
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: str(lock.relative_to(ROOT)))
def test_a_lock_file_names_no_host_and_has_a_hash_for_each_package(lock: Path) -> None:
    text = lock.read_text()
    assert "://" not in text
    assert not re.search(r"^--?(i|f|index|extra|find|trusted)", text, re.MULTILINE)
    for package in re.split(r"^(?=[A-Za-z0-9])", text, flags=re.MULTILINE)[1:]:
        assert "--hash=sha256:" in package, package.splitlines()[0]


def test_every_kind_has_an_end_to_end_case() -> None:
    applied = {
        document.get("kind")
        for step in CASES.glob("*/[0-9][0-9]-apply*.yaml")
        for document in yaml.safe_load_all(step.read_text())
        if isinstance(document, dict)
    }
    assert {kind.name for kind in KINDS} <= applied


def test_make_help_lists_every_target() -> None:
    phony = re.search(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)
    assert phony is not None
    assert set(phony[1].split()) == targets()


class TestReadme:
    """The front page says what is true: names, paths and examples are compared with the code."""

    def test_is_short_enough_to_be_read(self) -> None:
        assert len(README.splitlines()) <= 400

    @pytest.mark.parametrize("kind", KINDS, ids=str)
    def test_lists_every_kind_with_its_own_fields(self, kind: Kind) -> None:
        rows = [row for row in rows_of("Kinds") if row[0] == f"`{kind.name}`"]
        assert len(rows) == 1
        _, short, action, _, fields, _ = rows[0]
        assert (short, action) == (f"`{kind.short}`", kind.action)
        own = kind.spec.model_fields.keys() - ActionSpec.model_fields.keys()
        for name in own:
            assert f"`{camel(name)}`" in fields

    def test_lists_every_common_field_and_which_may_change(self) -> None:
        listed = [row[0].strip("`") for row in rows_of("Fields of every kind")]
        assert sorted(listed) == sorted(map(camel, ActionSpec.model_fields))
        changing = re.search(r"cannot be changed, except for (.*?)\. ", README, re.DOTALL)
        assert changing is not None
        assert set(re.findall(r"`(\w+)`", changing[1])) == set(map(camel, MUTABLE))

    def test_lists_every_reason_once(self) -> None:
        listed = [row[0].strip("`") for row in rows_of("Reasons")]
        assert sorted(listed) == sorted(Reason)

    def test_gives_the_advice_on_each_reason_that_the_types_give(self) -> None:
        for name, advice in rows_of("Reasons"):
            reason = Reason(name.strip("`"))
            if reason is Reason.OUTCOME_UNKNOWN:  # there is a section to point to
                assert advice.startswith(f"{ADVICE[reason]}, see [")
            else:
                assert advice == ADVICE[reason]

    def test_has_the_truth_table_of_the_conditions(self) -> None:
        section = section_of("Phases and conditions")
        types = [cell.strip() for cell in section.split("|")[2:8]]
        assert sorted(types) == sorted(ConditionType)
        rows = rows_of("Phases and conditions")
        assert [re.search(r"`(\w+)`", row[0])[1] for row in rows] == list(Phase)  # type: ignore[index]
        for phase, row in zip(Phase, rows, strict=True):
            truth = TRUTH[phase]
            for type_, cell in zip(types, row[1:], strict=True):
                value = getattr(truth, type_.lower())
                wanted = set(value) if isinstance(value, frozenset) else {value}
                assert set(re.findall(r"True|False|Unknown", cell)) == wanted, (phase, type_)

    def test_names_only_targets_that_make_has(self) -> None:
        named = set(re.findall(r"(?:`|^\$ )make ([a-z0-9]+)", README, re.MULTILINE))
        assert named
        assert named <= targets()

    def test_names_only_settings_that_the_operator_has(self) -> None:
        settings = {field.name for field in dataclasses.fields(Config)}
        settings |= {"log_level", "log_format"}
        variables = set(re.findall(r"\bSERVERACTIONS_([A-Z_]+)", README))
        flags = set(re.findall(r"(?<![-\w])--[a-z][-a-z]*", README)) - OTHERS_FLAGS
        assert {name.lower() for name in variables} <= settings
        assert {flag[2:].replace("-", "_") for flag in flags} <= settings
        assert flags, "the table of settings is there"

    def test_names_only_paths_that_exist(self) -> None:
        links = re.findall(r"\]\(([^)#]+)\)", README)
        spans = re.findall(r"`((?:deploy|operator|crds|tests)(?:/[\w./-]*)?)`", README)
        below = [
            f"operator/serveractions/{path}"
            for path in re.findall(r"`((?:api|actions)/[\w./]*)`", README)
        ]
        for path in {*links, *spans, *below}:
            assert "://" in path or (ROOT / path).exists() or path.endswith("__init__.py"), path

    def test_links_only_to_sections_that_exist(self) -> None:
        headings = re.findall(r"^#+ (.*)$", README, re.MULTILINE)
        slugs = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
        assert set(re.findall(r"\]\(#([^)]+)\)", README)) <= slugs

    def test_has_examples_that_are_taken_as_they_are(self) -> None:
        seen = set()
        for example in examples():
            match example:
                case {"apiVersion": version, "kind": kind, "spec": spec} if kind in BY_NAME:
                    assert version == API_VERSION
                    BY_NAME[kind].spec.model_validate(spec)
                    seen.add("manifest")
                case {"kind": "Secret", "stringData": data}:
                    encoded = {key: value.encode() for key, value in data.items()}
                    for cloud in yaml.safe_load(data["clouds.yaml"])["clouds"]:
                        read_clouds(encoded, cloud_name=cloud, config=Config())
                    seen.add("secret")
                case {"status": status}:
                    Status.model_validate(status)
                    seen.add("status")
        assert seen == {"manifest", "secret", "status"}


def run(*command: str) -> str:
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)  # noqa: S603
    return done.stdout


def targets() -> set[str]:
    return set(
        re.findall(r"^ +make (\w+)", run("make", "--no-print-directory", "help"), re.MULTILINE)
    )


def section_of(heading: str) -> str:
    found = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", README, re.DOTALL | re.MULTILINE)
    assert found is not None, f"the README has no section {heading}"
    return found[1]


def rows_of(heading: str) -> list[list[str]]:
    """Return the cells of the section's first table, without its head."""
    lines = [line for line in section_of(heading).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def examples() -> Iterator[Any]:
    for block in re.findall(r"^```yaml[^\n]*\n(.*?)^```", README, re.DOTALL | re.MULTILINE):
        yield from yaml.safe_load_all(block)


def camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.title() for part in rest)
