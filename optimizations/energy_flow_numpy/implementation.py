"""The collection as NumPy users write it: `np.maximum.at` and `np.bincount` over keys.

A yardstick, not a proposal: what one gets by leaving torch for NumPy once the loop over groups
is seen to be needless. `bincount` adds in float64, whatever it is given.
"""

from collections.abc import Callable

import numpy as np
import torch

from baselines.energy_flow_v1 import FlowCase, FlowState
from baselines.energy_flow_v1 import engine as baseline
from baselines.energy_flow_v1.collect import STEP_GAIN
from baselines.energy_flow_v1.geometry import UNKNOWN
from baselines.engine import Step, replace, replace_stage, same

Aggregates = Callable[[int, np.ndarray, np.ndarray, np.ndarray], np.ndarray]  # as `binned`


def binned(bins: int, key: np.ndarray, energy: np.ndarray, strength: np.ndarray) -> np.ndarray:
    """Σ ω e with ω = softmax(strength) inside each key, [bins] float64; 0 of an empty one."""
    highest = np.full(bins, -np.inf, strength.dtype)
    np.maximum.at(highest, key, strength)
    weight = np.exp(strength - highest[key])
    total = np.bincount(key, weight, bins)
    return np.bincount(key, weight * energy, bins) / np.maximum(total, 1)


def index(p: np.ndarray, largest: int) -> np.ndarray:
    """clamp(R((p + 1)·½·largest), 0, largest), ties to even, int64 [n]."""
    return np.rint((p + 1) * 0.5 * largest).clip(0, largest).astype(np.int64)


def strengths(energy: np.ndarray, z: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """a = |e| / (1 + d) · (1 + 0.1 s) with d = |1 − |z||, in the type of the energy, [n]."""
    return np.abs(energy) / (1 + np.abs(1 - np.abs(z))) * (1 + STEP_GAIN * steps.astype(z.dtype))


def gathering(aggregates: Aggregates) -> Callable[[FlowCase], Step]:
    """A builder of the collection around that aggregation."""

    def collect(case: FlowCase) -> Step:
        if not case.runs("collect"):
            return lambda state: same(case, state)
        bins, as_found = case.batch * case.cells, case.rules.keeps("rows")

        def gather(state: FlowState) -> FlowState:
            taken = (state.completed & (state.plane != UNKNOWN)).numpy()
            flows = state.sample, state.position, state.energy, state.steps
            sample, p, energy, steps = (field.numpy()[taken] for field in flows)
            cell = index(p[:, 1], case.height - 1) * case.width + index(p[:, 0], case.width - 1)
            key, group = sample * case.cells + cell, np.full(case.capacity, -1)
            group[taken] = key
            output = aggregates(bins, key, energy, strengths(energy, p[:, 2], steps))
            output = torch.from_numpy(output).to(case.dtype).view(case.batch, case.cells)
            return state._replace(
                output=output,
                group=torch.from_numpy(group),
                listed=torch.from_numpy(state.listed.numpy() & ~taken),
                rows=torch.tensor(sample.max(initial=0) + 1 if as_found else case.batch),
            )

        return gather

    return collect


engine = replace(replace_stage(baseline, collect=gathering(binned)), opaque="NumPy inside")
