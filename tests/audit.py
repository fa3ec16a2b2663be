"""The API server's own account of who wrote what: its audit log, of writes only.

Counting what a client believes to have sent would miss what a library sends on its own.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {"level": "Metadata", "verbs": ["create", "update", "patch", "delete", "deletecollection"]},
        {"level": "None"},
    ],
}


@dataclass(frozen=True, kw_only=True)
class Write:
    """One write that the API server answered."""

    agent: str
    verb: str
    resource: str
    subresource: str
    namespace: str
    name: str
    code: int

    def __str__(self) -> str:
        what = "/".join(part for part in (self.resource, self.subresource) if part)
        return f"{self.verb} {what} {self.namespace}/{self.name} -> {self.code} by {self.agent}"


class Audit:
    """The audit log of one API server."""

    def __init__(self, directory: Path) -> None:
        """Write the policy into a directory; the log will be there too."""
        self._policy = directory / "audit-policy.yaml"
        self._log = directory / "audit.log"
        self._policy.write_text(yaml.safe_dump(POLICY))

    @property
    def flags(self) -> Sequence[str]:
        """What the API server is started with."""
        return (f"--audit-policy-file={self._policy}", f"--audit-log-path={self._log}")

    def writes(self, *, user: str) -> list[Write]:
        """Return all writes of a user so far, in order; those under way are not there yet."""
        found = []
        with self._log.open() as log:
            for line in log:
                if not line.endswith("\n"):
                    break  # it is just being written
                event = json.loads(line)
                if event["user"]["username"] == user:
                    found.append(_write(event))
        return found


def _write(event: dict[str, object]) -> Write:
    target, answer = event.get("objectRef") or {}, event.get("responseStatus") or {}
    assert isinstance(target, dict)
    assert isinstance(answer, dict)
    return Write(
        agent=str(event.get("userAgent", "")),
        verb=str(event["verb"]),
        resource=target.get("resource", ""),
        subresource=target.get("subresource", ""),
        namespace=target.get("namespace", ""),
        name=target.get("name", ""),
        code=answer.get("code", 0),
    )
