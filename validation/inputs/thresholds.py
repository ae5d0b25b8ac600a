"""Input states close to a threshold, where the baseline decides otherwise.

An optimization that decides by another sum, in another precision or a step too late is right
almost everywhere. Nobody lists an engine's thresholds here; they are found. Between a start x
and another start y, on the line

    s(t) = x + t (y − x),   0 ≤ t ≤ 1,

the interval at whose ends something comes out otherwise is halved, NEAR times for states that
no rounding carries across, AT times for states on either side of the last place. What comes
out otherwise is any decision of one frozen step (`beside`, with y the start with every moving
number off by some percent), or one outcome of one condition or limit of the engine's source
(`Aim`, with y from a list of changes of the start's fields, mild ones first).
"""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice

import torch

from groundspeed.baselines.engine import Case, Engine, State
from groundspeed.validation.inputs.starts import Recipe, between, far_ends, still
from groundspeed.validation.reference.envelope import same_decisions
from groundspeed.validation.reference.limits import Conditions, Limits, Place

NEAR, AT = 12, 40  # halvings
OFF = (0.05, 0.5)  # of each moving number: the far end of the line, tried in turn
LINES = 2  # on which two equal elements are sought, some 60 calls each
REFUSALS = (ValueError, RuntimeError, IndexError)  # of a start that the engine does not admit


def beside(
    start: State,
    step: Callable[[State], State],
    moved: Callable[[float], State],
) -> Iterator[tuple[str, State]]:
    """(name, state) on both sides of a threshold, near and at it; none if none is crossed.

    ``moved(off)`` is the start with its moving numbers off by about that share.
    """
    here = step(start)

    def crossed(state: State) -> bool:
        return not same_decisions(step(state), here)

    far = next(filter(crossed, map(moved, OFF)), None)
    if far is not None:
        for word, t in halved(lambda t: crossed(between(start, far, t))):
            yield word, between(start, far, t)


def halved(crossed: Callable[[float], bool]) -> Iterator[tuple[str, float]]:
    """Places t on both sides of where a line is crossed, near and at it."""
    below, above = 0.0, 1.0
    for halving in range(1, AT + 1):
        middle = (below + above) / 2
        if crossed(middle):
            above = middle
        else:
            below = middle
        if word := {NEAR: "near", AT: "at"}.get(halving):
            yield f"below, {word} a threshold", below
            yield f"above, {word} a threshold", above


class Aim:
    """Starts near a given one from which a place of the engine's source comes out otherwise, each
    as a recipe (`starts`) to be applied to that start.

    Attributes:
        most: far ends that are looked at.
        steps: of the baseline, in which the outcome may be reached.
    """

    def __init__(self, engine: Engine, case: Case, start: State, most: int = 80, steps: int = 1):
        self.engine, self.case, self.start, self.steps = engine, case, start, steps
        self.run = engine.runner(case)
        self.coming = islice(far_ends(start, still(engine, case, start), case.seed), most)
        self.known: list[tuple[State, Limits]] = []
        self.here = self.reached(start)

    def reached(self, state: State) -> Limits:
        """What the run from there reaches; nothing if it is refused or not finite."""
        return self.looked(state)[0]

    def looked(self, state: State, place: Place | None = None) -> tuple[Limits, list[torch.Tensor]]:
        """The same, and how what is compared at the place came out, call by call."""
        with Conditions(self.engine, watched=place) as seen:
            try:
                end = self.run(state, self.steps)
            except REFUSALS:
                return Limits(), []
        finite = all(bool(torch.isfinite(t).all()) for t in end)
        return (seen.limits if finite else Limits()), seen.results

    def ends(self) -> Iterator[tuple[State, Limits]]:
        """Every far end and what it reaches; each is run once."""
        yield from self.known
        for state in self.coming:
            self.known.append((state, self.reached(state)))
            yield self.known[-1]

    def at(self, place: Place, outcome: str) -> Iterator[Recipe]:
        """Starts on both sides of the outcome, near and at it; none if no end has it."""
        here = self.has(self.here, place, outcome)

        def crossed(far: State, t: float) -> bool:
            return self.has(self.reached(between(self.start, far, t)), place, outcome) != here

        for number, (far, limits) in enumerate(self.ends()):
            if limits and self.has(limits, place, outcome) != here:
                yield {"line": [number, 1.0]}  # clear of it
                for _, t in halved(partial(crossed, far)):
                    yield {"line": [number, t]}
                return

    def tie(self, place: Place, lines: int = LINES) -> Recipe | None:
        """A start from which two elements that are compared there are equal, if one is found.

        On each of so many lines on which the comparison of some element comes out otherwise,
        the interval is halved down to neighbouring numbers; the equal ones lie on the way.
        """
        here = self.looked(self.start, place)[1]
        numbered = enumerate(state for state, _ in self.ends())
        crossing = ((k, s) for k, s in numbered if not alike(self.looked(s, place)[1], here))
        for number, far in islice(crossing, lines):
            # from the far end: a field that is zero there has finer steps
            ways = {"line back": (far, self.start, False), "line": (self.start, far, True)}
            for word, (one, other, begins_here) in ways.items():
                t = self.equal_on(place, one, other, here, begins_here)
                if t is not None:
                    return {word: [number, t]}
        return None

    def equal_on(
        self, place: Place, one: State, other: State, here: list[torch.Tensor], begins_here: bool
    ) -> float | None:
        """Where on a line two elements that are compared there are equal; None if nowhere."""
        below, above = 0.0, 1.0
        while below < (middle := (below + above) / 2) < above:
            limits, results = self.looked(between(one, other, middle), place)
            if self.has(limits, place, "equal"):
                return middle
            if alike(results, here) == begins_here:
                below = middle
            else:
                above = middle
        return None

    @staticmethod
    def has(limits: Limits, place: Place, outcome: str) -> bool:
        return outcome in limits.get(place, ())

    def outcomes(self) -> Limits:
        """All that the start or any far end reaches."""
        total = self.here
        for _, limits in self.ends():
            total = total | limits
        return total


def alike(some: list[torch.Tensor], others: list[torch.Tensor]) -> bool:
    """Whether two runs compared alike."""
    return len(some) == len(others) and all(map(torch.equal, some, others))
