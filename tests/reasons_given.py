"""Holds every status that an operator wrote in a whole test run to what the pages say of reasons.

The pages tell which reason goes with which phase, and which kind can give it. That is a claim about
all of the code, so all that the tests make the code do is the proof.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from audit import Audit
from secrecy import AGENT
from serveractions.api.kinds import KINDS, Kind
from serveractions.manual.facts import reasons_of


class Given(NamedTuple):
    """What one write said of one object."""

    kind: Kind
    namespace: str
    name: str
    phase: str
    reason: str
    stated: bool
    """Whether the write itself has the phase."""


_BY_PLURAL = {kind.plural: kind for kind in KINDS}


def check(audit: Audit) -> None:
    """Raise AssertionError where a status has a phase and a reason that no page has."""
    found = list(given(audit))
    told = Counter((each.kind, each.phase, each.reason) for each in found if each.stated)
    unknown = {
        f"{kind} {phase} {reason}": times
        for (kind, phase, reason), times in told.items()
        if phase not in {str(each) for each in _reasons(kind).get(reason, ())}
    }
    # An object that was deleted and made anew under its name began with another phase.
    unknown |= {
        f"{each.kind} {each.reason}": 1
        for each in found
        if not each.stated and each.reason not in _reasons(each.kind)
    }
    pairs = {pair[1:] for pair in told}
    print(f"\nreasons: {sum(told.values())} statuses with {len(pairs)} pairs of phase and reason")  # noqa: T201
    assert not unknown, f"correct api/reasons.py or manual/facts.py: {unknown}"


def _reasons(kind: Kind) -> dict[str, Any]:
    return {str(reason): phases for reason, phases in reasons_of(kind).items()}


def given(audit: Audit) -> Iterator[Given]:
    """Yield object, phase and reason of each status that the API server took.

    A write holds what changed, so that it may give a reason anew and leave the phase.
    """
    phases: dict[tuple[str, str, str], str] = {}
    for event in audit.events(agent=AGENT):
        target = event.get("objectRef") or {}
        status = (event.get("requestObject") or {}).get("status") or {}
        refused = (event.get("responseStatus") or {}).get("code", 0) not in range(200, 300)
        if target.get("subresource") != "status" or refused:
            continue
        name = (target["resource"], target.get("namespace", ""), target["name"])
        phase = phases[name] = status.get("phase", phases.get(name, "Pending"))
        for condition in status.get("conditions", ()):
            if condition["type"] == "Ready":
                kind = _BY_PLURAL[target["resource"]]
                yield Given(kind, *name[1:], phase, condition["reason"], "phase" in status)
