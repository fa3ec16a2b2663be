"""Renders deploy/kinds/: a page for each kind, from the Python types and the samples.

`python -m serveractions.manual.pages` writes the files, `--check` says whether they are stale.
"""

import argparse
import difflib
import json
import sys
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml

from serveractions.actions.microversions import FLOOR
from serveractions.api.conditions import TRUTH
from serveractions.api.kinds import API_VERSION, KINDS, Kind
from serveractions.api.reasons import ADVICE
from serveractions.api.status import Phase
from serveractions.manual.facts import phases_of, reasons_of
from serveractions.manual.fields import Field, tree
from serveractions.manual.request import Request, request_of

SAMPLES = Path("deploy/samples")
PAGES = Path("deploy/kinds")
_WIDTH = 120


def render(samples: Path) -> dict[str, str]:
    """Return all pages by the name of their file.

    Args:
        samples: The folder with a manifest of each kind.
    """
    pages = {
        f"{kind.singular}.md": _page(kind, (samples / f"{kind.singular}.yaml").read_text("utf-8"))
        for kind in KINDS
    }
    pages["README.md"] = _contents()
    return pages


def _contents() -> str:
    rows = [
        f"| [{kind.name}]({kind.singular}.md) | `{kind.short}` | `{kind.action}` |"
        f" {_first_sentence(kind)} |"
        for kind in KINDS
    ]
    return "\n".join(
        [
            "# The kinds",
            "",
            *_prose(
                f"Seven kinds of `{API_VERSION}`, each one Nova action. The pages are rendered from"
                " the types in `operator/serveractions/api` by `make pages`: change those, not"
                " these files. `serveractions explain KIND` tells the same on a terminal."
            ),
            "",
            "| Kind | Short | Nova action | |",
            "|---|---|---|---|",
            *rows,
            "",
            "## Without a cluster",
            "",
            *_prose(
                "`explain` tells what is on these pages, and `validate` says whether the API server"
                " would take a file: it is of one mind with `kubectl apply` on fields, bounds and"
                " rules. It ends with 0 if all would be taken and with 2 otherwise, so it fits into"
                " the check of a merge request. `-o json` is for programs."
            ),
            "",
            "```console",
            "$ serveractions explain slm",
            "$ serveractions explain ServerBackup.spec.rotation",
            "$ serveractions validate -f deploy/samples",
            "$ source <(serveractions completion bash)",
            "```",
            "",
            *_prose(
                "`serveractions` is what the Python package installs; from a checkout it is"
                " `PYTHONPATH=operator .venv/bin/python -m serveractions`."
            ),
            "",
        ]
    )


def _page(kind: Kind, sample: str) -> str:
    spec = kind.spec.model_validate(yaml.safe_load(sample)["spec"])
    lines = [
        f"# {kind.name}",
        "",
        *_prose(tree(kind).about),
        "",
        *_prose(
            f"`{API_VERSION}`, in a namespace. For kubectl it is `{kind.plural}`,"
            f" `{kind.singular}` and `{kind.short}`."
            " This page is rendered from the types by `make pages`."
        ),
        "",
        "## Example",
        "",
        "```yaml",
        *sample.rstrip("\n").splitlines(),
        "```",
        "",
        "## Spec",
        "",
        *_prose(
            "What is fixed cannot be changed once the object exists: create another object instead."
        ),
        "",
        *_fields(tree(kind), "spec"),
        "",
        "## What it asks of Nova",
        "",
        *_request(request_of(kind, spec)),
        "",
        "## Phases",
        "",
        *_phases(kind),
        "",
        "## Reasons",
        "",
        *_prose(
            "The same in all conditions; `status.message` is the sentence to read beside it. The"
            " runbook says more of each."
        ),
        "",
        *_reasons(kind),
        "",
        "## Status",
        "",
        *_prose("Written by the operator. What is not known is left out."),
        "",
        *_fields(tree(kind), "status"),
        "",
    ]
    return "\n".join(lines)


def _fields(root: Field, part: str) -> Iterator[str]:
    (field,) = (field for field in root.fields if field.name == part)
    for rule in field.rules:
        yield from _prose(f"A rule of the whole: {rule}.")
        yield ""
    for each in field.below():
        yield from _item(each)


def _item(field: Field) -> Iterator[str]:
    indent = "  " * (len(field.path) - 2)
    facts = list(field.facts())
    if field.path[0] == "spec" and len(field.path) == 2:  # noqa: PLR2004 - not what is below them
        facts.append("fixed" if field.fixed else "may be changed")
    head = f"{indent}- **`{field.name}`** ({', '.join(facts)})"
    yield from textwrap.wrap(
        f"{head} {field.about}",
        _WIDTH,
        subsequent_indent=f"{indent}  ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    for rule in field.rules:
        yield from textwrap.wrap(
            f"{indent}  Otherwise it is refused: {rule}.",
            _WIDTH,
            subsequent_indent=f"{indent}  ",
            break_long_words=False,
            break_on_hyphens=False,
        )


def _request(request: Request) -> Iterator[str]:
    sent = request.sent
    yield "One request, here for the example above:"
    yield ""
    yield "```"
    yield f"{sent.method} {sent.path}"
    yield f"OpenStack-API-Version: compute {sent.microversion}"
    yield ""
    yield from json.dumps(sent.body, indent=2, ensure_ascii=False).splitlines()
    yield "```"
    yield ""
    if request.later:
        yield "What may follow, each recorded in `status.followUps` before it is sent:"
        yield ""
        for later, when in request.later:
            body = "" if later.body is None else f" `{json.dumps(later.body)}`"
            yield f"- {when}: `{later.method} {later.path}`{body} at {later.microversion}"
        yield ""
    for fact in _facts(request):
        yield from textwrap.wrap(f"- {fact}", _WIDTH, subsequent_indent="  ")


def _facts(request: Request) -> Iterator[str]:
    if request.oldest != request.sent.microversion:
        yield (
            f"Microversion {request.sent.microversion} is the newest it is asked with. An older"
            f" Nova is asked with its own newest, down to {FLOOR}; below that it is not asked."
        )
    else:
        yield f"A Nova that does not speak microversion {FLOOR} is not asked."
    yield from _hindrances(request)
    if request.record is not None:
        yield f"Nova's record of it: the instance action `{request.record}`."
    else:
        yield "Nova keeps no record of it."
    if request.settled:
        yield "Nova stops half-way, in VERIFY_RESIZE: the operator sends a confirm or a revert."
    for rule in request.rules:
        when = f", {rule.when}" if rule.when else ""
        yield f"Policy rule `{rule.name}`{when}: by default for role {rule.role}."
    if any(rule.role == "manager" for rule in request.rules):
        yield "Before Nova 32 (2025.2) what is a manager's here was an administrator's."


def _hindrances(request: Request) -> Iterator[str]:
    """Yield what keeps it from being sent, or from being taken."""
    anyway = "it is sent all the same, and the object shows Nova's own answer."
    if not request.other_states:
        yield "Nova takes it in any state of the server."
    elif len(request.other_states) < len(request.states):
        but = ", ".join(request.other_states)
        yield f"Nova takes it in any vm_state but {but}. There {anyway}"
    else:
        yield f"Nova takes it in vm_state {', '.join(request.states)}. In another {anyway}"
    yield (
        "While Nova runs a task on the server it waits, with reason `ServerBusy`."
        if request.waits_for_task
        else "A task that Nova runs on the server does not make it wait."
    )
    yield (
        "A locked server takes it from an administrator only."
        if request.obeys_lock
        else "A lock of the server does not keep it off."
    )
    yield (
        "One at a time for each server: the older object goes first."
        if request.alone
        else "It waits only for others of its own kind on the server, not for other actions."
    )


def _phases(kind: Kind) -> Iterator[str]:
    yield "| Phase | Issued | Succeeded | Finished |"
    yield "|---|---|---|---|"
    for phase in phases_of(kind):
        truth = TRUTH[phase]
        issued = " or ".join(sorted(truth.issued))
        succeeded: str = truth.succeeded
        if phase is Phase.FAILED:
            succeeded += ", Unknown with reason `OutcomeUnknown`"
        yield f"| `{phase}` | {issued} | {succeeded} | {truth.finished} |"


def _reasons(kind: Kind) -> Iterator[str]:
    yield "| Reason | In phase | What to do |"
    yield "|---|---|---|"
    for reason, phases in reasons_of(kind).items():
        link = f"[{reason}](../runbook.md#{reason.lower()})"
        yield f"| {link} | {', '.join(phases)} | {ADVICE[reason]} |"


def _first_sentence(kind: Kind) -> str:
    return " ".join((kind.spec.__doc__ or "").split("\n\n")[0].split())


def _prose(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, break_long_words=False, break_on_hyphens=False)


def _differences(directory: Path, files: dict[str, str]) -> Iterator[str]:
    names = {path.name for path in directory.glob("*.md")} | files.keys()
    for name in sorted(names):
        path = directory / name
        old = path.read_text(encoding="utf-8") if path.exists() else ""
        yield from difflib.unified_diff(
            old.splitlines(keepends=True),
            files.get(name, "").splitlines(keepends=True),
            f"{name} (as it is)",
            f"{name} (as the types say)",
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Write deploy/kinds/, or say whether it is stale. Return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m serveractions.manual.pages", description=__doc__
    )
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if stale")
    parser.add_argument("--samples", type=Path, default=SAMPLES, help="default: deploy/samples")
    parser.add_argument("--directory", type=Path, default=PAGES, help="default: deploy/kinds")
    options = parser.parse_args(arguments)
    directory: Path = options.directory
    files = render(options.samples)
    if options.check:
        diff = list(_differences(directory, files))
        sys.stdout.writelines(diff)
        if diff:
            sys.stderr.write(
                "deploy/kinds is not what the types say: run `make pages` and commit it\n"
            )
        return 1 if diff else 0
    directory.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (directory / name).write_text(content, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
