"""Only the box that the field can have reached: it grows by one cell a step, and is exact.

Outside the box E and E_prev are exactly zero, and a step of zeros is zeros. The box is found
once, when the state is taken over, and grows by the reach of the stencil. Where it meets the
edge of the grid, or where bodies or walls act, the whole grid is the box.
"""

from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from baselines.engine import Step
from baselines.lattice_field_v1 import LatticeCase, LatticeState
from baselines.lattice_field_v1 import engine as baseline
from optimizations.lattice_field_blocked import implementation as whole
from optimizations.lattice_field_buffers.implementation import expression


class BoxState(NamedTuple):
    """The canonical state and the half-open box outside of which it is zero."""

    lattice: LatticeState
    low: tuple[int, ...]
    high: tuple[int, ...]


def adopt(case: LatticeCase, state: LatticeState) -> BoxState:
    """The box around everything that is not zero."""
    busy = (state.E != 0) | (state.E_prev != 0)
    spans = []
    for axis in range(case.d):
        others = tuple(a for a in range(case.d) if a != axis)
        hit = busy.any(others).nonzero()
        spans.append((int(hit[0]), int(hit[-1]) + 1) if len(hit) else (0, case.shape[axis]))
    low, high = zip(*spans, strict=True)
    return BoxState(state, low, high)


def observe(case: LatticeCase, state: BoxState) -> LatticeState:
    return state.lattice


def sum_neighbours(total: Tensor, E: Tensor, low, high) -> None:
    """total = the frozen sum over neighbours inside the box, which touches no edge."""

    def shifted(axis: int, by: int) -> Tensor:
        return E[
            tuple(
                slice(a + by * (axis == i), b + by * (axis == i))
                for i, (a, b) in enumerate(zip(low, high, strict=True))
            )
        ]

    torch.add(shifted(0, -1), shifted(0, 1), out=total)
    for axis in range(1, E.ndim):
        total.add_(shifted(axis, -1))
        total.add_(shifted(axis, 1))


def stepper(case: LatticeCase) -> Step:
    """The box while it is inside the grid, the whole grid from then on."""
    if case.order != 2:
        raise ValueError(f"order is {case.order}; allowed: 2")
    everywhere = whole.engine.prepare(case)
    local = case.boundary == "periodic" and case.bodies is None
    finish = expression(case, case.d)

    def step(state: BoxState) -> BoxState:
        low = tuple(a - 1 for a in state.low)
        high = tuple(b + 1 for b in state.high)
        inside = all(a > 0 and b < n for a, b, n in zip(low, high, case.shape, strict=True))
        if not (local and inside):
            return state._replace(lattice=everywhere(state.lattice))
        E, E_next, chi = state.lattice.E, state.lattice.E_prev, state.lattice.chi
        box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        total, spare = (torch.empty_like(E[box], memory_format=torch.contiguous_format)
                        for _ in range(2))  # fmt: skip
        sum_neighbours(total, E, low, high)
        for call in finish(total, spare, E[box], E_next[box], chi[box] if chi.ndim else chi):
            call()
        return BoxState(state.lattice._replace(E=E_next, E_prev=E), low, high)

    return step


engine = replace(baseline, stepper=stepper, adopt=adopt, observe=observe, in_place=True)
