"""Cost against the number of actions in flight, as a picture."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot as plt

from scale.report import machine_line

SENT = "kubernetes_writes_per_action"
PANELS = (
    ("reads_per_s", "Nova reads a second, all in flight"),
    (SENT, "Kubernetes writes per action"),
    ("lag_p99_s", "lag from Nova's end to Finished, p99, s"),
    ("memory_in_flight_mib", "resident memory, MiB"),
)
SERIES = (("flight", "serveractions", "o-"), ("naive", "kopf with a timer per object", "s--"))


def _tells(one: Mapping[str, Any], name: str) -> bool:
    """Say whether a run has a figure: what was put in place in flight was not sent in it."""
    return name in one and not (name == SENT and one.get("put_in_place"))


def draw(content: Mapping[str, Any], path: Path) -> None:
    """Write the picture."""
    mpl.use("Agg")
    figure, axes = plt.subplots(2, 2, figsize=(11, 7), constrained_layout=True)
    parts = content.get("parts", {})
    for axis, (name, title) in zip(axes.flat, PANELS, strict=True):
        for part, label, style in SERIES:
            measured = sorted((int(size), one) for size, one in parts.get(part, {}).items())
            points = [(size, one[name]) for size, one in measured if _tells(one, name)]
            if points:
                axis.plot(*zip(*points, strict=True), style, label=label)
        axis.set_xscale("log")
        axis.set_ylim(bottom=0)
        axis.set_title(title, fontsize=10)
        axis.set_xlabel("live migrations in flight")
        axis.grid(visible=True, alpha=0.3)
        if axis.has_data():
            axis.legend(fontsize=8)
    figure.suptitle(machine_line(content["machine"]), fontsize=8)
    figure.savefig(path, dpi=110)
    plt.close(figure)
