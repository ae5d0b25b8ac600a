"""One proposal tried on the engine: whether it is admitted, what it answers, what it shows.

An input is of use where a candidate can be held to the baseline on it: the engine takes it, its
answer is finite, does not grow beyond all bounds, and is not the state that it was given.
"""

from dataclasses import dataclass, field, replace
from functools import cached_property

import torch

from groundspeed.baselines.engine import Case, Engine, State, fields
from groundspeed.validation.inputs import features, starts
from groundspeed.validation.inputs.moves import Proposal, shape_of
from groundspeed.validation.reference import case_fields
from groundspeed.validation.reference.distance import inexact
from groundspeed.validation.reference.trajectory import States, along

AT = (1, 2)  # calls that are compared
SMALL = 1 << 13  # elements of the largest field
GROWTH = 1e4
REFUSALS = (ValueError, RuntimeError, IndexError, LookupError)  # of what is not admitted


@dataclass
class Tried:
    """An admitted proposal: its case, its start, and what the baseline answers."""

    engine: Engine
    proposal: Proposal
    case: Case
    start: State
    want: States
    limits: set = field(default_factory=set)  # conditions that its run reaches: `conditions`

    @property
    def elements(self) -> int:
        return sum(t.numel() for t in self.start)

    @cached_property
    def pairs(self) -> set:
        return features.pairs(self.case)

    @cached_property
    def effect(self) -> float:
        """How far the baseline without the changes answers from this, of the field's size: 0 where
        the changes do nothing but to the start; 1 where it cannot answer."""
        plain = self.engine.cases[self.proposal.case]
        try:
            other = along(self.engine, plain, self.start, list(self.want))
        except Exception:  # it was made for other states: whatever it raises is a difference
            return 1.0
        return max(difference(other[n], self.want[n]) for n in self.want)


def difference(one: State, other: State) -> float:
    """The largest difference of two states, each field by its own size; 1 for other shapes."""
    worst = 0.0
    for a, b in zip(one, other, strict=True):
        if a.shape != b.shape or a.dtype != b.dtype:
            return 1.0
        if not b.numel() or torch.equal(a, b):
            continue
        if not inexact(b):
            return 1.0
        gap, size = float((a - b).abs().max()), float(b.abs().max())
        worst = max(worst, min(1.0, gap / size) if size and gap == gap else 1.0)
    return worst


def tried(engine: Engine, proposal: Proposal) -> Tried | None:
    """The proposal, run; None where the engine does not admit it or it tells nothing.

    A run that begins late is a longer one, and says so.
    """
    try:
        proposal = long_enough(engine, proposal)
        case = case_of(engine, proposal)
        if max(t.numel() for t in engine.initial(case)) > SMALL:
            return None
        start = starts.start_of(engine, case, proposal.begin)
        want = along(engine, case, start, [n for n in AT if n <= case.steps])
    except (*REFUSALS, TypeError, OverflowError, ZeroDivisionError):
        return None
    return Tried(engine, proposal, case, start, want) if tells(engine, start, want) else None


def case_of(engine: Engine, proposal: Proposal) -> Case:
    """The named case with the changes."""
    cases = engine.cases
    return case_fields.changed(cases[proposal.case], proposal.changes, cases)


def long_enough(engine: Engine, proposal: Proposal) -> Proposal:
    """With as many steps as it needs."""
    after = proposal.begin.get("after", 0)
    needed = after + max(AT) if after else 1
    if engine.cases[proposal.case].steps >= needed:
        return proposal
    return replace(proposal, changes=proposal.changes | {"steps": needed})


def tells(engine: Engine, start: State, want: States) -> bool:
    """Whether answers are finite, of the start's shapes, bounded, and moved."""
    if any(shape_of(state) != shape_of(start) for state in want.values()):
        return False
    if not all(torch.isfinite(t).all() for state in (start, *want.values()) for t in state):
        return False
    last = fields(want[max(want)])
    moved = [f for f, t in fields(start).items() if not torch.equal(t, last[f])]
    return bool(moved) and size(want[max(want)]) <= GROWTH * max(size(start), 1.0)


def size(state: State) -> float:
    """The largest absolute value in a state's fields of values."""
    return max((float(t.abs().max()) for t in state if inexact(t) and t.numel()), default=0.0)
