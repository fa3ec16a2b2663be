"""Searches all that the operator wrote in a whole test run for what it must never write.

Passwords and the values of Secrets are known and looked for in every form that a program gives a
text on its way into a log or a JSON document. Tokens are not known, but look like nothing else.
"""

import base64
import html
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import requests
import yaml

from audit import Audit
from local_stack.kubernetes import ControlPlane
from serveractions.api.kinds import GROUP, KINDS, VERSION

AGENT = "serveractions"
"""What the operator calls itself where the API server asks."""
SHORTEST = 6
"""Bytes: what is shorter is found in any text."""
METRICS = ".metrics"
"""The ending of the files in which metrics are kept."""
STARTED = b"probes and metrics are served on"
"""A line that every operator writes, and nothing else does."""
PATTERNS = {
    "a token of Keystone's": re.compile(rb"gAAAAA[A-Za-z0-9_-]{20,}"),
    "a token of Kubernetes's": re.compile(rb"eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}"),
    "a field for a password": re.compile(rb"adminPass\W{1,6}[^\s\"'\\]"),
    "a private key": re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY"),
}


def forms(value: bytes) -> dict[bytes, str]:
    """Return every way in which a value may stand somewhere, with what that way is called."""
    found = {value: "as it is"}

    def add(way: str, form: bytes) -> None:
        found.setdefault(form, way)

    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for before in range(3):  # what stands before it in the same base64 moves its letters
            whole = encode(bytes(before) + value)
            begin = -(-before * 8 // 6)
            end = (before + len(value)) * 8 // 6
            add("base64", whole[begin:end])
    add("hexadecimal", value.hex().encode())
    add("hexadecimal", value.hex().upper().encode())
    add("bytes in Python", repr(value)[2:-1].encode())
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return found
    for way, form in (
        ("URL", quote(text, safe="")),
        ("URL", quote(text)),
        ("form", quote_plus(text)),
        ("JSON", json.dumps(text)[1:-1]),
        ("JSON", json.dumps(text, ensure_ascii=False)[1:-1]),
        ("JSON in JSON", json.dumps(json.dumps(text))[3:-3]),
        ("Python", repr(text)[1:-1]),
        ("HTML", html.escape(text)),
        ("UTF-16", text.encode("utf-16-le").decode("latin-1")),
    ):
        add(way, form.encode("latin-1" if way == "UTF-16" else "utf-8", "replace"))
    return found


@dataclass(frozen=True)
class Finding:
    """Something that stands where it must not; it does not say what, reports are read by many."""

    what: str
    way: str
    where: str

    def __str__(self) -> str:
        return f"{self.what} stands ({self.way}) in {self.where}"


@dataclass
class Searcher:
    """What is looked for, and where it was found."""

    known: dict[bytes, str] = field(default_factory=dict)
    _forms: dict[bytes, tuple[str, str]] = field(default_factory=dict)

    def add(self, what: str, value: str | bytes) -> None:
        """Look for a value, unless it is too short to be told from other text."""
        raw = (value.encode() if isinstance(value, str) else value).strip()
        if len(raw) < SHORTEST or raw in self.known:
            return
        self.known[raw] = what
        for form, way in forms(raw).items():
            self._forms.setdefault(form, (what, way))

    def search(self, where: str, content: bytes) -> list[Finding]:
        """Return what stands in a content."""
        found = {
            Finding(what, way, where)
            for form, (what, way) in self._forms.items()
            if form in content
        }
        shapes = {
            Finding(what, "by its form", where)
            for what, pattern in PATTERNS.items()
            if pattern.search(content)
        }
        return sorted(found | shapes, key=str)


class Cluster:
    """The API server, as its administrator reads it."""

    def __init__(self, kubernetes: ControlPlane) -> None:
        self.plane = kubernetes
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.verify = str(kubernetes.authority)
        self._session.headers["Authorization"] = f"Bearer {kubernetes.credentials.admin_token}"

    def list(self, path: str) -> bytes:
        """Return a whole list as JSON."""
        answer = self._session.get(self.plane.server + path, timeout=60)
        answer.raise_for_status()
        return answer.content


def add_secrets(searcher: Searcher, cluster: Cluster) -> None:
    """Look for what stands in the cluster's Secrets, and for the keys to the cluster itself.

    They are then looked for in the Secrets: a search that does not find them there finds nothing.
    """
    listed = cluster.list("/api/v1/secrets")
    for item in json.loads(listed)["items"]:
        name = f"{item['metadata']['namespace']}/{item['metadata']['name']}"
        for key, encoded in (item.get("data") or {}).items():
            value = base64.b64decode(encoded)
            if key == "clouds.yaml":
                for password in _passwords(value):
                    searcher.add(f"a password in Secret {name}", password)
            elif key != "cacert":  # certificates are there to be shown
                searcher.add(f"the key {key} of Secret {name}", value)
    found = {one.what for one in searcher.search("the Secrets", listed)}
    missed = {what for what in searcher.known.values() if "Secret " in what} - found
    assert not missed, f"the search does not find what is there: {missed}"
    for account, token in vars(cluster.plane.credentials).items():
        if account.endswith("_token"):
            searcher.add(f"the cluster's {account}", token)


def written(cluster: Cluster, audit: Audit) -> Iterator[tuple[str, Sequence[bytes]]]:
    """Yield all that the operator wrote anywhere, in pieces, with where that is."""
    for path in sorted(cluster.plane.supervisor.logs.iterdir()):
        content = path.read_bytes()
        if path.suffix == METRICS or STARTED in content:
            yield path.name, content.splitlines()
    yield "its writes", [json.dumps(event).encode() for event in audit.events(agent=AGENT)]
    for kind in KINDS:
        yield f"the {kind.plural}", [cluster.list(f"/apis/{GROUP}/{VERSION}/{kind.plural}")]
    yield "the Events", [cluster.list("/apis/events.k8s.io/v1/events")]


def check(
    kubernetes: ControlPlane, audit: Audit, *, passwords: Mapping[str, str] | None = None
) -> None:
    """Search everything; raise AssertionError where something was found.

    Args:
        kubernetes: The control plane, with its logs beside it.
        audit: Of its API server.
        passwords: Of the cloud's users, by name.
    """
    cluster, searcher = Cluster(kubernetes), Searcher()
    for user, password in (passwords or {}).items():
        searcher.add(f"the password of {user}", password)
    add_secrets(searcher, cluster)
    found: list[Finding] = []
    places: dict[str, int] = {}
    for where, pieces in written(cluster, audit):
        whole = b"\n".join(pieces)
        places[where] = len(whole)
        if searcher.search(where, whole):
            found += [
                each
                for number, piece in enumerate(pieces, 1)
                for each in searcher.search(f"{where}, {number}", piece)
            ]
    logs = sum(place.endswith(".log") for place in places)
    print(  # noqa: T201 - what was searched belongs into the report
        f"\nsecrecy: {len(searcher.known)} secrets looked for in"
        f" {sum(places.values()) / 2**20:.1f} MiB: {logs} logs,"
        f" {sum(place.endswith(METRICS) for place in places)} sets of metrics, all writes, objects"
        " and Events"
    )
    assert places["its writes"] or not logs, "the audit log has no write of the operator"
    assert not found, "\n".join(map(str, found[:50]))


def keep_metrics(logs: Path, name: str, probes: str) -> None:
    """Keep what an operator's metrics are, before it goes."""
    try:
        text = requests.get(f"{probes}/metrics", timeout=10).text
    except requests.RequestException:
        return  # it has gone already, and its last metrics with it
    with (logs / f"{name}{METRICS}").open("a") as kept:
        kept.write(text)


def _passwords(clouds_yaml: bytes) -> Iterator[str]:
    """Yield the passwords of a clouds.yaml, nothing where it is none: some tests write such."""
    try:
        document: Any = yaml.safe_load(clouds_yaml)
        clouds = list(document["clouds"].values())
    except (yaml.YAMLError, ValueError, TypeError, LookupError, AttributeError):
        return
    for cloud in clouds:
        auth = cloud.get("auth") if isinstance(cloud, dict) else None
        for key in ("password", "application_credential_secret"):
            if isinstance(auth, dict) and isinstance(auth.get(key), str):
                yield auth[key]
