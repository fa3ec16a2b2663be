"""The search of a whole test run for secrets must be able to find one."""

import base64
import json
from collections.abc import Callable
from urllib.parse import quote, quote_plus, urlencode

import pytest

from secrecy import PATTERNS, Finding, Searcher

PASSWORD = 'pä "ss/w+ord\\ n=1'
TOKEN = "gAAAAABmZ-" + "x1Y_" * 30
ACCOUNT = "eyJhbGciOiJSUzI1NiIs.eyJpc3MiOiJrdWJlcm5l.c2lnbmF0dXJl"

WAYS: dict[str, Callable[[str], str]] = {
    "as it is": lambda text: f"password={text}.",
    "in quotes of Python's": lambda text: f"auth failed: { ({'password': text})!r}",
    "as bytes of Python's": lambda text: f"body {text.encode()!r}",
    "in JSON": lambda text: json.dumps({"password": text}),
    "in JSON of the API server's": lambda text: json.dumps({"a": text}, ensure_ascii=False),
    "in JSON in JSON": lambda text: json.dumps({"patch": json.dumps({"p": text})}),
    "in base64": lambda text: base64.b64encode(text.encode()).decode(),
    "in base64 behind something": lambda text: base64.b64encode(f"x:{text}".encode()).decode(),
    "in base64 within something": lambda text: base64.b64encode(
        f"ab{{{text}}}yz".encode()
    ).decode(),
    "in base64 for URLs": lambda text: base64.urlsafe_b64encode(f"1{text}!".encode()).decode(),
    "as basic authentication": lambda text: (
        "Authorization: Basic " + base64.b64encode(f"admin:{text}".encode()).decode()
    ),
    "in a URL": lambda text: f"https://admin:{quote(text, safe='')}@keystone/v3",
    "in a path": lambda text: f"/v3/{quote(text)}",
    "in a query": lambda text: "?" + urlencode({"password": text}),
    "in a form": quote_plus,
    "in hexadecimal": lambda text: text.encode().hex(),
}


def searcher(*values: str) -> Searcher:
    made = Searcher()
    for number, value in enumerate(values):
        made.add(f"secret {number}", value)
    return made


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("secret", [PASSWORD, "hunter22", "Right-Key-H7sV", "ü" * 8])
def test_a_secret_is_found_however_it_is_written(way: str, secret: str) -> None:
    line = f"12:00 INFO x {WAYS[way](secret)} y"
    assert [one.what for one in searcher(secret).search("a log", line.encode())][:1] == ["secret 0"]


@pytest.mark.parametrize("way", WAYS)
def test_another_secret_is_not_taken_for_it(way: str) -> None:
    line = WAYS[way]("another-password")
    found = [one.what for one in searcher(PASSWORD).search("a log", line.encode())]
    assert "secret 0" not in found


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (f"X-Subject-Token: {TOKEN}", "a token of Keystone's"),
        (f"Authorization: Bearer {ACCOUNT}", "a token of Kubernetes's"),
        ('{"changePassword": {"adminPass": "a"}}', "a field for a password"),
        ("{'adminPass': 'a'}", "a field for a password"),
        ('{\\"adminPass\\": \\"a\\"}', "a field for a password"),
        ("-----BEGIN RSA PRIVATE KEY-----", "a private key"),
    ],
)
def test_what_looks_like_a_secret_is_found_without_being_known(text: str, what: str) -> None:
    assert searcher().search("a log", text.encode()) == [Finding(what, "by its form", "a log")]
    assert what in PATTERNS


def test_ordinary_lines_are_not_taken_for_secrets() -> None:
    lines = (
        b"INFO serveractions.core.issue Nova answered changePassword with 202 server=1bea47ed-f6a9"
        b' {"passwordSecretRef": {"name": "web-1", "key": "password"}} req-3f2c8a51-9f0e-4a3b-8f59'
    )
    assert searcher(PASSWORD).search("a log", lines) == []


def test_a_secret_too_short_to_be_told_from_other_text_is_not_looked_for() -> None:
    assert searcher("abc", "  ab\n").known == {}


def test_a_finding_does_not_repeat_the_secret() -> None:
    found = searcher(PASSWORD).search("a log", json.dumps(PASSWORD).encode())
    assert found
    assert not any(PASSWORD in str(one) or "ss/w" in str(one) for one in found)
