"""What the API server demands of an object's metadata when it is created."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_NAMESPACE = re.compile(_LABEL)
_WORD = re.compile("[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
_LONGEST_NAME, _LONGEST_LABEL = 253, 63
_ANNOTATIONS = 256 * 1024
_NAME_SAYS = (
    "write lower-case letters, digits, '-' and '.', beginning and ending with a letter or digit,"
    f" at most {_LONGEST_NAME} characters"
)
_TEXT, _NUMBER = (str,), (int,)
_FIELDS: dict[str, tuple[type, ...]] = {
    "name": _TEXT,
    "generateName": _TEXT,
    "namespace": _TEXT,
    "selfLink": _TEXT,
    "uid": _TEXT,
    "resourceVersion": _TEXT,
    "generation": _NUMBER,
    "creationTimestamp": _TEXT,
    "deletionTimestamp": _TEXT,
    "deletionGracePeriodSeconds": _NUMBER,
    "labels": (dict,),
    "annotations": (dict,),
    "ownerReferences": (list,),
    "finalizers": (list,),
    "managedFields": (list,),
}


_OWNER = ("apiVersion", "kind", "name", "uid")
_RFC3339 = re.compile(r"[0-9-]{10}T[0-9:]{8}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})")


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one field.

    Attributes:
        field: Its path, `spec.serverRef.id`.
        message: What to write instead.
    """

    field: str
    message: str


def problems(metadata: Any) -> Iterator[Problem]:
    """Yield what is wrong with the metadata of an object that is to be created."""
    if not isinstance(metadata, dict):
        yield Problem("metadata", "write it with a name below it")
        return
    given = {key: value for key, value in metadata.items() if value is not None}
    for key, value in given.items():
        if key not in _FIELDS:
            yield Problem(f"metadata.{key}", "no object has such a field: correct or remove it")
        elif not isinstance(value, _FIELDS[key]) or isinstance(value, bool):
            wanted = {str: "text, in quotes", int: "a whole number", dict: "a mapping"}
            say = wanted.get(_FIELDS[key][0], "a list")
            yield Problem(f"metadata.{key}", f"write {say}")
    right: dict[str, Any] = {
        key: value
        for key, value in given.items()
        if key in _FIELDS and isinstance(value, _FIELDS[key])
    }
    yield from _names(right)
    yield from _pairs("labels", right.get("labels", {}))
    yield from _pairs("annotations", right.get("annotations", {}))
    yield from _written_by_others(right)


def _written_by_others(metadata: dict[str, Any]) -> Iterator[Problem]:
    """Yield what is wrong with the fields that people seldom write."""
    for key in ("creationTimestamp", "deletionTimestamp"):
        if key in metadata and not _is_moment(metadata[key]):
            yield Problem(f"metadata.{key}", "remove it, the API server writes it")
    for finalizer in metadata.get("finalizers", ()):
        if not isinstance(finalizer, str):
            yield Problem("metadata.finalizers", "write text, in quotes")
    for owner in metadata.get("ownerReferences", ()):
        if not isinstance(owner, dict):
            yield Problem("metadata.ownerReferences", "write a mapping for each owner")
            continue
        for key in _OWNER:
            if not (isinstance(owner.get(key), str) and owner[key]):
                yield Problem(f"metadata.ownerReferences.{key}", f"write the owner's {key}")


def _is_moment(text: str) -> bool:
    try:
        return _RFC3339.fullmatch(text) is not None and bool(datetime.fromisoformat(text))
    except ValueError:
        return False


def _names(metadata: dict[str, Any]) -> Iterator[Problem]:
    name, prefix = metadata.get("name"), metadata.get("generateName")
    if not name and not prefix:
        yield Problem("metadata.name", "write a name for the object")
    if name and not (len(name) <= _LONGEST_NAME and _SUBDOMAIN.fullmatch(name)):
        yield Problem("metadata.name", _NAME_SAYS)
    if prefix:
        # An ending of '-' is what makes it a prefix.
        whole = prefix[:-1] + "a" if prefix.endswith("-") else prefix
        if not (len(whole) <= _LONGEST_NAME and _SUBDOMAIN.fullmatch(whole)):
            yield Problem("metadata.generateName", _NAME_SAYS)
    namespace = metadata.get("namespace")
    if namespace and not (len(namespace) <= _LONGEST_LABEL and _NAMESPACE.fullmatch(namespace)):
        yield Problem(
            "metadata.namespace",
            "write lower-case letters, digits and '-', beginning and ending with a letter or digit,"
            f" at most {_LONGEST_LABEL} characters",
        )


def _pairs(field: str, pairs: dict[str, Any]) -> Iterator[Problem]:
    labels = field == "labels"
    size = 0
    for key, value in pairs.items():
        path = f"metadata.{field}[{key}]"
        if not _qualified(key if labels else key.lower()):
            yield Problem(
                path,
                "write the key as letters, digits, '-', '_' and '.', at most"
                f" {_LONGEST_LABEL} characters, with a domain and a '/' before it where it has one",
            )
        if value is None:
            continue
        if not isinstance(value, str):
            yield Problem(path, "write text, in quotes")
            continue
        size += len(key.encode()) + len(value.encode())
        if labels and value and not (len(value) <= _LONGEST_LABEL and _WORD.fullmatch(value)):
            yield Problem(
                path,
                f"write at most {_LONGEST_LABEL} letters, digits, '-', '_' and '.', beginning and"
                " ending with a letter or digit",
            )
    if not labels and size > _ANNOTATIONS:
        yield Problem("metadata.annotations", f"write less than {_ANNOTATIONS} bytes in all")


def _qualified(key: str) -> bool:
    prefix, slash, name = key.rpartition("/")
    if slash and not (len(prefix) <= _LONGEST_NAME and _SUBDOMAIN.fullmatch(prefix)):
        return False
    return len(name) <= _LONGEST_LABEL and _WORD.fullmatch(name) is not None
