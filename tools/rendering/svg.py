"""Plots as SVG, for light and dark pages."""

from __future__ import annotations

import io
import re
from pathlib import Path

import matplotlib as mpl

from tools.records.measurement import Measurement
from validation.protocol import syntax_digest
from validation.records import digests
from validation.records.base import write_atomic

mpl.use("svg")
DRAWING = ("rendering/svg", "roofline/plot", "experiments/heatmap")
INK = "#7d8590"  # mid grey: enough contrast with white and with black
COLOURS = {"FASTER": "#2f9e6e", "SLOWER": "#d1495b", "INCONCLUSIVE": "#8d99ae"}


def speedups(measured: list[Measurement], folder: Path) -> list[Path]:
    """One plot an engine: speedup of each optimization and case with its interval."""
    engines = sorted({m.engine for m in measured})
    return [one_engine(e, [m for m in measured if m.engine == e], folder) for e in engines]


def one_engine(engine: str, measured: list[Measurement], folder: Path) -> Path:
    """A row a case, on a logarithmic axis; the band is the widest control."""
    import matplotlib.pyplot as plt

    rows = [(m.optimization, case, t) for m in measured for case, t in m.cases.items()]
    path = folder / f"speedups_{engine}.svg"
    drawn = shows([(name, case, t.model_dump()) for name, case, t in rows])
    if is_drawn(path, drawn):
        return path
    with styled():
        figure, axes = plt.subplots(figsize=(9, 1 + 0.26 * len(rows)), layout="constrained")
        for y, (_, _, t) in enumerate(rows):
            low, high = 1 / t.high, 1 / max(t.low, 1e-9)
            colour = COLOURS[t.word]
            axes.plot([low, high], [y, y], color=colour, lw=2.5, solid_capstyle="round")
            axes.plot([1 / t.ratio], [y], "o", color=colour, ms=5)
        noise = max(max(t.control_high, 1 / max(t.control_low, 1e-9)) for _, _, t in rows)
        axes.axvspan(1 / min(noise, 2), min(noise, 2), color=INK, alpha=0.2, lw=0)
        axes.axvline(1, color=INK, lw=0.8)
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(mpl.ticker.FuncFormatter(lambda x, _: f"{x:g}×"))
        axes.xaxis.set_minor_formatter(mpl.ticker.NullFormatter())
        axes.set_yticks(range(len(rows)), [f"{name}  {case}" for name, case, _ in rows])
        axes.invert_yaxis()
        axes.grid(axis="x", color=INK, alpha=0.25)
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel("speedup over the frozen baseline, with its 95 % interval")
        axes.set_title(engine, loc="left")
        return saved(figure, path, drawn)


def styled():
    """Mid grey on nothing; text stays text, which is small and can be searched."""
    return mpl.rc_context(
        {"text.color": INK, "axes.labelcolor": INK, "xtick.color": INK, "ytick.color": INK,
         "axes.edgecolor": INK, "svg.hashsalt": "groundspeed", "font.size": 9,
         "svg.fonttype": "none", "font.family": "sans-serif"}
    )  # fmt: skip


def shows(data: object) -> str:
    """Names what a picture shows, and the code that draws it."""
    code = [syntax_digest(Path(__file__).parents[1] / f"{m}.py") for m in DRAWING]
    return digests.of_plain([data, code])[:32]


def is_drawn(path: Path, data: str) -> bool:
    """Whether the file is a picture of that data already: another release of the plotting library
    gives other bytes, and that is no reason to draw it again."""
    return path.exists() and data in path.read_text(encoding="utf-8")


def saved(figure, path: Path, data: str) -> Path:
    """The figure in its file, whole or not at all; ``data`` names what it shows."""
    import matplotlib.pyplot as plt

    text = io.StringIO()
    about = {"Date": None, "Creator": None, "Source": data}
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
