"""Draws what the dashboard shows of a real run: `make picture`."""

import json
import sys
from pathlib import Path

from panels import draw, play

MONITORING = Path(__file__).parents[2] / "deploy" / "components" / "monitoring"
PICTURE = MONITORING / "dashboard.png"


def main() -> int:
    """Play, and write the picture."""

    def say(text: str) -> None:
        sys.stderr.write(f"{text}\n")

    scrapes = play.run(say)
    draw.draw(json.loads((MONITORING / "dashboard.json").read_text()), scrapes, PICTURE)
    say(f"{len(scrapes)} scrapes are drawn in {PICTURE.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
