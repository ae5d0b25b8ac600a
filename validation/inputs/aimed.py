"""Inputs that reach conditions and limits of the engine which nothing else has reached.

What the small named cases and the inputs chosen so far reach is measured. Then random moves are
made, one after the other, and an input that reaches something new is kept and moved further. At
last lines are searched, from a few of all these, for starts from which a place that is still
missing comes out otherwise (`thresholds.Aim`): clear of the change, and on both sides of it. A
start counts only if its values lie within those that runs from admitted starts take: what no run
comes to an optimization need not answer.

Coverage as the guide of random changes: M. Böhme, V.-T. Pham, A. Roychoudhury, IEEE Trans. Softw.
Eng. 45, 489 (2019), doi:10.1109/TSE.2017.2785841.
"""

import random
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain
from typing import NamedTuple

import torch

from groundspeed.baselines.engine import Case, Engine, State
from groundspeed.validation.inputs.extremes import extremes
from groundspeed.validation.inputs.moves import LIMIT, MOVED, Proposal, moves, same_kind
from groundspeed.validation.inputs.starts import Recipe
from groundspeed.validation.inputs.thresholds import Aim
from groundspeed.validation.inputs.tried import REFUSALS, Tried, tried
from groundspeed.validation.records.errors import Sealed
from groundspeed.validation.reference import case_fields
from groundspeed.validation.reference.distance import floating
from groundspeed.validation.reference.limits import reached_by
from groundspeed.validation.reference.operator_count import operators
from groundspeed.validation.reference.places import Limits

EDGE = "edge"
EQUAL = "equal"  # an outcome that rounding decides, whatever two runs of it say
MOVES, WORK = 2000, 500_000  # at random; operators of one call of each
SOURCES = 12  # inputs from which moves and lines begin
COSTLY = 20_000  # operators of one call; a line takes some hundred calls
EDGES = 2  # lines for one branch
TIES = 4  # of one input, for which equal elements are sought, some hundred calls each
STEPS = 24  # of the named cases
EACH = 3  # starts for one outcome: clear of the change, and on either side of it
FARTHEST, LINES = 160, 60_000  # lines from one input; operators of one call of each


class Aimed(NamedTuple):
    """Inputs that reach what was missing, and what only states reach that no run comes to."""

    inputs: list[Tried]
    beyond: Limits


def aimed(engine: Engine, sources: dict[str, Case], chosen: list[Tried]) -> Aimed:
    """Admitted inputs that reach what is missing."""
    told = [tried_or_refused(engine, proposal) for proposal in extremes(engine.name)]
    total, beyond = reached(engine, sources, chosen + told), Limits()
    named = list(filter(None, (tried(engine, Proposal(LIMIT, name)) for name in sources)))
    found = explored(engine, cheapest(engine, named, SOURCES), total)
    inputs, seen, edges = told + found, Ranges(), Counter()
    for one in (*named, *chosen, *inputs):
        seen.add(one.start, *one.want.values())
    for one in found:
        total |= reached_by(engine, one.case, max(one.want), from_own(one))
    far = [t for t in chosen if t.proposal.kind == MOVED and " x1000 " in t.proposal.aim]
    for group in (named, far, found):
        for begin in cheapest(engine, group, SOURCES // 2):
            aim = Aim(engine, begin.case, begin.start, farthest(engine, begin))
            lines = along_lines(engine, begin, aim, total), on_edges(engine, begin, aim, edges)
            for one in chain(*lines):
                limits = reached_by(engine, one.case, max(one.want), one.start)
                if seen.hold(one.start):
                    total |= limits
                    inputs.append(one)
                else:
                    beyond |= limits
    return Aimed(inputs, beyond)


def tried_or_refused(engine: Engine, proposal: Proposal) -> Tried:
    """What an author lists, tried.

    Raises:
        Sealed: the engine does not admit it, or it tells nothing.
    """
    one = tried(engine, proposal)
    if one is None:
        raise Sealed(
            f"baselines/{engine.name}/frozen/extremes.toml lists {proposal.label}; allowed: what "
            "the engine admits and answers with finite numbers; correct it"
        )
    return one


class Ranges:
    """Smallest and largest value of each field over some states."""

    def __init__(self):
        self.known: dict[str, tuple[float, float]] = {}

    def add(self, *states: State) -> None:
        for state in states:
            for name in floating(state):
                low, high = extent(getattr(state, name))
                least, most = self.known.get(name, (low, high))
                self.known[name] = min(low, least), max(high, most)

    def hold(self, state: State) -> bool:
        """Whether every value lies within."""
        for name in floating(state):
            low, high = extent(getattr(state, name))
            least, most = self.known.get(name, (low, high))
            if low < least or high > most:
                return False
        return True


def extent(values: torch.Tensor) -> tuple[float, float]:
    """Of complex numbers, of their parts."""
    values = torch.view_as_real(values) if values.is_complex() else values
    return float(values.min()), float(values.max())


def explored(engine: Engine, sources: list[Tried], total: Limits) -> list[Tried]:
    """Inputs made by random moves, each of which reached something new when it was made."""
    rng, corpus, seen = random.Random(0), list(sources), total.reached()
    mean = sum(calls(engine, one) for one in corpus) / max(1, len(corpus))
    for _ in range(min(MOVES, int(WORK / mean)) if corpus else 0):
        near = rng.choice(corpus)
        path, value = rng.choice(list(case_fields.everything(near.case)))
        others = same_kind(dict(engine.cases), near.case)
        ways = [changes for _, changes in moves(near.case, path, value, others)]
        if not ways:
            continue
        changes = near.proposal.changes | rng.choice(ways)
        one = tried(engine, replace(near.proposal, kind=LIMIT, changes=changes))
        if one is None:
            continue
        new = reached_by(engine, one.case, max(one.want), from_own(one)).reached() - seen
        if new:
            seen |= new
            corpus.append(one)
    return corpus[len(sources) :]


def from_own(one: Tried) -> State | None:
    """The start that a run is measured from; none for the case's own, whose making counts."""
    return one.start if one.proposal.begin else None


def farthest(engine: Engine, begin: Tried) -> int:
    """How many lines from there are looked at."""
    return min(FARTHEST, LINES // max(1, calls(engine, begin)))


def on_edges(engine: Engine, begin: Tried, aim: Aim, count: Counter) -> Iterator[Tried]:
    """Inputs on both sides of the very place at which a branch in Python turns over.

    A share of cells changes there by one cell, a sum by its last place: on one side it is equal to
    what it is compared with, where any start is.
    """
    for place in sorted(aim.here):
        if place.operator != "branch" or count[place] >= EDGES:
            continue
        near = replace(begin.proposal, aim=EDGE)
        found = list(admitted(engine, near, list(aim.at(place, "true"))[-2:]))
        count[place] += len(found) == 2
        yield from found


def along_lines(engine: Engine, begin: Tried, aim: Aim, total: Limits) -> Iterator[Tried]:
    """Inputs on lines from one start that reach what is missing in ``total``."""
    missing = total.missing()
    if not missing:
        return
    within, ties = aim.outcomes(), TIES
    for place, outcome in missing:
        recipes: Iterable[Recipe] = ()
        if outcome in within.get(place, ()):
            recipes = aim.at(place, outcome)
        elif outcome == EQUAL and place in within and ties:
            ties -= 1
            recipes = filter(None, [aim.tie(place)])
        yield from admitted(engine, replace(begin.proposal, aim=outcome), recipes)


def admitted(engine: Engine, near: Proposal, recipes: Iterable[Recipe]) -> Iterator[Tried]:
    """As many of the starts as are enough for one outcome."""
    count = 0
    for recipe in recipes:
        one = tried(engine, replace(near, kind=LIMIT, begin=near.begin | recipe))
        if one is not None:
            yield one
            count += 1
            if count == EACH:
                return


def reached(engine: Engine, sources: dict[str, Case], chosen: list[Tried]) -> Limits:
    """What is reached without any aim."""
    total = Limits()
    for case in sources.values():
        total |= reached_by(engine, case, min(case.steps, STEPS))
    for one in chosen:
        total |= reached_by(engine, one.case, max(one.want), one.start)
    return total


def cheapest(engine: Engine, group: list[Tried], most: int) -> list[Tried]:
    """Of some inputs the ones whose step is cheapest."""
    costs = sorted((calls(engine, one), n) for n, one in enumerate(group))
    return [group[n] for cost, n in costs if cost <= COSTLY][:most]


def calls(engine: Engine, one: Tried) -> int:
    """Operators of one call from there."""
    try:
        return operators(engine, one.case, one.start)
    except REFUSALS:
        return COSTLY + 1
