"""The rendered CRDs: complete, bounded, and as the committed files are."""

import pytest
import yaml
from pydantic.alias_generators import to_camel

from serveractions.api import crd
from serveractions.api.conditions import PRISTINE
from serveractions.api.kinds import KINDS
from serveractions.api.rules import VALIDATIONS
from serveractions.api.spec import MUTABLE
from serveractions.api.status import Phase, Status


def schema(kind):
    rendered = crd.custom_resource_definition(kind)
    return rendered["spec"]["versions"][0]["schema"]["openAPIV3Schema"]


def nodes(node, path=""):
    yield path, node
    for name, inner in node.get("properties", {}).items():
        yield from nodes(inner, f"{path}.{name}")
    for key in ("items", "additionalProperties"):
        if key in node:
            yield from nodes(node[key], f"{path}[]")


def ours(kind):
    """Walk what is ours: not the envelope that Kubernetes defines."""
    for part in ("spec", "status"):
        yield from nodes(schema(kind)["properties"][part], f".{part}")


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_everything_has_a_type_a_description_and_a_bound(kind) -> None:
    for path, node in ours(kind):
        assert "type" in node, path
        assert node.get("description") or path.endswith("[]"), path
        assert node.keys().isdisjoint({"$ref", "anyOf", "allOf", "title", "nullable"}), path
        match node["type"]:
            case "string":
                assert {"maxLength", "enum", "format"} & node.keys(), path
            case "array":
                assert "maxItems" in node, path
            case "object":
                assert "properties" in node or "maxProperties" in node, path


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_every_field_is_fixed_or_mutable_and_the_mutable_ones_have_no_default(kind) -> None:
    spec = schema(kind)["properties"]["spec"]
    fixed = {rule.get("fieldPath", "").removeprefix(".") for rule in spec[VALIDATIONS]} - {""}
    mutable = {to_camel(name) for name in MUTABLE} & spec["properties"].keys()

    assert fixed | mutable == spec["properties"].keys()
    assert not fixed & mutable
    assert not [name for name in mutable if "default" in spec["properties"][name]]


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_an_optional_fixed_field_cannot_appear_later(kind) -> None:
    spec = schema(kind)["properties"]["spec"]
    for rule in spec[VALIDATIONS]:
        name = rule.get("fieldPath", "").removeprefix(".")
        if name and name not in spec["required"]:
            assert rule["rule"].startswith(f"has(self.{name}) == has(oldSelf.{name}) && ")


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_no_rule_can_refuse_the_operators_status_writes(kind) -> None:
    """Rules of the whole object or of the status would be evaluated on each of them."""
    assert VALIDATIONS not in schema(kind)
    assert not [
        path for path, node in ours(kind) if path.startswith(".status") and VALIDATIONS in node
    ]


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_the_status_defaults_to_pristine_and_to_nothing_else(kind) -> None:
    status = schema(kind)["properties"]["status"]

    assert Status.model_validate(status["default"]) == PRISTINE
    assert status["properties"]["phase"]["enum"] == list(Phase)
    assert not [
        path
        for path, node in ours(kind)
        if path.startswith(".status.") and "default" in node and path != ".status"
    ]


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_columns_and_selectable_fields_point_at_fields_that_exist(kind) -> None:
    version = crd.custom_resource_definition(kind)["spec"]["versions"][0]
    known = {path for path, _ in ours(kind)}
    columns = [column["jsonPath"] for column in version["additionalPrinterColumns"]]

    for path in [*columns, *(field["jsonPath"] for field in version["selectableFields"])]:
        assert path in known or path.startswith((".metadata.", ".status.conditions[?"))


def test_the_check_says_what_differs_and_writing_mends_it(tmp_path, capsys) -> None:
    assert crd.main(["--directory", str(tmp_path)]) == 0
    assert crd.main(["--check", "--directory", str(tmp_path)]) == 0
    (tmp_path / "serverbackups.serveractions.dev.yaml").write_text("nonsense\n")
    (tmp_path / "serverresizes.serveractions.dev.yaml").write_text("of a kind that is no more\n")
    capsys.readouterr()

    assert crd.main(["--check", "--directory", str(tmp_path)]) == 1

    said = capsys.readouterr()
    assert "-nonsense" in said.out
    assert "-of a kind that is no more" in said.out
    assert "make crds" in said.err
    assert crd.main(["--directory", str(tmp_path)]) == 0
    assert crd.main(["--check", "--directory", str(tmp_path)]) == 0


def test_the_kustomization_lists_every_definition() -> None:
    files = crd.render()

    listed = yaml.safe_load(files.pop("kustomization.yaml"))["resources"]
    assert listed == sorted(files)
    assert len(files) == len(KINDS)
