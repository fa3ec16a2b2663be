"""`serveractions explain` on a terminal and elsewhere."""

import argparse
import io

import pytest

from serveractions.api.kinds import KINDS
from serveractions.manual import explain
from serveractions.manual.facts import phases_of, reasons_of
from serveractions.manual.fields import tree


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def explained(*arguments: str, out: io.StringIO | None = None) -> str:
    parser = argparse.ArgumentParser()
    explain.add_arguments(parser)
    out = out or io.StringIO()
    assert explain.run(parser.parse_args(arguments), out) == 0
    return out.getvalue()


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_kind_is_explained_with_all_that_can_be_written_in_it(kind) -> None:
    text = " ".join(explained(kind.name).split())

    assert kind.action in text
    spec = next(field for field in tree(kind).fields if field.name == "spec")
    for field in spec.below():
        kind_of_value, *more = field.facts()
        facts = " ".join([f"<{kind_of_value}>", *([", ".join(more)] if more else [])])
        assert f"{field.name} {facts} {field.about.replace('`', chr(39))}" in text
    for rule in spec.rules:
        assert rule in text
    assert ", ".join(phases_of(kind)) in text
    for reason in reasons_of(kind):
        assert f"{reason} in " in text


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_every_field_at_every_depth_can_be_asked_for(kind) -> None:
    for field in tree(kind).below():
        if field.path[0] == "status" and kind is not KINDS[0]:
            continue  # that is the same for all
        text = " ".join(explained(".".join((kind.short, *field.path))).split())

        assert ".".join(field.path) in text
        assert field.about.replace("`", "'") in text
        for rule in field.rules:
            assert rule in text
        for below in field.fields:
            assert f"{below.name} <" in text


@pytest.mark.parametrize("name", ["ServerBackup", "serverbackup", "serverbackups", "SBK"])
def test_a_kind_answers_to_all_its_names(name) -> None:
    assert explained(name) == explained("sbk")


def test_a_field_says_whether_it_may_change() -> None:
    assert "fixed once the object exists" in explained("sbk.spec.rotation")
    assert "may be changed at any time" in explained("sbk.spec.cancel")


def test_only_recursive_shows_what_is_below_the_fields_below() -> None:
    assert "endpoint" not in explained("sbk.status")
    assert "endpoint" in explained("sbk.status", "--recursive")


def test_a_terminal_gets_colours_and_nothing_else_does(monkeypatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)

    assert "\x1b[" in explained("sbk", out=Terminal())
    plain = explained("sbk")
    assert "\x1b" not in plain
    assert not [line for line in plain.splitlines() if line != line.rstrip()]
    assert max(map(len, plain.splitlines())) <= 100


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ("ServerBakup", "there is no kind ServerBakup (did you mean ServerBackup?): name one of"),
        ("slm.spec.hots", "ServerLiveMigration.spec has no field hots (did you mean host?)"),
        ("slm.spec.host.name", "ServerLiveMigration.spec.host has no field name: it has none"),
    ],
)
def test_what_is_unknown_is_answered_with_what_there_is(what, says, capsys) -> None:
    code = explain.run(argparse.Namespace(what=what, recursive=False), io.StringIO())

    assert code == explain.UNKNOWN
    assert says in capsys.readouterr().err
