"""Page and plot of a sweep, for each engine."""

import math
from pathlib import Path

import matplotlib as mpl

from groundspeed import baselines
from groundspeed.tools.experiments.sweep import Scenario, on_file, today
from groundspeed.tools.records.evidence import View
from groundspeed.tools.records.protocols import CLOCK
from groundspeed.tools.rendering.svg import INK, picture
from groundspeed.tools.rendering.templates import PAGES
from groundspeed.validation import discovery

GAIN, EVEN, LOSS = "#2f9e6e", "#f1ede4", "#d1495b"


def page(view: View, folder: Path) -> str:
    """The text of map.md, "" where nothing is measured; its pictures are drawn into the folder."""
    engines = []
    for name in baselines.names():
        having = [m for m in view.machines if on_file(name, m)]
        if not having:
            continue
        own = [n for n in discovery.names() if discovery.engine(n).name == name]
        found = today(name, own, having[0])
        shown = [n for n in own if any(s.ratio for s in found if s.optimization == n)]
        if shown:
            picture = draw(name, [s for s in found if s.optimization in shown], folder)
            kept = on_file(name, having[0])
            made = {"machine": having[0], "kept": kept, "mark": CLOCK.mark(kept.protocol)}
            engines.append(section(name, found, shown, picture) | made)
    return PAGES.get_template("map.md").render(engines=engines) if engines else ""


def section(name: str, scenarios: list[Scenario], shown: list[str], picture: Path) -> dict:
    """What the page says of an engine."""
    reasons: dict[str, list[str]] = {}
    for s in scenarios:
        if s.ratio is None:
            reasons.setdefault(s.reason, []).append(s.optimization)
    measured = [s for s in scenarios if s.ratio is not None]
    return {
        "name": name,
        "picture": picture.name,
        "measured": len(measured),
        "losses": sorted((s for s in measured if s.ratio > 1), key=lambda s: -s.ratio),
        "best": min(measured, key=lambda s: s.ratio),
        "reasons": {why: (len(who), sorted(set(who))) for why, who in sorted(reasons.items())},
        "rows": shown,
    }


def columns(scenarios: list[Scenario]) -> list[tuple[str, int, str, str]]:
    """(device, threads, type, size) in the order in which they stand on the map; a device on which
    nothing at all was measured has a line on the page, and no column."""
    seen = {s.device for s in scenarios if s.ratio is not None}
    shown = [s for s in scenarios if s.device in seen]
    places = dict.fromkeys((s.device, s.threads, s.dtype, s.size) for s in shown)
    order = list(dict.fromkeys(s.size for s in shown))
    return sorted(places, key=lambda p: (p[0], p[1], p[2], order.index(p[3])))


def draw(engine: str, scenarios: list[Scenario], folder: Path) -> Path:
    """A row an optimization, a column a scenario; hatched where nothing was measured."""
    names = list(dict.fromkeys(s.optimization for s in scenarios))
    across = columns(scenarios)
    logs = [-math.log2(s.ratio) for s in scenarios if s.ratio is not None]
    span = max(map(abs, logs)) or 1.0  # the colours reach as far as the largest effect

    def paint(axes) -> None:
        unmeasured(axes, len(across), len(names))
        for s in scenarios:
            place = s.device, s.threads, s.dtype, s.size
            if place in across:
                cell(axes, across.index(place), names.index(s.optimization), s, span)
        label(axes, across, names)
        axes.set_title(f"{engine}: speedup over the frozen baseline", loc="left", pad=34)

    shown = [s.model_dump(exclude={"reason", "rests_on"}) for s in scenarios]
    size = (3.2 + 0.52 * len(across), 1.7 + 0.42 * len(names))
    return picture(folder / f"map_{engine}.svg", shown, size, paint)


def unmeasured(axes, columns: int, rows: int) -> None:
    """The ground of the map: what no cell covers was not measured."""
    from matplotlib.patches import Rectangle

    axes.add_patch(
        Rectangle((0, 0), columns, rows, fill=False, hatch="////", edgecolor=INK, lw=0, alpha=0.6)
    )


def cell(axes, x: int, y: int, s: Scenario, span: float) -> None:
    from matplotlib.patches import Rectangle

    if s.ratio is None:
        return
    shades = mpl.colors.LinearSegmentedColormap.from_list("gain", [LOSS, EVEN, GAIN])
    colour = shades(0.5 - math.log2(s.ratio) / span / 2)
    axes.add_patch(Rectangle((x, y), 1, 1, facecolor=colour, lw=0, clip_on=False))
    speedup = 1 / s.ratio
    text = (
        f"{speedup:.0f}"
        if speedup >= 99.5
        else f"{speedup:.3g}"
        if speedup >= 1
        else f"{speedup:.2f}"
    )
    weight = "bold" if speedup < 1 else "normal"
    axes.text(x + 0.5, y + 0.5, text, ha="center", va="center", fontsize=7.5, color="#1b1f24",
              weight=weight)  # fmt: skip


def label(axes, across: list[tuple], names: list[str]) -> None:
    """Sizes below, types, threads and devices above, lines between the groups."""
    axes.set_xlim(0, len(across))
    axes.set_ylim(len(names), 0)
    axes.set_xticks([x + 0.5 for x in range(len(across))], [c[3] for c in across], rotation=60,
                    ha="right", rotation_mode="anchor", fontsize=7.5)  # fmt: skip
    axes.set_yticks([y + 0.5 for y in range(len(names))], names)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    groups: dict[tuple, list[int]] = {}
    for x, (device, threads, dtype, _) in enumerate(across):
        groups.setdefault((device, threads, dtype), []).append(x)
    for (device, threads, dtype), xs in groups.items():
        first = device.upper() if device == "cuda" else f"{threads} thread{'s' * (threads > 1)}"
        middle = (xs[0] + xs[-1] + 1) / 2
        axes.text(middle, -0.1, f"{first}\n{dtype}", ha="center", va="bottom", fontsize=8)
        axes.axvline(xs[0], color=INK, lw=1.2)
