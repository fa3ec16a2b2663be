"""The results as JSON: each part writes its own, and leaves those of the others as they are."""

import json
from pathlib import Path
from typing import Any

Figures = dict[str, Any]
FILE = "results.json"


class Results:
    """What was measured so far, in a file."""

    def __init__(self, directory: Path) -> None:
        """Read what earlier runs have left."""
        self.path = directory / FILE
        self.content: dict[str, Any] = {}
        if self.path.exists():
            self.content = json.loads(self.path.read_text())

    def machine(self, described: Figures) -> None:
        """Say on what machine it is measured; what another one has measured is dropped."""
        if self.content.get("machine") != described:
            self.content = {"machine": described}
        self._write()

    def put(self, part: str, size: str, figures: Figures) -> None:
        """Take in what one part has measured for one size."""
        self.content.setdefault("parts", {}).setdefault(part, {})[size] = figures
        self._write()

    def part(self, name: str) -> dict[str, Figures]:
        """Return what one part has measured, by size as a text."""
        found: dict[str, Figures] = self.content.get("parts", {}).get(name, {})
        return found

    def _write(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(self.content, indent=1, sort_keys=True)
        self.path.write_text(f"{text}\n")
