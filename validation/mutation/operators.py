"""Mutation operators: each takes the result of a step and makes it wrong.

Every one is something that has gone wrong, or was done on purpose, in a harness that did not
notice. They act on canonical states, so they know no engine and no candidate.

R. A. DeMillo, R. J. Lipton and F. G. Sayward, Computer 11(4), 34 (1978),
doi:10.1109/C-M.1978.218136, for mutants as a measure of tests.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from groundspeed.baselines.engine import State, clone, fields
from groundspeed.validation.reference.distance import inexact

WRONG_CONSTANT = 1e-5  # of each increment
WRONG_CELL = 1e-3  # of the field's root mean square
LATE = 6  # calls that are right before a drift begins


@dataclass
class Call:
    """One call of a step.

    Attributes:
        given: the caller's own state, which must not change.
        before: a copy of it.
        after: the right answer, a copy.
        number: of the call in this run, from 1.
        last: whether it is the last call of the run.
        memory: kept over every run on this case.
    """

    given: State
    before: State
    after: State
    number: int
    last: bool
    memory: dict = field(default_factory=dict)

    def floats(self) -> list[str]:
        """Floating-point fields with cells: those that changed first, then by size."""
        names = [n for n, f in fields(self.after).items() if inexact(f) and f.numel()]
        return sorted(names, key=lambda n: (not self.moves(n), -getattr(self.after, n).numel()))

    def moves(self, name: str) -> bool:
        one, other = getattr(self.before, name), getattr(self.after, name)
        return one.shape != other.shape or not torch.equal(one, other)

    def changed(self, act: Callable[[Tensor, Tensor], Tensor], *names: str) -> State:
        """The right answer with act(before, after) in those fields; all floating ones if none."""
        for name in names or self.floats():
            new = act(getattr(self.before, name), getattr(self.after, name))
            self.after = self.after._replace(**{name: new})
        return self.after

    def spoil_one(self, act: Callable[[Tensor, Tensor], Tensor]) -> State:
        """The same in the first floating field alone."""
        return self.changed(act, *self.floats()[:1]) if self.floats() else self.after


def increment(act: Callable[[Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    """after = before + act(after − before): the effect of a wrong term."""

    def acted(before: Tensor, after: Tensor) -> Tensor:
        if before.shape != after.shape:
            return act(after)
        return before + act(after - before)

    return acted


def round_through(dtype: torch.dtype) -> Callable[[Tensor], Tensor]:
    """Rounds to a narrow type and back."""

    def narrow(value: Tensor) -> Tensor:
        if value.is_complex():
            return torch.view_as_complex(torch.view_as_real(value).to(dtype).to(value.real.dtype))
        return value.to(dtype).to(value.dtype)

    return narrow


def one_cell(value: Tensor, act: Callable[[Tensor], Tensor]) -> Tensor:
    """Applies ``act`` to the cell in the middle of memory."""
    new = value.clone().contiguous()
    flat = (torch.view_as_real(new) if new.is_complex() else new).view(-1)
    flat[flat.numel() // 2] = act(flat[flat.numel() // 2])
    return new


def wrong_cell(_: Tensor, after: Tensor) -> Tensor:
    size = WRONG_CELL * float(after.abs().double().square().mean()) ** 0.5
    return one_cell(after, lambda x: x + size)


def next_number(_: Tensor, after: Tensor) -> Tensor:
    return one_cell(after, lambda x: torch.nextafter(x, torch.full_like(x, float("inf"))))


def with_edge(act: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    """Replaces the first plane of the first axis with several planes by act(before, after)."""

    def edged(before: Tensor, after: Tensor) -> Tensor:
        axis = next((a for a, n in enumerate(after.shape) if n > 1), None)
        if axis is None or before.shape != after.shape:
            return after
        new = after.clone()
        new.select(axis, 0).copy_(act(before.movedim(axis, 0), after.movedim(axis, 0)))
        return new

    return edged


def half_step(before: Tensor, after: Tensor) -> Tensor:
    if before.shape != after.shape:
        return after
    new, at = after.reshape(-1).clone(), after.numel() // 2
    new[at:] = before.reshape(-1)[at:]
    return new.reshape(after.shape)


def transpose_axes(_: Tensor, after: Tensor) -> Tensor:
    """Transposes two axes of equal length."""
    lengths = list(after.shape)
    pairs = [(a, b) for a in range(len(lengths)) for b in range(a) if lengths[a] == lengths[b] > 1]
    return after.transpose(*pairs[0]).contiguous() if pairs else after


def flip_axis(_: Tensor, after: Tensor) -> Tensor:
    return after.flip(0) if after.ndim else after


def shift_cells(_: Tensor, after: Tensor) -> Tensor:
    return after.roll(1, after.ndim - 1) if after.ndim else after


def shuffle_cells(_: Tensor, after: Tensor) -> Tensor:
    order = torch.randperm(after.numel(), generator=torch.Generator().manual_seed(1))
    return after.reshape(-1)[order].reshape(after.shape)


def other_type(_: Tensor, after: Tensor) -> Tensor:
    narrow = {torch.float64: torch.float32, torch.complex128: torch.complex64}
    return after.to(narrow.get(after.dtype, torch.float64))


def off_by_one(x: Tensor) -> Tensor:
    return ~x if x.dtype == torch.bool else x + 1


def flip_decision(call: Call) -> State:
    """One whole number off by one, in the largest such field that changes."""
    whole = [n for n, f in fields(call.after).items() if not inexact(f) and f.numel()]
    whole.sort(key=lambda n: (not call.moves(n), -getattr(call.after, n).numel()))
    if not whole:
        return call.after

    return call.changed(lambda _, after: one_cell(after, off_by_one), whole[0])


def swap_fields(call: Call) -> State:
    """Swaps the first two floating fields of one shape and type."""
    names = call.floats()
    for i, one in enumerate(names):
        for other in names[:i]:
            a, b = getattr(call.after, one), getattr(call.after, other)
            if a.shape == b.shape and a.dtype == b.dtype:
                return call.after._replace(**{one: b, other: a})
    return call.after


def first_answer(key: Callable[[State], object]) -> Callable[[Call], State]:
    """Returns the first answer that was given to a state with that key."""

    def recall(call: Call) -> State:
        return clone(call.memory.setdefault(("answer", key(call.given)), call.after))

    return recall


def address(state: State) -> int:
    return next((t.data_ptr() for t in state if t.numel()), 0)


def previous_answer(call: Call) -> State:
    """Returns the answer of the previous call; on the first, the input."""
    older = call.memory.get("older", call.before) if call.number > 1 else call.before
    call.memory["older"] = clone(call.after)
    return older


def spoil_input(call: Call) -> State:
    for tensor in call.given:
        tensor.copy_(off_by_one(tensor))
    return call.after


def drift(call: Call) -> State:
    """Right at first, then a little more wrong at every call."""
    call.memory["calls"] = count = call.memory.get("calls", 0) + 1
    if count <= LATE:
        return call.after
    return call.changed(increment(lambda step: step * (1 + WRONG_CELL * (count - LATE))))
