"""Collection as one native pass over the flows, for either grouping.

The quantiser rounds like the frozen one: its constants come in the field's type, and nothing
is contracted. Weights and sums are float64, so the size of a group does not show in the error.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from baselines.energy_flow_v1 import FlowCase
from baselines.energy_flow_v1.collect import STEP_GAIN


class Lattice(NamedTuple):
    """Constants of the quantiser, in the field's type."""

    right: float  # W − 1
    top: float  # H − 1
    zero: float
    half: float
    one: float

    @classmethod
    def of(cls, case: FlowCase) -> "Lattice":
        kind = np.dtype(str(case.dtype).removeprefix("torch.")).type
        return cls(*map(kind, (case.width - 1, case.height - 1, 0, 0.5, 1)))


class Scratch(NamedTuple):
    """Of each group, float64: highest strength, Σ exp, Σ exp·e. Only groups in use are touched."""

    highest: np.ndarray
    total: np.ndarray
    weighted: np.ndarray

    @classmethod
    def of(cls, groups: int) -> "Scratch":
        return cls(*(np.empty(groups) for _ in range(3)))


@njit(cache=True, nogil=True)
def index(p, largest, k):
    """clamp(R((p + 1)·½·largest), 0, largest), ties to even."""
    return min(max(np.rint(((p + k.one) * k.half) * largest), k.zero), largest)


@njit(cache=True, nogil=True)
def cell_of(position, row, k, width):
    """The cell of that row's flow."""
    x, y = index(position[row, 0], k.right, k), index(position[row, 1], k.top, k)
    return int(y) * width + int(x)


@njit(cache=True, nogil=True)
def strength_of(energy, distance, steps):
    """a = |e| · 1/(1 + d) · (1 + 0.1 s), float64."""
    return abs(energy) / (1.0 + distance) * (1.0 + STEP_GAIN * steps)


@njit(cache=True, nogil=True)
def softened(rows, key, strength, energy, output, scratch):
    """output[key] = Σ ω e over the first rows of each list, ω = softmax(strength) in a key."""
    highest, total, weighted = scratch
    for row in rows:
        highest[key[row]] = -np.inf
        total[key[row]] = 0.0
        weighted[key[row]] = 0.0
    for i, row in enumerate(rows):
        highest[key[row]] = max(highest[key[row]], strength[i])
    for i, row in enumerate(rows):
        weight = math.exp(strength[i] - highest[key[row]])
        total[key[row]] += weight
        weighted[key[row]] += weight * energy[row]
    for row in rows:
        output[key[row]] = weighted[key[row]] / total[key[row]]


@njit(cache=True, nogil=True)
def collected(flows, group, listed, output, width, cells, k, scratch, found, strength):
    """By sample and cell: fills group, listed and output; the last sample collected, or −1."""
    position, energy, steps, sample, plane, completed = flows
    n, last = 0, -1
    for row in range(len(group)):
        group[row] = -1
        if completed[row] and plane[row] != 0:
            group[row] = sample[row] * cells + cell_of(position, row, k, width)
            listed[row] = False
            distance = abs(1.0 - abs(np.float64(position[row, 2])))
            strength[n] = strength_of(np.float64(energy[row]), distance, steps[row])
            found[n] = row
            last = max(last, sample[row])
            n += 1
    softened(found[:n], group, strength, energy, output, scratch)
    return last


@njit(cache=True, nogil=True)
def collected_by_cell(flows, group, output, width, cells, k, scratch, first, found, strength):
    """By cell alone, written in the row of its first flow; the last sample collected, or −1."""
    position, energy, steps, sample, distance, listed, active = flows
    n, last = 0, -1
    first[:] = -1
    for row in range(len(group)):
        group[row] = -1
        if listed[row] and not active[row]:
            cell = cell_of(position, row, k, width)
            if first[cell] < 0:
                first[cell] = sample[row]
            group[row] = first[cell] * cells + cell
            strength[n] = strength_of(
                np.float64(energy[row]), np.float64(distance[row]), steps[row]
            )
            found[n] = row
            last = max(last, sample[row])
            n += 1
    softened(found[:n], group, strength, energy, output, scratch)
    return last
