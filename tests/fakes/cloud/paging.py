"""What all of Nova's lists share: changes-since, limit, marker."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import urlencode

from fakes.cloud.call import Call, Refused

T = TypeVar("T")

MAX_LIMIT = 1000


def known(call: Call, *names: str) -> None:
    """Refuse a query that the list does not know."""
    for name in call.query:
        if name not in names:
            words = f"Additional properties are not allowed ('{name}' was unexpected)"
            raise Refused(400, words)


def invalid(name: str, value: str, why: str) -> Refused:
    """Return the refusal of a query's value."""
    return Refused(400, f"Invalid input for query parameters {name}. Value: {value}. {why}")


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
        raise invalid("changes-since", text, f"'{text}' is not a 'date-time'") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return [row for row in rows if (at := changed(row)) is not None and at >= moment]


def page(
    call: Call,
    rows: Sequence[T],
    path: str,
    marker_of: Callable[[T], str],
    *,
    lost: str = "Marker {} could not be found.",
) -> tuple[list[T], list[dict[str, Any]]]:
    """Return one page, and the link to the next where there is more.

    Args:
        call: The request.
        rows: Everything that fits, in order.
        path: Of the list.
        marker_of: What a row is named by in `marker`.
        lost: What is said of a marker that is none of them.
    """
    marker = call.query.get("marker")
    if marker is not None:
        places = [place for place, row in enumerate(rows) if marker_of(row) == marker]
        if not places:
            raise Refused(400, lost.format(marker))
        rows = rows[places[0] + 1 :]
    wanted = call.query.get("limit", str(MAX_LIMIT))
    if not wanted.isdecimal():
        raise invalid("limit", wanted, f"'{wanted}' does not match '^[0-9]*$'")
    limit = min(int(wanted), MAX_LIMIT)
    shown = list(rows[:limit])
    if not shown or len(rows) <= limit:
        return shown, []
    query = urlencode({**call.query, "limit": limit, "marker": marker_of(shown[-1])})
    return shown, [{"rel": "next", "href": f"{call.url}/v2.1/{path}?{query}"}]
