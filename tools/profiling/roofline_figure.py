"""Roofline of a profile as SVG, for light and dark pages."""

from math import log10
from pathlib import Path

from groundspeed.tools.profiling.profile_record import Operator, Profile
from groundspeed.tools.rendering.svg import INK, named_rows, picture
from groundspeed.tools.roofline.plot import roofs

BOUND = {"bandwidth": "#3d7fc1", "launches": "#d1495b", "products": "#2f9e6e", "": "#8d99ae"}


def roofline(profile: Profile, path: Path) -> bool:
    """Operators under the machine's roofs, and how near each comes; whether there was any."""
    timed = [o for o in profile.operators if o.seconds and o.ceiling is not None][:10]
    if not timed or not profile.ceilings:
        return False

    def paint(axes) -> None:
        left, right = axes
        roofs(left, profile.ceilings, (2**-6, 2**6))
        left.set_xlabel("operations per byte")
        left.set_ylabel("Gflop/s")
        points(left, [o for o in timed if o.flops])
        bars(right, timed)

    picture(path, profile.name, (10, 3.6), paint, ncols=2, width_ratios=(1.15, 1))
    return True


def points(axes, operators: list[Operator]) -> None:
    """A spot an operator, its area its share of the time; those in one place share a label."""
    labels: list[tuple[float, float, list[str]]] = []
    for o in operators:
        x, y = o.flops / o.bytes, o.flops / o.seconds / 1e9
        axes.scatter([x], [y], s=20 + 400 * (o.share or 0), color=BOUND[o.bound], alpha=0.75, lw=0)
        near = [t for a, b, t in labels if abs(log10(a / x)) < 0.3 and abs(log10(b / y)) < 0.12]
        if near:
            near[0].append(o.name)
        else:
            labels.append((x, y, [o.name]))
    for x, y, names in labels:
        label = ", ".join(names)
        axes.annotate(label, (x, y), xytext=(9, -4), textcoords="offset points", fontsize=8)


def bars(axes, operators: list[Operator]) -> None:
    """Share of the limit that bounds each operator; above one the data stay in a cache."""
    from matplotlib.ticker import PercentFormatter

    for y, o in enumerate(operators):
        axes.barh(y, o.ceiling, color=BOUND[o.bound], height=0.62)
        axes.annotate(f" {o.ceiling:.0%}", (o.ceiling, y), va="center", fontsize=8)
    named_rows(axes, [f"{o.name}  ({o.share:.0%} of the time)" for o in operators])
    axes.axvline(1, color=INK, lw=0.8)
    axes.set_xlim(0, max(1.15, 1.15 * max(o.ceiling for o in operators)))
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.set_xlabel("of the measured limit")
    for bound, colour in BOUND.items():
        if any(o.bound == bound for o in operators):
            axes.plot([], [], "s", color=colour, label=bound or "not known")
    axes.legend(fontsize=8, loc="lower right", title="bound by", title_fontsize=8)
