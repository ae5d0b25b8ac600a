"""Plots as SVG, readable on a light page and on a dark one."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl

from tools.records import Measurement

mpl.use("svg")
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
        return saved(figure, folder / f"speedups_{engine}.svg")


def styled():
    """Mid grey on nothing, the same bytes every time."""
    return mpl.rc_context(
        {"text.color": INK, "axes.labelcolor": INK, "xtick.color": INK, "ytick.color": INK,
         "axes.edgecolor": INK, "svg.hashsalt": "groundspeed", "font.size": 9}
    )  # fmt: skip


def saved(figure, path: Path) -> Path:
    """The figure in its file, whole or not at all."""
    import matplotlib.pyplot as plt

    partial = path.with_suffix(".tmp")
    figure.savefig(partial, format="svg", transparent=True, metadata={"Date": None})
    plt.close(figure)
    partial.replace(path)
    return path
