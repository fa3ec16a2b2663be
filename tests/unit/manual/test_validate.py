"""`serveractions validate`: what it says and how it ends. That the API server is of the same mind
is shown in tests/integration/test_validate.py.
"""

import argparse
import io
import json

import pytest
import yaml

import api_cases
from serveractions.api.kinds import KINDS
from serveractions.core import marks
from serveractions.manual import validate
from serveractions.manual.judging import judge
from serveractions.manual.manifests import read

GOOD = api_cases.manifest("ServerMigration", "one", api_cases.smallest("ServerMigration"))


@pytest.fixture
def validated(tmp_path, monkeypatch):
    """Run the command on texts, each of which becomes a file."""
    monkeypatch.chdir(tmp_path)

    def run(*texts: str, arguments: tuple[str, ...] = ()):
        for number, text in enumerate(texts, 1):
            (tmp_path / f"{number}.yaml").write_text(text)
        parser = argparse.ArgumentParser()
        validate.add_arguments(parser)
        files = [f"{number}.yaml" for number in range(1, len(texts) + 1)]
        out = io.StringIO()
        code = validate.run(parser.parse_args([*arguments, "-f", *files]), out)
        return code, out.getvalue()

    return run


def messages(body):
    return {problem.field: problem.message for problem in judge(body).problems}


@pytest.mark.parametrize("case", api_cases.ACCEPTED, ids=lambda case: case.id)
def test_a_good_object_has_no_problem(case) -> None:
    assert messages(api_cases.manifest(case.kind, "case", case.spec)) == {}


@pytest.mark.parametrize("case", api_cases.REFUSED, ids=lambda case: case.id)
def test_a_bad_object_is_told_the_field_and_what_to_write(case) -> None:
    told = messages(api_cases.manifest(case.kind, "case", case.spec))

    assert told
    assert all(field.startswith("spec") for field in told)
    assert all(say.startswith(("write", "choose", "'")) for say in told.values())
    if case.rule:
        assert any(case.says in say for say in told.values())


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_kind_of_another_version_or_a_misspelt_one_is_not_skipped(kind) -> None:
    body = api_cases.manifest(kind.name, "one", api_cases.smallest(kind.name))

    assert messages(body | {"apiVersion": "serveractions.dev/v1"}).keys() == {"apiVersion"}
    told = messages(body | {"kind": kind.name + "s"})
    assert f"did you mean {kind.name}?" in told["kind"]


def test_a_misspelt_field_is_told_with_the_right_one_at_any_depth() -> None:
    body = GOOD | {"spce": {}, "spec": GOOD["spec"] | {"hots": "a"}}
    body["spec"] = body["spec"] | {"serverRef": {"ID": "x", "name": "web-1"}}

    told = messages(body)

    assert "did you mean spec?" in told["spce"]
    assert "did you mean host?" in told["spec.hots"]
    assert "spec.serverRef.ID" in told


def test_the_answer_names_file_document_object_and_field(validated) -> None:
    bad = GOOD | {"spec": GOOD["spec"] | {"host": "compute 3"}}
    code, text = validated(yaml.safe_dump_all([GOOD, bad]))

    assert code == 2
    assert text.splitlines()[0] == "1.yaml, document 1: ServerMigration default/one: valid"
    assert (
        text.splitlines()[1] == "1.yaml, document 2: ServerMigration default/one: would be refused"
    )
    assert text.splitlines()[2].startswith("  spec.host: write a compute host as")


def test_the_exit_code_is_zero_only_if_all_would_be_taken(validated) -> None:
    good, bad = yaml.safe_dump(GOOD), yaml.safe_dump(GOOD | {"spec": {}})

    assert validated(good)[0] == 0
    assert validated(good, good)[0] == 0
    assert validated(good, bad)[0] == 2
    assert validated("kind: Secret\napiVersion: v1\nmetadata: {name: a}\n", good)[0] == 0
    assert validated("a: [\n", good)[0] == 2
    assert validated("# nothing\n")[0] == 2


def test_json_has_the_same_for_programs(validated) -> None:
    bad = yaml.safe_dump(GOOD | {"spec": GOOD["spec"] | {"confirmation": "manual"}})
    code, text = validated(bad, arguments=("-o", "json"))

    assert code == 2
    answer = json.loads(text)
    assert answer["valid"] is False
    (only,) = answer["objects"]
    assert (only["file"], only["document"], only["kind"]) == ("1.yaml", 1, "ServerMigration")
    assert (only["namespace"], only["name"], only["verdict"]) == ("default", "one", "invalid")
    assert only["errors"] == [
        {"field": "spec.confirmation", "message": "write one of Automatic, Manual"}
    ]


def test_what_cannot_be_read_is_told_with_its_place(validated, tmp_path) -> None:
    code, text = validated("metadata:\n  name: [a\n")

    assert code == 2
    assert text.startswith("1.yaml: line ")
    parser = argparse.ArgumentParser()
    validate.add_arguments(parser)
    out = io.StringIO()
    assert validate.run(parser.parse_args(["-f", str(tmp_path / "none.yaml")]), out) == 2
    assert "none.yaml: No such file or directory" in out.getvalue()


def test_a_directory_stands_for_its_manifests(tmp_path) -> None:
    (tmp_path / "one.yaml").write_text(yaml.safe_dump(GOOD))
    (tmp_path / "two.json").write_text(json.dumps(GOOD))
    (tmp_path / "notes.txt").write_text("a: [")
    parser = argparse.ArgumentParser()
    validate.add_arguments(parser)
    out = io.StringIO()

    assert validate.run(parser.parse_args(["-f", str(tmp_path)]), out) == 0
    assert len(out.getvalue().splitlines()) == 2


def test_standard_input_is_read(monkeypatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(yaml.safe_dump(GOOD)))
    out = io.StringIO()
    parser = argparse.ArgumentParser()
    validate.add_arguments(parser)

    assert validate.run(parser.parse_args(["-f", "-"]), out) == 0
    assert out.getvalue() == "standard input: ServerMigration default/one: valid\n"


def test_a_key_that_stands_twice_is_taken_with_a_warning(validated) -> None:
    code, text = validated(yaml.safe_dump(GOOD) + "kind: ServerMigration\n")

    assert code == 0
    assert "warning: line " in text
    assert "'kind' stands twice" in text


def test_a_copy_of_an_object_that_was_taken_up_is_warned_of() -> None:
    about = GOOD["metadata"] | {"annotations": {marks.ANNOTATION: "{}"}}
    judged = judge(GOOD | {"metadata": about})

    assert not judged.problems
    assert "ends as RestoredCopy" in judged.warnings[0]


def test_a_name_to_be_generated_is_taken_with_a_warning() -> None:
    judged = judge(GOOD | {"metadata": {"generateName": "nightly-"}})

    assert not judged.problems
    assert "kubectl apply" in judged.warnings[0]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("yes", True),
        ("y", True),
        ("Off", False),
        ("'yes'", "yes"),
        ("~", None),
        ("0777", 511),
        ("0x1F", 31),
        ("1_000", 1000),
        ("-3", -3),
        ("1e3", 1000),
        ("1.5", 1.5),
        ("7.0", 7),
        ("1:30", "1:30"),
        ("089", 89),
        ("2026-12-01T06:00:00Z", "2026-12-01T06:00:00Z"),
        ("2026-12-01", "2026-12-01"),
        ("!!str 7", "7"),
        ("{1: a, true: b}", {"1": "a", "true": "b"}),
        ("&a {b: 1}", {"b": 1}),
    ],
)
def test_a_plain_word_means_what_it_means_to_kubectl(written, meant, tmp_path) -> None:
    (tmp_path / "a.yaml").write_text(f"a: {written}\n")

    (document,) = read(str(tmp_path / "a.yaml"))

    assert document.body == {"a": meant}
    assert type(document.body["a"]) is type(meant)


def test_json_is_read_with_tabs_and_one_object_after_the_other(tmp_path) -> None:
    (tmp_path / "a.json").write_text('{"a":\t1}\n\t{"b": "yes"}\n')

    assert [document.body for document in read(str(tmp_path / "a.json"))] == [
        {"a": 1},
        {"b": "yes"},
    ]


def test_merge_keys_and_lists_are_spread_out(tmp_path) -> None:
    (tmp_path / "a.yaml").write_text(
        "apiVersion: v1\nkind: List\nitems:\n- &one {kind: A, b: 1}\n- {<<: *one, b: 2}\n"
    )

    assert [document.body for document in read(str(tmp_path / "a.yaml"))] == [
        {"kind": "A", "b": 1},
        {"kind": "A", "b": 2},
    ]
