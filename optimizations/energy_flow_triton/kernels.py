"""Grouped softmax means as atomic sums over a dense row of bins, one bin a sample and cell.

    a = |e| / (1 + d) · (1 + 0.1 s),   E = Σ exp(a − max a) e / Σ exp(a − max a)

Weights are never negative, so their bits as whole numbers have the order of the numbers, and the
largest is an atomic maximum of whole numbers. Sums run in float64: in which order they are
made changes no bit of the float32 result but where it lies on the very edge of rounding.
"""

from collections.abc import Callable

import torch
import triton
import triton.language as tl

from baselines.energy_flow_v1 import FlowCase, FlowState
from baselines.energy_flow_v1.collect import STEP_GAIN, result_rows
from baselines.energy_flow_v1.geometry import UNKNOWN

BLOCK = 256
BITS = {torch.float32: torch.int32, torch.float64: torch.int64}


@triton.jit
def near_even(x):
    """The nearest whole number, halves to even, of x from 0 to 2²²."""
    low = tl.floor(x)
    over = x - low
    odd = (low.to(tl.int32) % 2) == 1
    return tl.where((over > 0.5) | ((over == 0.5) & odd), low + 1, low)


@triton.jit
def weigh(POSITION, ENERGY, STEPS, SAMPLE, COMPLETED, PLANE, KEY, STRENGTH, HIGHEST, K, n,
          WIDTH, CELLS, UNKNOWN: tl.constexpr, BLOCK: tl.constexpr):  # fmt: skip
    """KEY: the bin of each flow, −1 of none; STRENGTH: its weight; HIGHEST: the most of each bin.

    K: 1, ½ (width − 1), ½ (height − 1), 0.1.
    """
    row = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = row < n
    taken = inside & (tl.load(COMPLETED + row, inside, other=0) != 0)
    taken = taken & (tl.load(PLANE + row, inside, other=UNKNOWN) != UNKNOWN)
    one, right, top, gain = tl.load(K), tl.load(K + 1), tl.load(K + 2), tl.load(K + 3)
    x = tl.load(POSITION + 3 * row, inside, other=0.0)
    y = tl.load(POSITION + 3 * row + 1, inside, other=0.0)
    z = tl.load(POSITION + 3 * row + 2, inside, other=0.0)
    column = near_even(tl.minimum(tl.maximum((x + one) * right, 0.0), 2 * right))
    line = near_even(tl.minimum(tl.maximum((y + one) * top, 0.0), 2 * top))
    cell = line.to(tl.int64) * WIDTH + column.to(tl.int64)
    key = tl.load(SAMPLE + row, inside, other=0) * CELLS + cell
    away = tl.abs(one - tl.abs(z))
    steps = tl.load(STEPS + row, inside, other=0).to(x.dtype)
    near = tl.abs(tl.load(ENERGY + row, inside, other=0.0)) * (one / (one + away))
    strength = near * (one + gain * steps)
    tl.store(KEY + row, tl.where(taken, key, -1), inside)
    tl.store(STRENGTH + row, strength, inside)
    bits = strength.to(tl.int64 if strength.dtype == tl.float64 else tl.int32, bitcast=True)
    tl.atomic_max(HIGHEST + key, bits, taken)


@triton.jit
def add_up(KEY, STRENGTH, ENERGY, HIGHEST, SUMS, n, bins, BLOCK: tl.constexpr):
    """SUMS [2, bins] float64: Σ exp(a − max a) and Σ exp(a − max a) e."""
    row = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = row < n
    key = tl.load(KEY + row, inside, other=-1)
    taken = inside & (key >= 0)
    strength = tl.load(STRENGTH + row, taken, other=0.0)
    highest = tl.load(HIGHEST + key, taken, other=0).to(strength.dtype, bitcast=True)
    weight = tl.exp((strength - highest).to(tl.float64))
    energy = tl.load(ENERGY + row, taken, other=0.0).to(tl.float64)
    tl.atomic_add(SUMS + key, weight, taken)
    tl.atomic_add(SUMS + bins + key, weight * energy, taken)


def gather(case: FlowCase) -> Callable[[FlowState], FlowState]:
    """The stage, on states of that device."""
    bins, n = case.batch * case.cells, case.capacity
    like = {"dtype": case.dtype, "device": case.device}
    exact = (1.0, (case.width - 1) / 2, (case.height - 1) / 2, STEP_GAIN)
    K = torch.tensor(exact, dtype=torch.float64).to(**like)
    highest = torch.empty(bins, dtype=BITS[case.dtype], device=case.device)
    strength = torch.empty(n, **like)
    sums = torch.empty(2, bins, dtype=torch.float64, device=case.device)
    grid = (triton.cdiv(n, BLOCK),)

    def act(state: FlowState) -> FlowState:
        taken = state.completed & (state.plane != UNKNOWN)
        key = torch.empty_like(state.group)
        energy = state.energy.contiguous()
        weigh[grid](
            state.position.contiguous(), energy, state.steps, state.sample, state.completed,
            state.plane, key, strength, highest.zero_(), K, n, case.width, case.cells,
            UNKNOWN=UNKNOWN, BLOCK=BLOCK,
        )  # fmt: skip
        add_up[grid](key, strength, energy, highest, sums.zero_(), n, bins, BLOCK=BLOCK)
        output = (sums[1] / sums[0].clamp_min(1)).to(case.dtype)
        return state._replace(
            output=output.view(case.batch, case.cells),
            group=key,
            listed=state.listed & ~taken,
            rows=result_rows(case, state.sample[taken]),
        )

    return act
