"""Collection as one native pass over the flows, for either grouping.

The quantiser rounds like the frozen one: its constants come in the field's type, and nothing
is contracted. Weights and sums are float64, so the size of a group does not show in the error.
A group is summed as its flows are met, relative to the strongest of them so far: a group of one
weighs 1 and keeps its energy to the bit.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import carray, njit

from baselines.energy_flow_v1 import FlowCase
from baselines.energy_flow_v1.collect import STEP_GAIN

from .addresses import pointer


def kind(case: FlowCase) -> np.dtype:
    """The type of the floating-point fields."""
    return np.dtype(str(case.dtype).removeprefix("torch."))


def sizes(case: FlowCase) -> tuple[int, ...]:
    """Flows, groups there can be, width, cells, and rows of the result where they are fixed."""
    fixed = 0 if case.rules.keeps("rows") else case.batch
    return case.capacity, case.batch * case.cells, case.width, case.cells, fixed


class Lattice(NamedTuple):
    """Constants of the quantiser, in the field's type."""

    right: float  # W − 1
    top: float  # H − 1
    zero: float
    half: float
    one: float

    @classmethod
    def of(cls, case: FlowCase) -> "Lattice":
        return cls(*map(kind(case).type, (case.width - 1, case.height - 1, 0, 0.5, 1)))


class Scratch(NamedTuple):
    """Of each group, in the order in which they are met: [highest strength, Σ exp, Σ exp·e]."""

    sums: np.ndarray  # [flows, 3] float64, relative to the highest
    key: np.ndarray  # [flows] int64, where in the output the group belongs

    @classmethod
    def of(cls, flows: int) -> "Scratch":
        return cls(np.empty((flows, 3)), np.empty(flows, np.int64))


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
def joined(sums, strength, energy):
    """One more flow in a group; where it is the strongest yet, the sums are scaled to it."""
    highest = sums[0]
    weight = math.exp(-abs(strength - highest))
    if strength > highest:
        sums[0] = strength
        sums[1] = sums[1] * weight + 1.0
        sums[2] = sums[2] * weight + energy
    else:
        sums[1] += weight
        sums[2] += weight * energy


@njit(cache=True, nogil=True)
def met(slots, place, key, n, scratch, strength, energy):
    """A flow goes to the group of its slot, or founds the n-th; how many groups there are."""
    sums, keys = scratch
    number = slots[place]
    if number:
        joined(sums[number - 1], strength, energy)
        return n
    slots[place] = n + 1
    keys[n] = key
    sums[n, 0], sums[n, 1], sums[n, 2] = strength, 1.0, energy
    return n + 1


@njit(cache=True, nogil=True)
def written(output, rows, n, scratch, last, fixed):
    """Σ ω e of the n groups to the output, and the rows of the result: as found, or fixed."""
    sums, keys = scratch
    for number in range(n):
        output[keys[number]] = sums[number, 2] / sums[number, 1]
    rows[0] = fixed if fixed else max(last, 0) + 1


@njit(cache=True, nogil=True)
def collected(flows, new, sizes, lattice, scratch, like):
    """By sample and cell: fills group, listed, output and rows.

    ``flows`` and ``new`` are addresses, ``sizes`` of flows and output, and width, cells, fixed
    rows. The output holds each group's number, as bits, until its sum is written.
    """
    k, scratch = Lattice(*lattice), Scratch(*scratch)
    m, bins, width, cells, fixed = sizes
    position, energy = (
        carray(pointer(flows[0]), (m, 3), like.dtype),
        carray(pointer(flows[1]), m, like.dtype),
    )
    steps, sample = carray(pointer(flows[2]), m, np.int64), carray(pointer(flows[3]), m, np.int64)
    plane, completed = (
        carray(pointer(flows[4]), m, np.int64),
        carray(pointer(flows[5]), m, np.bool_),
    )
    before, listed = carray(pointer(flows[6]), m, np.bool_), carray(pointer(new[1]), m, np.bool_)
    group, output = carray(pointer(new[0]), m, np.int64), carray(pointer(new[2]), bins, like.dtype)
    slots = carray(pointer(new[2]), bins * (like.itemsize // 4), np.int32)
    slots[:] = 0
    n, last = 0, -1
    for row in range(m):
        taken = completed[row] and plane[row] != 0
        group[row] = -1
        listed[row] = before[row] and not taken
        if taken:
            key = sample[row] * cells + cell_of(position, row, k, width)
            group[row] = key
            last = max(last, sample[row])
            distance = abs(1.0 - abs(np.float64(position[row, 2])))
            e = np.float64(energy[row])
            n = met(slots, key, key, n, scratch, strength_of(e, distance, steps[row]), e)
    written(output, carray(pointer(new[3]), 1, np.int64), n, scratch, last, fixed)


@njit(cache=True, nogil=True)
def collected_by_cell(flows, new, sizes, lattice, scratch, slots, like):
    """By cell alone, written in the row of its first flow: fills group, output and rows."""
    k, scratch = Lattice(*lattice), Scratch(*scratch)
    m, bins, width, cells, fixed = sizes
    position, energy = (
        carray(pointer(flows[0]), (m, 3), like.dtype),
        carray(pointer(flows[1]), m, like.dtype),
    )
    steps, sample = carray(pointer(flows[2]), m, np.int64), carray(pointer(flows[3]), m, np.int64)
    distance = carray(pointer(flows[4]), m, like.dtype)
    listed, active = carray(pointer(flows[5]), m, np.bool_), carray(pointer(flows[6]), m, np.bool_)
    group, output = carray(pointer(new[0]), m, np.int64), carray(pointer(new[1]), bins, like.dtype)
    slots[:] = 0
    output[:] = 0
    n, last = 0, -1
    for row in range(m):
        group[row] = -1
        if listed[row] and not active[row]:
            cell = cell_of(position, row, k, width)
            last = max(last, sample[row])
            e = np.float64(energy[row])
            strength = strength_of(e, np.float64(distance[row]), steps[row])
            key = sample[row] * cells + cell  # of the group, if this is its first flow
            n = met(slots, cell, key, n, scratch, strength, e)
            group[row] = scratch.key[slots[cell] - 1]
    written(output, carray(pointer(new[2]), 1, np.int64), n, scratch, last, fixed)
