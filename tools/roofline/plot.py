"""Roofline plot of each engine with its measured optimizations.

Across: the arithmetic of a case over the bytes that it must move, both the least there are,
so that all who compute a case stand in one column and only their height differs (cases of
equal ratio stand side by side). Up: that arithmetic over the time of a step. Reads records
and measures nothing. S. Williams, A. Waterman and D. Patterson, Commun. ACM 52(4), 65
(2009), doi:10.1145/1498765.1498785.
"""

from functools import cache
from math import atan, degrees
from pathlib import Path
from typing import NamedTuple

from groundspeed.tools.costs import cost_summary
from groundspeed.tools.costs.cost_summary import Compared
from groundspeed.tools.records.evidence import View
from groundspeed.tools.rendering.svg import INK, picture
from groundspeed.tools.roofline import model
from groundspeed.tools.roofline.model import Ceilings, Floor
from groundspeed.validation import discovery

MARKS = "osD^vP*Xhd<>"
PALETTE = (  # as many as an engine has optimizations, told apart on white and on black
    "#4477aa", "#2f9e6e", "#d1495b", "#b8860b", "#8e6bbf", "#3aa6b9", "#c26a3d", "#6b8e23",
    "#e377c2", "#8c564b", "#7fb3ff", "#9acd32", "#ff9896", "#f2c14e", "#b39ddb", "#00897b",
    "#a83279", "#5d6d7e", "#ff7f0e", "#1f3a93",
)  # fmt: skip


class Point(NamedTuple):
    """One measured case of one optimization."""

    optimization: str
    case: str
    floor: Floor
    baseline_s: float
    candidate_s: float

    @property
    def share(self) -> float:
        """Of what the machine allows; above 1 where several steps are made while in cache."""
        return self.floor.seconds / self.candidate_s


def points(engine: str, view: View) -> list[Point]:
    """Every measured case of the engine's optimizations whose costs are on file and current."""
    return [point for name in all_counted(engine) for point in shares(name, view).values()]


@cache
def all_counted(engine: str) -> dict[str, Compared]:
    """The counts on file of the engine's optimizations."""
    found = {n: cost_summary.on_file(n) for n in discovery.names()}
    return {n: record for n, record in found.items() if record and record.engine == engine}


def shares(name: str, view: View) -> dict[str, Point]:
    """Its measured cases, against the ceilings of the machine that measured them, one thread."""
    record, evidence = cost_summary.on_file(name), view.of(name)
    measured, ceilings = evidence.timing, model.on_file(evidence.machine)
    if record is None or measured is None or ceilings is None:
        return {}
    found = {}
    for case in (c for c in measured.cases if c in record.least_bytes):
        flops = model.least_flops(all_counted(record.engine).values(), case)
        least, held = record.least_bytes[case], record.working_set[case]
        floor = model.floor(ceilings, record.dtypes[case], least, held, flops)
        timing = measured.cases[case]
        found[case] = Point(name, case, floor, timing.baseline_s, timing.candidate_s)
    return found


def draw(engine: str, folder: Path, view: View) -> Path | None:
    """The plot; none where nothing is measured, or no arithmetic was counted."""
    on = next(filter(model.on_file, view.machines), "")
    found = [p for p in points(engine, view) if p.floor.flops and view.of(p[0]).machine == on]
    if not found:
        return None
    ceilings = model.on_file(on)
    across = [p.floor.flops / p.floor.bytes for p in found]

    def paint(axes) -> None:
        roofs(axes, ceilings, (min(across) / 4, max(*across, 8) * 4))
        runners_by_name(axes, found)
        axes.set_xlabel("least arithmetic over least traffic of a step, flop/byte")
        axes.set_ylabel("least arithmetic over time of a step, Gflop/s")
        axes.set_title(f"{engine}, one thread", loc="left")
        axes.legend(fontsize=7.5, loc="center left", bbox_to_anchor=(1.0, 0.5))

    shown = [ceilings.model_dump(), [[*p[:2], p.floor.model_dump(), *p[3:]] for p in found]]
    return picture(folder / f"roofline_{engine}.svg", shown, (9, 5.6), paint)


def roofs(axes, ceilings: Ceilings, reach: tuple[float, float]) -> None:
    """A slanted line for each level of memory, a flat one for each type's arithmetic."""
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(reach)
    axes.grid()
    threads = ceilings.conditions.threads
    peak = {k: ceilings.arithmetic(k, threads) / 1e9 for k in ("float32", "float64")}
    streams = [r for r in ceilings.ceilings if r.kind == "in_place" and r.threads == threads]
    for i, row in enumerate(streams):
        end = min(reach[1], peak["float32"] / row.best)
        axes.plot([reach[0], end], [row.best * reach[0], row.best * end], color=INK, lw=1)
        x = reach[0] * (end / reach[0]) ** (0.4 if i % 2 else 0.65)  # neighbours side by side
        side, y = ("top", 0.94) if i else ("bottom", 1.06)  # the fastest two are close
        axes.text(x, row.best * x * y, f"{row.level} {row.best:.0f} GB/s", fontsize=7, va=side,
                  ha="center", rotation=degrees(atan(row.best)), rotation_mode="anchor",
                  transform_rotates_text=True)  # fmt: skip
    for dtype, rate in peak.items():
        axes.plot(reach, [rate, rate], color=INK, lw=1, ls="--")
        axes.annotate(f"{dtype} product, {rate:.0f} Gflop/s", (reach[1], rate), (-4, 3),
                      fontsize=7, ha="right", textcoords="offset points")  # fmt: skip


def runners_by_name(axes, found: list[Point]) -> None:
    """Baselines hollow, optimizations filled; a mark for each case, a colour for each name."""
    cases = list(dict.fromkeys(p.case for p in found))
    names = list(dict.fromkeys(p.optimization for p in found))
    for case in cases:
        own = [p for p in found if p.case == case]
        x, mark = beside(case, found), MARKS[cases.index(case) % len(MARKS)]
        heights = [p.floor.flops / p.baseline_s / 1e9 for p in own]
        axes.plot([x], [sum(heights) / len(heights)], mark, mfc="none", mec=INK, ms=8,
                  label=f"baseline, {case}")  # fmt: skip
        for p in own:
            colour = PALETTE[names.index(p.optimization) % len(PALETTE)]
            axes.plot([x], [p.floor.flops / p.candidate_s / 1e9], mark, color=colour, ms=6)
    for i, name in enumerate(names):
        axes.plot([], [], "s", color=PALETTE[i % len(PALETTE)], label=name)


def beside(case: str, found: list[Point]) -> float:
    """The case's flop/byte; cases that share it stand a little apart."""
    across = {p.case: p.floor.flops / p.floor.bytes for p in found}
    close = [c for c, x in across.items() if abs(x / across[case] - 1) < 0.1]
    return across[case] * 1.25 ** (close.index(case) - (len(close) - 1) / 2)
