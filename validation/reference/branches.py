"""Decisions that rounding can flip: the other right answers, cell by cell.

A threshold may lie within rounding of what is compared with it. The baseline falls on one
side of it on this processor, the truth on the other, and no allowance for rounding covers what
follows in the cells that were decided. Such cells are not left out; they have more than one
right answer. With t the value that a cell is held to, a what it may be off, and o what another
rounding of the same call makes of it (the baseline here, the truth, the baseline with
every result rounded at random: `random_rounding`), o is right too

    where |o − t| > a        it is on another branch,
    and then |x − o| ≤ a     is asked of the candidate's x, for one of these o.

Whole numbers and branches have a = 0: they are one of the right answers, bit for bit. All other
cells are held to what they were, so a wrong cell elsewhere gains nothing. Of whole runs:
`judge.branch_tracking`.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import torch

from groundspeed.baselines.engine import State, fields
from groundspeed.validation.reference.distance import (
    Distance,
    floating,
    inexact,
    least,
    widened,
    widest,
)

MOST = 1 / 16  # of the cells of a field: rounding does not decide more of one call otherwise


class Branches(NamedTuple):
    """Right answers on other branches: a cell stands as often as they differ there."""

    cells: torch.Tensor  # int64 [m], places in the flattened field
    values: torch.Tensor  # [m], what is right in that cell, too


NONE = Branches(torch.empty(0, dtype=torch.int64), torch.empty(0))


def branches(
    held_to: dict[str, torch.Tensor],
    others: Iterable[Sequence[torch.Tensor]],
    reach: dict[str, float],
) -> dict[str, Branches]:
    """Of each field what ``others``, states of these fields, have out of reach; looked at one by
    one, for they may be large."""
    found = {name: [NONE] for name in held_to}
    for state in others:
        for (name, theirs), other in zip(held_to.items(), state, strict=True):
            found[name].append(leaving(other, theirs, reach[name]))
    return {name: joined(parts) for name, parts in found.items()}


def leaving(other: torch.Tensor, held_to: torch.Tensor, reach: float) -> Branches:
    """Where ``other`` is further from what a field is held to; nothing of another shape."""
    if other.shape != held_to.shape:
        return NONE
    flat = other.reshape(-1)
    cells = (gap(flat, held_to.reshape(-1)) > reach).nonzero().reshape(-1)
    return Branches(cells, flat[cells].to(held_to.dtype))


def joined(parts: list[Branches]) -> Branches:
    some = [part for part in parts if len(part.cells)]
    return Branches(*map(torch.cat, zip(*some, strict=True))) if some else NONE


def gap(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Distance of values, cell by cell, float64; of decisions, 1 where they differ."""
    if inexact(one):
        return (widened(one) - widened(other)).abs()
    return (one != other).double()


def far(ours: torch.Tensor, held_to: torch.Tensor, reach: float) -> int:
    """Cells out of reach."""
    return int((gap(ours, held_to) > reach).sum())


def explicable(ours: torch.Tensor, held_to: torch.Tensor, reach: float) -> bool:
    """Whether so few cells are out of reach that rounding could have decided them."""
    return 0 < far(ours, held_to, reach) <= 1 + MOST * held_to.numel()


def on_branch(
    ours: torch.Tensor, held_to: torch.Tensor, found: Branches, reach: float
) -> torch.Tensor:
    """What the field is held to, with the branch that ``ours`` is on where it is out of reach.

    Args:
        ours: the candidate's field, of any type.
        held_to: of its shape; values in the widest type, or decisions.
        reach: what a cell may be off, in the field's unit; 0 for decisions.
    """
    if not len(found.cells):
        return held_to
    flat, theirs = ours.reshape(-1), held_to.reshape(-1).clone()
    here, there = flat[found.cells], theirs[found.cells]
    other = (gap(here, there) > reach) & (gap(found.values, there) > reach)
    taken = other & (gap(here, found.values) <= reach)
    theirs[found.cells[taken]] = found.values[taken]
    return theirs.reshape(held_to.shape)


def reaches(allowed: Callable[[str], Distance], state: State) -> dict[str, float]:
    """What a cell of each field of values may be off, if that is allowed of the field."""
    values = {name: getattr(state, name) for name in floating(state)}
    return {name: widest(allowed(name), least(t)).largest for name, t in values.items()}


def own_branch(
    ours: State,
    held_to: State,
    reach: dict[str, float],
    others: Callable[[], list[State]],
) -> State:
    """What a state is held to, on the branches that ``ours`` is on where one of ``others`` is too.

    Args:
        reach: what a cell may be off, by field; 0 where a field is not named.
        others: right answers, asked for only where so few cells are out of reach that rounding
            could have decided them.
    """
    want, got = fields(held_to), fields(ours)
    most = {name: reach.get(name, 0.0) for name in want}
    fitting = [name for name in most if got[name].shape == want[name].shape]
    few = [name for name in fitting if explicable(got[name], want[name], most[name])]
    right = ([getattr(one, name) for name in few] for one in (others() if few else ()))
    for name, found in branches({name: want[name] for name in few}, right, most).items():
        want[name] = on_branch(got[name], want[name], found, most[name])
    return type(held_to)(**want)
