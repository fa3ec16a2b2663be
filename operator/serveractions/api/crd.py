"""Renders crds/ from the Python types, so that the API server accepts what the operator reads.

`python -m serveractions.api.crd` writes the files, `--check` says whether they are stale.
"""

import argparse
import difflib
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pydantic.alias_generators import to_camel

from serveractions.api.conditions import PRISTINE
from serveractions.api.kinds import CATEGORIES, GROUP, KINDS, VERSION, Column, Kind
from serveractions.api.rules import VALIDATIONS
from serveractions.api.spec import MUTABLE, ActionSpec
from serveractions.api.status import Status
from serveractions.api.structural import Schema, structural

SELECTABLE = (".status.phase", ".status.server.id", ".status.requestId")
"""The fields that `kubectl get --field-selector` and the operator's watches can ask for."""

_FIRST_COLUMNS = (Column("Server", ".status.server.name"), Column("Phase", ".status.phase"))
_LAST_COLUMNS = (
    Column("Age", ".metadata.creationTimestamp", type="date"),
    Column("Request-ID", ".status.requestId", wide=True),
)
_WIDE_COLUMNS = (
    Column("Reason", '.status.conditions[?(@.type=="Ready")].reason', wide=True),
    Column("Message", ".status.message", wide=True),
)

_HEADER = """\
# Rendered from the types in operator/serveractions/api by `make crds`: change those, not this file.
"""


def render() -> dict[str, str]:
    """Return all files of crds/ by name."""
    files = {f"{kind.crd_name}.yaml": _rendered(kind) for kind in KINDS}
    files["kustomization.yaml"] = _dump(
        {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "resources": sorted(files),
        }
    )
    return files


@cache
def _rendered(kind: Kind) -> str:
    return _dump(custom_resource_definition(kind))


@cache
def custom_resource_definition(kind: Kind) -> Schema:
    """Return the CustomResourceDefinition of a kind; not to be changed by the caller."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": kind.crd_name},
        "spec": {
            "group": GROUP,
            "names": {
                "kind": kind.name,
                "listKind": f"{kind.name}List",
                "plural": kind.plural,
                "singular": kind.singular,
                "shortNames": [kind.short],
                "categories": list(CATEGORIES),
            },
            "scope": "Namespaced",
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "selectableFields": [{"jsonPath": path} for path in SELECTABLE],
                    "additionalPrinterColumns": list(_columns(kind)),
                    "schema": {"openAPIV3Schema": _schema(kind)},
                }
            ],
        },
    }


def _columns(kind: Kind) -> Iterator[Schema]:
    narrow = [column for column in kind.columns if not column.wide]
    wide = [column for column in kind.columns if column.wide]
    for column in (*_FIRST_COLUMNS, *narrow, *_LAST_COLUMNS, *wide, *_WIDE_COLUMNS):
        yield {
            "name": column.name,
            "type": column.type,
            "jsonPath": column.path,
            # kubectl shows what has a priority above 0 with `-o wide` only
            **({"priority": 1} if column.wide else {}),
        }


def _schema(kind: Kind) -> Schema:
    spec = structural(kind.spec)
    about = spec["description"]
    spec["description"] = (
        f"What to do. Fixed once the object exists, but for {_enumeration(_mutable(kind.spec))}."
    )
    spec.setdefault(VALIDATIONS, []).extend(_immutable(kind.spec))
    status = structural(Status, defaults=False)
    status["description"] = "What became of it; written by the operator."
    # Without it a new object has no conditions, which kstatus reads as done.
    status["default"] = PRISTINE.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return {
        "description": (
            f"{about} Sends Nova's action {kind.action} once; to run it again, create another"
            " object."
        ),
        "type": "object",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": spec,
            "status": status,
        },
    }


def _mutable(spec: type[ActionSpec]) -> list[str]:
    return [to_camel(name) for name in spec.model_fields if name in MUTABLE]


def _enumeration(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"


def _immutable(spec: type[ActionSpec]) -> Iterator[Schema]:
    """Yield one rule for each field that is not mutable, so that a new field is covered unasked.

    The rules stand at the level of spec: a rule at an optional field is not evaluated when that
    field appears later.
    """
    for name, field in spec.model_fields.items():
        if name in MUTABLE:
            continue
        key = to_camel(name)
        same = f"self.{key} == oldSelf.{key}"
        if not field.is_required():
            same = f"has(self.{key}) == has(oldSelf.{key}) && (!has(self.{key}) || {same})"
        yield {
            "rule": same,
            "message": f"'{key}' is fixed once the object exists: create another object instead",
            "fieldPath": f".{key}",
        }


class _Dumper(yaml.SafeDumper):
    """Folds prose, indents lists, and never abbreviates by anchors."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: FBT001, FBT002 - PyYAML's signature
        super().increase_indent(flow, False)  # noqa: FBT003 - PyYAML's signature

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represent(dumper: _Dumper, text: str) -> yaml.Node:
    style = ">" if len(text) > 60 and " " in text else None  # noqa: PLR2004 - prose, not names
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent)


def _dump(document: Schema) -> str:
    return _HEADER + yaml.dump(
        document, Dumper=_Dumper, sort_keys=False, width=100, allow_unicode=True
    )


def _differences(directory: Path, files: dict[str, str]) -> Iterator[str]:
    """Yield a unified diff from what is in the directory to what belongs there."""
    names = {path.name for path in directory.glob("*.yaml")} | files.keys()
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
    """Write crds/, or say whether it is stale. Return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m serveractions.api.crd", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if stale")
    parser.add_argument(
        "--directory", type=Path, default=Path("crds"), help="where the files are (default: crds)"
    )
    options = parser.parse_args(arguments)
    directory: Path = options.directory
    files = render()
    if options.check:
        diff = list(_differences(directory, files))
        sys.stdout.writelines(diff)
        if diff:
            sys.stderr.write("crds/ is not what the types say: run `make crds` and commit it\n")
        return 1 if diff else 0
    directory.mkdir(parents=True, exist_ok=True)
    for path in directory.glob("*.yaml"):
        if path.name not in files:
            path.unlink()  # of a kind that is no more
    for name, content in files.items():
        (directory / name).write_text(content, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
