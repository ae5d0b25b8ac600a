"""Plots as SVG, for light and dark pages."""

import io
import re
from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl

from groundspeed.tools.records.measurement import Timing
from groundspeed.tools.records.quantities import times
from groundspeed.validation.protocol import syntax_digest
from groundspeed.validation.records import digests
from groundspeed.validation.records.base import write_atomic

mpl.use("svg")
DRAWING = ("rendering/svg", "roofline/plot", "experiments/heatmap")
INK = "#7d8590"  # mid grey: enough contrast with white and with black
COLOURS = {"FASTER": "#2f9e6e", "SLOWER": "#d1495b", "INCONCLUSIVE": "#8d99ae"}


def speedups(engine: str, case: str, found: dict[str, Timing], folder: Path) -> Path:
    """Speedup of each optimization on one case with its interval, largest first, on a logarithmic
    axis; the band is the widest control."""
    rows = sorted(found.items(), key=lambda one: one[1].ratio)
    timings = [timing for _, timing in rows]

    def paint(axes) -> None:
        for y, t in enumerate(timings):
            low, high = 1 / t.high, 1 / max(t.low, 1e-9)
            colour = COLOURS[t.word]
            axes.plot([low, high], [y, y], color=colour, lw=2.5, solid_capstyle="round")
            axes.plot([1 / t.ratio], [y], "o", color=colour, ms=5)
        noise = max(max(t.control_high, 1 / max(t.control_low, 1e-9)) for t in timings)
        axes.axvspan(1 / min(noise, 2), min(noise, 2), color=INK, alpha=0.2, lw=0)
        axes.axvline(1, color=INK, lw=0.8)
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(mpl.ticker.LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(mpl.ticker.FuncFormatter(lambda x, _: f"{x:g}×"))
        axes.xaxis.set_minor_formatter(mpl.ticker.NullFormatter())
        named_rows(axes, [f"{name}  {times(t.speedup)}×" for name, t in rows])
        axes.grid(axis="x", alpha=0.25)
        axes.set_xlabel("speedup over the frozen baseline, with its 95 % interval")
        axes.set_title(f"{engine}, {case}", loc="left")
        axes.legend(handles=outcomes({t.word for t in timings}), loc="best")

    shown = [(name, case, t.model_dump()) for name, t in rows]
    size = (9, 1.2 + 0.28 * len(rows))
    return picture(folder / f"speedups_{engine}.svg", shown, size, paint)


def outcomes(words: set[str]) -> list:
    """What the colours mean."""
    from matplotlib.lines import Line2D

    named = [(word.lower(), colour) for word, colour in COLOURS.items() if word in words]
    return [Line2D([], [], color=c, lw=2.5, marker="o", ms=5, label=n) for n, c in named]


def named_rows(axes, names: list[str]) -> None:
    """Names of the rows from above, instead of a scale."""
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)


# Mid grey on nothing; text stays text, which is small and can be searched.
STYLE = {
    "text.color": INK, "axes.labelcolor": INK, "xtick.color": INK, "ytick.color": INK,
    "axes.edgecolor": INK, "axes.spines.top": False, "axes.spines.right": False,
    "grid.color": INK, "grid.alpha": 0.2, "legend.frameon": False, "font.size": 9,
    "font.family": "sans-serif", "svg.fonttype": "none", "svg.hashsalt": "groundspeed",
}  # fmt: skip


def picture(path: Path, data: object, size: tuple[float, float], paint: Callable, **layout) -> Path:
    """What ``paint(axes)`` draws, in its file, whole or not at all.

    Where the file is a picture of that data by this code already, it stays: another release of
    the plotting library gives other bytes, and that is no reason to draw it again.
    """
    code = [syntax_digest(Path(__file__).parents[1] / f"{m}.py") for m in DRAWING]
    source = digests.of_plain([data, code])[:32]
    if path.exists() and source in path.read_text(encoding="utf-8"):
        return path
    import matplotlib.pyplot as plt

    text = io.StringIO()
    about = {"Date": None, "Creator": None, "Source": source}
    with mpl.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=size, layout="constrained", **layout)
        paint(axes)
        figure.savefig(text, format="svg", transparent=True, metadata=about)
        plt.close(figure)
    write_atomic(path, compact(text.getvalue()))
    return path


SHORTER = (  # what a picture is as good without
    (r"\s*\n\s*", " "),
    (r"> <", "><"),
    (r"font-family: [^;\"]*", "font-family: sans-serif"),
    (r"<g id=\"(?:patch|text)_\d+\">(<(?:path|text)[^>]*(?:/>|>[^<]*</text>))</g>", r"\1"),
    (r" id=\"(?:patch|text|line2d|[xy]tick|matplotlib\.axis)_\d+\"", ""),
    (r"M (\S+) (\S+) L (\S+) \2 L \3 (\S+) L \1 \4 (?:L \1 \2 )?z ?", r"M\1 \2H\3V\4H\1z"),
)


def compact(svg: str) -> str:
    """Without line ends, needless digits and names: pictures are looked at, their text is not."""
    svg = re.sub(r"-?\d+\.\d{3,}", lambda number: f"{float(number[0]):.1f}", svg)
    for pattern, short in SHORTER:
        svg = re.sub(pattern, short, svg)
    return svg.strip() + "\n"
