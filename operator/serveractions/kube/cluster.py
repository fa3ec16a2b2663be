"""What a cluster must offer, looked at once at the start: a clear sentence instead of a riddle."""

import asyncio
import contextlib
import re
from collections.abc import Sequence

from serveractions.api.kinds import GROUP, KINDS
from serveractions.core.errors import ApiUnavailable, StatusRefused
from serveractions.kube import paths
from serveractions.kube.client import NOT_FOUND, Api, ApiRefused

OLDEST = (1, 31)
"""selectableFields of custom resources are on by default from here."""

INSTALL = "install the custom resource definitions first: kubectl apply -k crds/"

BAD_REQUEST = 400
MANY = 20_000
"""Objects of a kind, finished ones included, that the API server reads for ten seconds to find the
unfinished ones. Where there are fewer, pages are better: kopf takes 15 kB more for each unfinished
object when all arrive at once."""


class UnsuitableClusterError(Exception):
    """The operator cannot run here; the message says what to do about it."""


async def check(api: Api, *, namespaces: Sequence[str] = ()) -> bool:
    """Check the server's version, the custom resources and the right to list them.

    Returns:
        Whether watches should begin with all objects there are (`paths.STREAM`): where lists in
        pages would take long, and the server can do that.

    Raises:
        UnsuitableClusterError: A person has to do something first.
        ApiUnavailable: No answer (yet).
    """
    await _check_version(api)
    await _check_discovery(api)
    listed = [path for _, path in paths.collections(namespaces)]
    await asyncio.gather(*(_check_list(api, path) for path in listed))
    counts = await asyncio.gather(*(_count(api, path) for path in listed))
    return max(counts) > MANY and await _streams(api, listed[0])


async def _check_version(api: Api) -> None:
    answer = await api.get("/version")
    name = str(answer.get("gitVersion", "?"))
    numbers = re.match(r"v(\d+)\.(\d+)", name)
    if numbers is None or (int(numbers[1]), int(numbers[2])) < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise UnsuitableClusterError(
            f"Kubernetes {oldest} or later is needed (selectableFields); this server is {name}"
        )


async def _check_discovery(api: Api) -> None:
    try:
        answer = await api.get(paths.DISCOVERY)
    except ApiRefused as error:
        if error.status != NOT_FOUND:
            raise
        raise UnsuitableClusterError(f"the API {GROUP} is not served; {INSTALL}") from None
    served = {resource.get("name") for resource in answer.get("resources") or ()}
    missing = [
        name
        for kind in KINDS
        for name in (kind.plural, f"{kind.plural}/status")
        if name not in served
    ]
    if missing:
        raise UnsuitableClusterError(f"not served by this cluster: {', '.join(missing)}; {INSTALL}")


async def _check_list(api: Api, path: str) -> None:
    """List what nothing matches, by the very selectors that are used later.

    From the API server's cache: a list from its store reads all objects that there are to find
    none, which with 50,000 finished ones took longer than half a minute.
    """
    selector = f"{paths.UNFINISHED},{paths.of_server('none')}"
    try:
        await api.get(path, query={"fieldSelector": selector, "resourceVersion": "0"})
    except ApiRefused as error:
        if error.status == NOT_FOUND:  # being deleted, or not yet established
            raise ApiUnavailable(f"{path} is not served: {error}") from error
        if error.status == BAD_REQUEST:
            raise UnsuitableClusterError(
                f"the custom resource definitions are of another release ({error}); {INSTALL}"
            ) from error
        raise UnsuitableClusterError(
            f"the operator may not list {path}: {error}; apply its RBAC rules, or name the "
            "namespaces that it may see"
        ) from error


async def _count(api: Api, path: str) -> int:
    """Return how many objects there are, by what the API server says that a page has left out."""
    page = await api.get(path, query={"limit": "1"})
    return 1 + int(page.get("metadata", {}).get("remainingItemCount") or 0)


async def _streams(api: Api, path: str) -> bool:
    query = {**paths.STREAM, "fieldSelector": paths.of_server("none")}
    try:
        async with contextlib.aclosing(api.stream(path, query=query)) as events:
            async for event in events:
                return event.get("type") == "BOOKMARK"
    except StatusRefused:  # 422: before Kubernetes 1.34, or its feature WatchList is switched off
        pass
    return False
