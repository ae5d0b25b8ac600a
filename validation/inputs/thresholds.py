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

from collections.abc import Callable, Iterable, Iterator
from itertools import islice, product

import torch

from baselines.engine import Case, Engine, State, fields
from validation.reference.distance import inexact
from validation.reference.envelope import same_decisions
from validation.reference.limits import Conditions, Limits, Place

NEAR, AT = 12, 40  # halvings
OFF = (0.05, 0.5)  # of each moving number: the far end of the line, tried in turn
LINES = 2  # on which two equal elements are sought, some 60 calls each
REFUSALS = (ValueError, RuntimeError, IndexError)  # of a start that the engine does not admit
POWERS = (1, 4, 10, 20, 40)  # of two, by which numbers are moved to the far end of a line
Change = Callable[[torch.Tensor, torch.Generator], torch.Tensor]


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
        yield from halved(start, far, crossed)


def halved(
    start: State, far: State, crossed: Callable[[State], bool]
) -> Iterator[tuple[str, State]]:
    """States on both sides of where the line to ``far`` is crossed, near and at it."""
    below, above = 0.0, 1.0
    for halving in range(1, AT + 1):
        middle = (below + above) / 2
        if crossed(between(start, far, middle)):
            above = middle
        else:
            below = middle
        if word := {NEAR: "near", AT: "at"}.get(halving):
            yield f"below, {word} a threshold", between(start, far, below)
            yield f"above, {word} a threshold", between(start, far, above)


def between(one: State, other: State, t: float) -> State:
    """On the line between two states; whole numbers are those of the first."""
    pairs = zip(one, other, strict=True)
    return type(one)(*(x + t * (y - x) if inexact(x) else x for x, y in pairs))


class Aim:
    """Starts near a given one from which a place of the engine's source comes out otherwise.

    Attributes:
        far: the far ends of the lines; by default `far_ends` of the start.
        steps: of the baseline, in which the outcome may be reached.
    """

    def __init__(
        self,
        engine: Engine,
        case: Case,
        start: State,
        far: Iterable[State] | None = None,
        still: tuple[str, ...] = (),
        steps: int = 1,
    ):
        self.engine, self.case, self.start, self.steps = engine, case, start, steps
        self.run = engine.runner(case)
        self.coming = iter(far_ends(start, still, case.seed) if far is None else far)
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

    def at(self, place: Place, outcome: str) -> Iterator[tuple[str, State]]:
        """(name, state) on both sides of the outcome, near and at it; none if no end has it."""
        here = self.has(self.here, place, outcome)

        def crossed(state: State) -> bool:
            return self.has(self.reached(state), place, outcome) != here

        for far, limits in self.ends():
            if limits and self.has(limits, place, outcome) != here:
                yield from halved(self.start, far, crossed)
                return

    def tie(self, place: Place, lines: int = LINES) -> State | None:
        """A state from which two elements that are compared there are equal, if one is found.

        On each of so many lines on which the comparison of some element comes out otherwise,
        the interval is halved down to neighbouring numbers; the equal ones lie on the way.
        """
        here = self.looked(self.start, place)[1]

        def crosses(far: State) -> bool:
            return not alike(self.looked(far, place)[1], here)

        for far in islice(filter(crosses, (state for state, _ in self.ends())), lines):
            below, above = 0.0, 1.0  # from the far end: a field that is zero there has finer steps
            while below < (middle := (below + above) / 2) < above:
                state = between(far, self.start, middle)
                limits, results = self.looked(state, place)
                if self.has(limits, place, "equal"):
                    return state
                if alike(results, here):
                    above = middle
                else:
                    below = middle
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


def far_ends(start: State, still: tuple[str, ...], seed: int) -> Iterator[State]:
    """The start with one moving field changed, or all of them; mild changes come first. Then
    with one field nothing, and all others changed.

    Which cells are changed is drawn from the seed.
    """
    moving = [n for n, t in fields(start).items() if inexact(t) and t.numel() and n not in still]
    groups = [[name] for name in moving] + ([moving] if len(moving) > 1 else [])
    for change, group in product(changes(), groups):
        yield changed(start, group, change, seed)
    for name, change in product(moving if len(moving) > 1 else [], changes()):
        empty = start._replace(**{name: torch.zeros_like(getattr(start, name))})
        yield changed(empty, [n for n in moving if n != name], change, seed)


def changed(start: State, names: list[str], change: Change, seed: int) -> State:
    """The start with these fields changed."""
    generator = torch.Generator("cpu").manual_seed(seed)
    return start._replace(**{n: change(getattr(start, n), generator) for n in names})


def changes() -> Iterator[Change]:
    """Of the numbers of a field: to nothing; half of them the other way, up, down, and further."""
    yield lambda t, generator: torch.zeros_like(t)
    yield halfway(lambda t: -t)
    for power in POWERS:
        for sign in (1, -1):
            yield halfway(lambda t, by=sign * 2.0**power: t + by)
        yield halfway(lambda t, by=2.0**power: t * by)
    yield halfway(lambda t: torch.full_like(t, torch.finfo(t.dtype).max / 8))


def halfway(change: Callable[[torch.Tensor], torch.Tensor]) -> Change:
    """The change, made in half of the cells."""

    def act(t: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        chosen = torch.rand(t.shape, generator=generator) < (0.5 if t.numel() > 1 else 1.0)
        return torch.where(chosen.to(t.device), change(t), t)

    return act
