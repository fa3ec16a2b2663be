"""Tables for the terminal. Pure."""

from collections.abc import Sequence


def table(
    head: Sequence[str], rows: Sequence[Sequence[str]], foot: Sequence[str] | None = None
) -> str:
    """Return a table: the first column to the left, figures to the right."""
    every = [head, *rows, *([foot] if foot else [])]
    widths = [max(len(row[column]) for row in every) for column in range(len(head))]
    lines = [_line(row, widths) for row in every]
    rule = "-" * max(map(len, lines))
    lines.insert(1, rule)
    if foot:
        lines.insert(-1, rule)
    return "\n".join(lines)


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = (
        text.rjust(width) if text.replace(".", "").isdigit() else text.ljust(width)
        for text, width in zip(row, widths, strict=True)
    )
    return "  ".join(cells).rstrip()
