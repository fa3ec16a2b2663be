"""The pages: their links lead somewhere, and their examples are taken as they are."""

import re
from pathlib import Path

import pytest
import yaml

import documented
from documented import ROOT
from serveractions.api.kinds import API_VERSION
from serveractions.manual.judging import judge

PAGES = documented.pages()
EXAMPLES = [
    pytest.param(body, id=f"{page.relative_to(ROOT)}:{fence.line}")
    for page in PAGES
    for fence in documented.fences(page)
    if fence.language == "yaml"
    for body in yaml.safe_load_all("\n".join(fence.content))
    if isinstance(body, dict) and body.get("apiVersion") == API_VERSION and "spec" in body
]


def slugs(page: Path) -> set[str]:
    """Return what the headings of a page are called in links."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_links_only_to_what_exists(page: Path) -> None:
    for target, section in re.findall(r"\]\(([^)#\s]*)(?:#([^)]+))?\)", page.read_text()):
        if "://" in target:
            continue
        there = (page.parent / target).resolve() if target else page
        assert there.exists(), f"{target} in {page.name}"
        if section:
            assert section in slugs(there), f"{target}#{section} in {page.name}"


@pytest.mark.parametrize("body", EXAMPLES)
def test_an_example_would_be_taken(body: dict[str, object]) -> None:
    assert judge(body).problems == ()


def test_there_are_examples_on_several_pages() -> None:
    assert len({str(example.id).partition(":")[0] for example in EXAMPLES}) > len(PAGES) / 2


def test_the_changelog_has_the_version_that_is_built() -> None:
    built = re.search(r'^version = "(.*)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert built is not None
    first = re.search(r"^## (\S+?),? ", (ROOT / "deploy/CHANGELOG.md").read_text(), re.MULTILINE)
    assert first is not None
    assert first[1] == built[1]
