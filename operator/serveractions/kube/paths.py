"""The URLs of the custom resources, and the selectors that divide them.

Every kind has `.status.phase` and `.status.server.id` among its selectableFields, so that the API
server does the
sorting: finished objects, which may be many, are neither watched nor sent to a starting operator.
"""

from collections.abc import Iterator, Sequence

from serveractions.api.kinds import GROUP, KINDS, VERSION, Kind
from serveractions.api.resource import Key
from serveractions.api.status import Phase

UNFINISHED = ",".join(f"status.phase!={phase}" for phase in Phase if phase.finished)
FINISHED = ",".join(f"status.phase!={phase}" for phase in Phase if not phase.finished)
"""Field selectors. They know `and` but not `or`, so each names what it is not."""

STREAM = {
    "watch": "true",
    "sendInitialEvents": "true",
    "resourceVersionMatch": "NotOlderThan",
    "allowWatchBookmarks": "true",
}
"""Parameters of a watch that begins with all objects there are; the first bookmark ends those. It
comes out of the API server's cache, which is as new as its store then. A list in pages reads all
objects from the store to find the few that match: of 50,000 that took over half a minute."""

DISCOVERY = f"/apis/{GROUP}/{VERSION}"


def of_server(server_id: str) -> str:
    """Return the field selector for the objects whose status names a server."""
    escaped = server_id.replace("\\", "\\\\").replace(",", "\\,").replace("=", "\\=")
    return f"status.server.id={escaped}"


def collection(kind: Kind, namespace: str | None) -> str:
    """Return the path of all objects of a kind, in one namespace or in all."""
    return (
        f"{DISCOVERY}/{kind.plural}"
        if namespace is None
        else f"{DISCOVERY}/namespaces/{namespace}/{kind.plural}"
    )


def collections(
    namespaces: Sequence[str], *, kinds: Sequence[Kind] = KINDS
) -> Iterator[tuple[Kind, str]]:
    """Return kind and path of the lists that hold all objects; no namespaces means all of them."""
    for kind in kinds:
        for namespace in namespaces or (None,):
            yield kind, collection(kind, namespace)


def single(kind: Kind, key: Key) -> str:
    """Return the path of one object."""
    return f"{collection(kind, key.namespace)}/{key.name}"
