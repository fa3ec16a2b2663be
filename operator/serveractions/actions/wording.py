"""How messages name a server and quote Nova, so that all of them do it alike.

A message ends up in a status, an Event and a printer column: it names the server, keeps Nova's own
words apart from ours, and is cut where Nova is long-winded.
"""

from serveractions.actions.observation import Server

LONGEST_QUOTE = 600
"""Nova may quote a whole stack of causes; the first ones say what to do."""


def named(server: Server | None, server_id: str = "") -> str:
    """Return the server as people know it: its name, else its id."""
    if server is None:
        return f"server {server_id}" if server_id else "the server"
    return f"server {server.name or server.id}"


def quoted(words: str | None) -> str:
    """Return Nova's words as a clause to append to a sentence, empty where it gave none."""
    text = " ".join((words or "").split())
    if not text:
        return ""
    if len(text) > LONGEST_QUOTE:
        text = text[: LONGEST_QUOTE - 3] + "..."
    return f' Nova says: "{text}"'


def on(place: str | None) -> str:
    """Return ` on <host>`, empty where the place is not visible."""
    return f" on {place}" if place else ""


def to(place: str | None) -> str:
    """Return ` to <host>`, empty where the place is not visible."""
    return f" to {place}" if place else ""
