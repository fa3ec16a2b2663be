"""The panels of the dashboard, drawn from scrapes."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot as plt

from panels.play import TARGET
from panels.queries import Group, Scrape, parse

WINDOW = 15.0
"""Seconds that stand for Grafana's interval."""
MEBI = 2**20


def draw(dashboard: Mapping[str, Any], scrapes: Sequence[Scrape], path: Path) -> None:
    """Write the picture."""
    mpl.use("Agg")
    panels = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
    levels = sorted({panel["gridPos"]["y"] for panel in panels})
    figure = plt.figure(figsize=(19, 4.6 * len(levels)), layout="constrained")
    for level, strip in zip(levels, figure.subfigures(len(levels), 1), strict=True):
        row = [panel for panel in panels if panel["gridPos"]["y"] == level]
        widths = [panel["gridPos"]["w"] for panel in row]
        for axis, panel in zip(strip.subplots(1, len(row), width_ratios=widths), row, strict=True):
            _panel(axis, panel, scrapes)
    figure.savefig(path, dpi=75)
    plt.close(figure)


def _panel(axis: Any, panel: Mapping[str, Any], scrapes: Sequence[Scrape]) -> None:
    times = [(scrape.at - scrapes[0].at) for scrape in scrapes]
    axis.set_prop_cycle(color=plt.get_cmap("tab20").colors)
    lines: dict[str, list[float | None]] = {}
    for target in panel["targets"]:
        query = parse(target["expr"], {"namespace": TARGET["namespace"]})
        for group, values in query.over(scrapes, WINDOW).items():
            lines[_legend(target["legendFormat"], group)] = values
    defaults = panel["fieldConfig"]["defaults"]
    scale = MEBI if defaults["unit"] == "bytes" else 1
    shown = {name: values for name, values in lines.items() if any(values)} or lines
    if defaults["custom"]["stacking"]["mode"] == "normal":
        filled = [[value or 0.0 for value in values] for values in shown.values()]
        axis.stackplot(times, *filled, labels=list(shown), alpha=0.7)
    else:
        for name, values in shown.items():
            gaps = [float("nan") if value is None else value / scale for value in values]
            axis.plot(times, gaps, label=name)
    axis.set_ylim(bottom=0)
    axis.set_title(panel["title"], fontsize=11)
    unit = {"s": "seconds", "bytes": "MiB", "reqps": "requests a second"}.get(defaults["unit"])
    axis.set_ylabel(unit or "", fontsize=8)
    axis.grid(visible=True, alpha=0.3)
    if shown:
        axis.legend(fontsize=7, loc="upper center", bbox_to_anchor=(0.5, -0.12), ncol=3)


def _legend(form: str, group: Group) -> str:
    labels = dict(group)
    return re.sub(r"\{\{(\w+)\}\}", lambda found: labels[found[1]], form)
