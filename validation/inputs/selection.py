"""Selection of some 300 inputs of an engine, once, to be frozen beside its seal.

Of everything that `moves` and `covering` make of the named cases those are taken that the
engine admits and that only they move, combine or reach. They stand in the order in which they are
tried: the kinds take turns, so the first of them are of every kind.
"""

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain, zip_longest

import torch

from groundspeed.baselines.engine import Case, Engine
from groundspeed.validation.inputs import moves, starts
from groundspeed.validation.inputs.aimed import Aimed, aimed
from groundspeed.validation.inputs.covering import Covering
from groundspeed.validation.inputs.moves import COUNTER, KINDS, LIMIT, MOVED, PAIR, SHAPE, Proposal
from groundspeed.validation.inputs.tried import REFUSALS, SMALL, Tried, tried
from groundspeed.validation.reference import case_fields
from groundspeed.validation.reference.case_fields import MADE
from groundspeed.validation.reference.limits import reached_by
from groundspeed.validation.reference.places import Limits
from groundspeed.validation.reference.trajectory import along

MOST = 360
TRIES = 6  # proposals of one aim
CHOICES, TYPES = 3, 6  # cases on which a choice is made otherwise, and the type
ROUNDS = 3  # cases on which sizes are changed
STEPS = 24  # of a case, by which it is told what it reaches
LATER = 24  # steps after which some parameters show only
CLEAR = 1e-3  # of a field: an effect that no tolerance hides
VISIBLE = 1e-9


def selected(engine: Engine, tell: Callable[[str], None] = lambda line: None) -> Aimed:
    """The inputs, in the order in which they are tried; none where a case says only how long it
    runs, as those of a program that is run as it is."""
    torch.set_num_threads(1)
    sources = {n: c for n, c in small(engine).items() if says_more(c)}
    if not sources:
        return Aimed([], Limits())
    found: dict[str, list[Tried]] = {}
    tell(f"inputs: {PAIR}")
    found[PAIR] = list(combined(engine, sources))
    tell(f"inputs: {MOVED}")
    order = most_telling(engine, sources)
    found[MOVED] = list(moved(engine, sources, found[PAIR], order))
    tell(f"inputs: {SHAPE}")
    found[SHAPE] = list(shaped(engine, sources, order))
    tell(f"inputs: {COUNTER}")
    found[COUNTER] = list(counting(engine, sources))
    tell(f"inputs: {LIMIT}")
    found[LIMIT], beyond = aimed(engine, sources, list(chain(*found.values())))
    turns = zip_longest(*(found[kind] for kind in KINDS))
    return Aimed(list(filter(None, chain.from_iterable(turns)))[:MOST], beyond)


def small(engine: Engine) -> dict[str, Case]:
    """The named cases whose states are small, smallest first."""
    sizes = {}
    for name, case in engine.cases.items():
        try:
            sizes[name] = max(t.numel() for t in engine.initial(case))
        except REFUSALS:
            continue
    return {n: engine.cases[n] for n in sorted(sizes, key=sizes.get) if sizes[n] <= SMALL}


def says_more(case: Case) -> bool:
    """Whether a case has numbers or choices of its own."""
    common = {f.name for f in dataclasses.fields(Case)}
    return any(name not in common and not isinstance(v, str) for name, v in case_fields.parts(case))


def most_telling(engine: Engine, sources: dict[str, Case]) -> list[str]:
    """Names of the cases; each reaches most of the conditions that those before it do not."""
    left = {n: reached_by(engine, c, min(c.steps, STEPS)).reached() for n, c in sources.items()}
    order, seen = [], set()
    while left:
        order.append(max(left, key=lambda name: len(left[name] - seen)))
        seen |= left.pop(order[-1])
    return order


def begun(engine: Engine, proposal: Proposal) -> Iterator[Tried]:
    """The proposal from several starts, as far as each is admitted."""
    first = tried(engine, proposal)
    if first is None:
        return
    shuffled = starts.may_be_shuffled(first.start)
    other = tried(engine, replace(proposal, begin={"shuffled": 1})) if shuffled else None
    yield from filter(None, (other, first))
    later = tried(engine, replace(proposal, begin={"after": LATER}))
    yield from filter(None, [later])


def clearest(engine: Engine, group: list[Proposal]) -> Tried | None:
    """Of proposals with one aim the first that shows clearly, else the one that shows best."""
    best = None
    for proposal in group[:TRIES]:
        for one in begun(engine, proposal):
            if best is None or one.effect > best.effect:
                best = one
            if best.effect > CLEAR:
                return best
    return best


def moved(
    engine: Engine, sources: dict[str, Case], rows: list[Tried], order: list[str]
) -> Iterator[Tried]:
    """Each field moved in each way, choices on several cases, in that order; of fields that only
    the start is made of, one way, and each class."""
    groups: dict[str, list[Proposal]] = {}
    near = [(row.proposal, row.case) for row in rows]
    for proposal in moves.moved(engine, sources, near):
        groups.setdefault(proposal.aim, []).append(proposal)
    only_starts, again, seen = {}, [], set()
    for aim, group in groups.items():
        path, word, _ = aim.split(" ", 2)
        parts = [group]
        if is_choice(group[0].changes.get(path)):
            group = sorted(group, key=lambda p: order.index(p.case))
            parts = [[p] for p in group[: TYPES if path == "dtype" else CHOICES]]
        for best in filter(None, (clearest(engine, part) for part in parts)):
            if best.effect <= VISIBLE and not isinstance(best.proposal.changes.get(path), list):
                made = MADE in str(best.proposal.changes.get(path))
                only_starts.setdefault((path, word if made else ""), best)
            elif (path, word) in seen:
                again.append(best)
            else:
                seen.add((path, word))
                yield best
    yield from only_starts.values()
    yield from again


def is_choice(value: object) -> bool:
    """Whether it is one of a few values, and no number."""
    return isinstance(value, bool | str | None | dict)


def shaped(engine: Engine, sources: dict[str, Case], order: list[str]) -> Iterator[Tried]:
    """Two sizes, and each size, on the cases that come first in that order: those that collect
    and those that move, say."""
    groups: dict[str, dict[str, list[Proposal]]] = {}
    for proposal in moves.shapes(engine, sources):
        groups.setdefault(proposal.aim, {}).setdefault(proposal.case, []).append(proposal)
    rounds = [[] for _ in range(ROUNDS)]
    for aim, group in groups.items():
        most = ROUNDS if "," in aim else ROUNDS - 1
        for place, name in enumerate(sorted(group, key=order.index)[:most]):
            one = next(filter(None, (first(engine, p) for p in group[name])), None)
            if one is not None:
                rounds[place].append(one)
    yield from chain(*rounds)


def first(engine: Engine, proposal: Proposal) -> Tried | None:
    return next(begun(engine, proposal), None)


def combined(engine: Engine, sources: dict[str, Case]) -> Iterator[Tried]:
    """Missing pairs of features brought together, in each class of cases."""
    for kind in {type(case): None for case in engine.cases.values()}:
        order = sorted(engine.cases, key=lambda n: (n not in sources, engine.cases[n].steps))
        cases = {n: engine.cases[n] for n in order if type(engine.cases[n]) is kind}
        near = [n for n in sources if n in cases]
        if near:
            yield from Covering(cases, near, lambda p: first(engine, p)).rows()


def counting(engine: Engine, sources: dict[str, Case]) -> Iterator[Tried]:
    """Counters near the limits of narrower types, one case for each limit."""
    taken = set()
    for proposal in moves.counters(engine, sources, along):
        if proposal.aim in taken:
            continue
        one = tried(engine, proposal)
        if one is not None:
            taken.add(proposal.aim)
            yield one
