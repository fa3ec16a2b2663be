"""What a run measures, from `BENCH_*` variables, such as `make bench BENCH_SIZES=1,10`."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
PARTS = ("latency", "burst", "flight", "peers", "tenants", "foreign", "restart")
SIZES = (1, 10, 100, 1000, 5000)
FINISHED = (10_000, 50_000)


class SettingsError(Exception):
    """A variable means nothing; the message says what to write."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What to measure.

    Attributes:
        parts: `BENCH_PARTS`: which of the parts, in this order.
        sizes: `BENCH_SIZES`: numbers of actions in flight.
        finished: `BENCH_FINISHED`: numbers of finished objects at a restart.
        seconds: `BENCH_SECONDS`: how long a live migration takes.
        profile: `BENCH_PROFILE`: profile the operator in the largest burst, in place of all else.
        results: `BENCH_RESULTS`: where the results are, and are written.
    """

    parts: tuple[str, ...] = PARTS
    sizes: tuple[int, ...] = SIZES
    finished: tuple[int, ...] = FINISHED
    seconds: float = 60.0
    profile: bool = False
    results: Path = RESULTS

    def up_to(self, most: int) -> tuple[int, ...]:
        """Return the sizes that a part can be asked for."""
        return tuple(size for size in self.sizes if size <= most)

    def largest(self, most: int) -> int:
        """Return the largest size that a part can be asked for."""
        return max(self.up_to(most), default=min(self.sizes))


def read(environ: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings. Raises SettingsError."""
    wanted = tuple(_words(environ.get("BENCH_PARTS", ",".join(PARTS))))
    unknown = [part for part in wanted if part not in PARTS]
    if unknown:
        raise SettingsError(
            f"BENCH_PARTS: no part {', '.join(unknown)}; there is {', '.join(PARTS)}"
        )
    return Settings(
        parts=wanted,
        sizes=_numbers(environ, "BENCH_SIZES", SIZES),
        finished=_numbers(environ, "BENCH_FINISHED", FINISHED),
        seconds=float(environ.get("BENCH_SECONDS", "60")),
        profile=environ.get("BENCH_PROFILE", "") not in ("", "0"),
        results=Path(environ.get("BENCH_RESULTS") or RESULTS),
    )


def _numbers(environ: Mapping[str, str], name: str, usual: tuple[int, ...]) -> tuple[int, ...]:
    words = _words(environ.get(name, ""))
    if not words:
        return usual
    if not all(word.isdecimal() and int(word) > 0 for word in words):
        raise SettingsError(f"{name}: write whole numbers with commas, such as 1,10,100")
    return tuple(sorted({int(word) for word in words}))


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]
