"""Input states close to a threshold, where the baseline decides otherwise.

An optimization that decides by another sum, in another precision or a step too late is right
almost everywhere. Nobody lists an engine's thresholds here; they are found. Between a start x
and the same start y with every moving number off by some percent, on the line

    s(t) = x + t (y − x),   0 ≤ t ≤ 1,

the interval that holds a change of the decisions of one frozen step is halved, NEAR times for
states that no rounding carries across, AT times for states on either side of the last place.
"""

from collections.abc import Callable, Iterator

from baselines.engine import State
from validation.reference.distance import inexact
from validation.reference.envelope import same_decisions

NEAR, AT = 12, 40  # halvings
OFF = (0.05, 0.5)  # of each moving number: the far end of the line, tried in turn


def beside(
    start: State,
    step: Callable[[State], State],
    moved: Callable[[float], State],
) -> Iterator[tuple[str, State]]:
    """(name, state) on both sides of a threshold, near and at it; none if none is crossed.

    ``moved(off)`` is the start with its moving numbers off by about that share.
    """
    here = step(start)
    far = next((far for far in map(moved, OFF) if not same_decisions(step(far), here)), None)
    if far is None:
        return
    below, above = 0.0, 1.0
    for halving in range(1, AT + 1):
        middle = (below + above) / 2
        if same_decisions(step(between(start, far, middle)), here):
            below = middle
        else:
            above = middle
        if word := {NEAR: "near", AT: "at"}.get(halving):
            yield f"below, {word} a threshold", between(start, far, below)
            yield f"above, {word} a threshold", between(start, far, above)


def between(one: State, other: State, t: float) -> State:
    """On the line between two states; whole numbers are those of the first."""
    pairs = zip(one, other, strict=True)
    return type(one)(*(x + t * (y - x) if inexact(x) else x for x, y in pairs))
