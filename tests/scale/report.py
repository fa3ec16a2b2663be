"""The table for people: on a terminal, and in the README between its two markers.

`python -m scale.report` writes the README's from the results; nothing else may stand there.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from scale.bounds import Row, rows
from scale.results import FILE
from scale.settings import RESULTS

README = Path(__file__).parents[2] / "README.md"
BEGIN, END = "<!-- measured by make bench -->", "<!-- end of what was measured -->"
PLOT = "costs.png"


def machine_line(machine: Mapping[str, Any]) -> str:
    """Say on what it was measured."""
    return (
        f"{machine['cores']} cores ({machine['processor']}), {machine['memory_gib']:g} GiB,"
        f" Python {machine['python']}"
    )


def show(content: Mapping[str, Any], console: Console) -> list[Row]:
    """Print all rows; return those whose bound does not hold."""
    table = Table("what", "measured", "bound", "", "peer", title="The operator's costs")
    found = rows(content.get("parts", {}))
    for row in found:
        table.add_row(row.what, row.value, row.bound, _verdict(row), row.peer)
    console.print(table)
    console.print(f"on {machine_line(content['machine'])}")
    console.print(f"the fake cloud: {ceilings(content.get('parts', {}))}")
    return [row for row in found if row.holds is False]


def ceilings(parts: Mapping[str, Any]) -> str:
    """Say how near the cloud came to what it can do, in each part."""
    told = [
        f"{part} {size}: {one.get('cloud_busiest_per_s', '-')} of {one['cloud_ceiling_per_s']}"
        for part, sizes in parts.items()
        for size, one in sorted(sizes.items(), key=lambda pair: int(pair[0]))
        if "cloud_ceiling_per_s" in one
    ]
    return "requests in its busiest second, of those it can answer: " + "; ".join(told)


def markdown(content: Mapping[str, Any]) -> str:
    """Return what the README says between its markers."""
    lines = [
        "| What | Measured | Bound | | Others |",
        "|---|---|---|---|---|",
        *(
            f"| {row.what} | {row.value} | {row.bound} | {_verdict(row)} | {row.peer} |"
            for row in rows(content.get("parts", {}))
        ),
    ]
    plot = f"![cost against the number in flight](tests/scale/results/{PLOT})"
    return "\n".join([*lines, "", f"{plot} Measured on {machine_line(content['machine'])}."])


def written(readme: str, content: Mapping[str, Any]) -> str:
    """Return the README with what was measured; without markers it is as it was."""
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        return readme
    return f"{before}{begin}\n{markdown(content)}\n{end}{after}"


def main() -> int:
    """Write the README's table."""
    content = json.loads((RESULTS / FILE).read_text())
    text = README.read_text()
    if BEGIN not in text or END not in text:
        sys.stderr.write(f"the README has no line {BEGIN} with {END} after it: put them there\n")
        return 1
    README.write_text(written(text, content))
    return 0


def _verdict(row: Row) -> str:
    return {True: "holds", False: "DOES NOT HOLD", None: ""}[row.holds]


if __name__ == "__main__":
    raise SystemExit(main())
