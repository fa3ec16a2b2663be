"""What all of Nova's lists share: changes-since, limit, marker."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import urlencode

from fakes.cloud.call import Call, Refused

T = TypeVar("T")

MAX_LIMIT = 1000


def since(call: Call, rows: Sequence[T], changed: Callable[[T], datetime | None]) -> list[T]:
    """Return the rows that changed at or after `changes-since`; all of them without it.

    What never changed has no time of change, and the database finds it in no such query.
    """
    text = call.query.get("changes-since")
    if text is None:
        return list(rows)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Refused(
            400,
            f"Invalid input for query parameters changes-since. Value: {text}. '{text}' is not a"
            " 'date-time'",
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return [row for row in rows if (at := changed(row)) is not None and at >= moment]


def page(
    call: Call, rows: Sequence[T], path: str, marker_of: Callable[[T], str]
) -> tuple[list[T], list[dict[str, Any]]]:
    """Return one page, and the link to the next where there is more."""
    marker = call.query.get("marker")
    if marker is not None:
        places = [place for place, row in enumerate(rows) if marker_of(row) == marker]
        if not places:
            raise Refused(400, f"marker [{marker}] not found")
        rows = rows[places[0] + 1 :]
    limit = min(int(call.query.get("limit", MAX_LIMIT)), MAX_LIMIT)
    shown = list(rows[:limit])
    if not shown or len(rows) <= limit:
        return shown, []
    query = urlencode({**call.query, "limit": limit, "marker": marker_of(shown[-1])})
    return shown, [{"rel": "next", "href": f"{call.url}/v2.1/{path}?{query}"}]
