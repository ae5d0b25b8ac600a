"""The workspace as four Triton kernels: pull, push, what cells receive, what nodes pay.

The frozen engine goes through 24 offsets one after another, each a gather and a scatter over all
nodes. What a cell becomes depends on its own value and its donors alone, so each cell meets its
donors offset by offset in a register, and notes as bits which offsets found it dark; then each
node reads the bits of its cells and pays, in that order again. At the left and right edge, where
clamping makes nodes meet, up to three of them give together.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import triton
import triton.language as tl
from torch import Tensor

from baselines.probabilistic_field_v0.rules import SEEDING_GATE
from baselines.probabilistic_field_v1 import FieldCase, FieldState, runs
from optimizations.probabilistic_field_blocked.stepping import REACH, strip

BLOCK = 256


@triton.jit
def between(x, low, high):
    return tl.minimum(tl.maximum(x, low), high)


@triton.jit
def pull(E, w, DARK, K, W, columns, n, BLOCK: tl.constexpr):
    """Each node takes its part of its cell; DARK: cells that are dark then. K: see `numbers`."""
    node = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = node < n
    at = node // columns * W + node % columns
    e, held = tl.load(E + at, inside), tl.load(w + node, inside)
    taken = between(tl.load(K) * between(e, -1e6, 1e6), -1e6, 1e6)
    e = between(e - taken, -1e6, 1e6)
    tl.store(w + node, between(held + taken, -1e6, 1e6), inside)
    tl.store(E + at, e, inside)
    tl.atomic_add(DARK, tl.sum((inside & (e < 1.0)).to(tl.int64)))


@triton.jit
def push(E, w, GIVEN, RATE, W, columns, n, SETTLED: tl.constexpr, BLOCK: tl.constexpr):
    """Each node gives to its cell; GIVEN: what it held; where SETTLED, it pays at once."""
    node = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = node < n
    at = node // columns * W + node % columns
    e, held = tl.load(E + at, inside), tl.load(w + node, inside)
    pushed = between(held * tl.load(RATE), -1e6, 1e6)
    tl.store(E + at, between(e + pushed, -1e6, 1e6), inside)
    tl.store(GIVEN + node, held, inside)
    if SETTLED:
        tl.store(w + node, between(between(held - pushed, -1e6, 1e6), 20.0, 200.0), inside)


@triton.jit
def receive(E, GIVEN, TOOK, K, W, h, columns, n, BLOCK: tl.constexpr):
    """Cells of the strip, REACH rows above the first node's, meet their donors."""
    cell = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = cell < n
    t, x = cell // W, cell % W
    e = tl.load(E + cell, inside)
    bits = tl.zeros([BLOCK], tl.int32)
    seed, share = tl.load(K + 1), tl.load(K + 2)
    for dy in tl.static_range(-2, 3):
        row = t - 2 - dy
        for dx in tl.static_range(-2, 3):
            if dy != 0 or dx != 0:
                place = (dy + 2) * 5 + dx + 2
                weight = tl.load(K + 4 + place)
                dark = inside & (e < 1.0)
                bits = bits | tl.where(dark, 1 << place, 0)
                first = tl.where(x == 0, 0, x - dx)
                donors = tl.where(x == 0, 1 - dx, tl.where(x == W - 1, 1 + dx, 1))
                for j in tl.static_range(3):
                    if j == 0 or dx != 0:
                        donor = first + j
                        gives = dark & (j < donors) & (row >= 0) & (row < h)
                        gives = gives & (donor >= 0) & (donor < columns)
                        gift = tl.load(GIVEN + row * columns + donor, gives, other=0.0)
                        e = e + gift * seed * weight * share
    tl.store(E + cell, e, inside)
    tl.store(TOOK + cell, bits, inside)


@triton.jit
def pay(w, GIVEN, TOOK, RATE, K, W, columns, n, BLOCK: tl.constexpr):
    """Nodes pay for what was taken, then for their push, and keep within their band."""
    node = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = node < n
    i, x = node // columns, node % columns
    held, given = tl.load(w + node, inside), tl.load(GIVEN + node, inside)
    seed, share = tl.load(K + 1), tl.load(K + 2)
    for dy in tl.static_range(-2, 3):
        for dx in tl.static_range(-2, 3):
            if dy != 0 or dx != 0:
                place = (dy + 2) * 5 + dx + 2
                column = tl.minimum(tl.maximum(x + dx, 0), W - 1)
                took = tl.load(TOOK + (i + 2 + dy) * W + column, inside, other=0)
                gift = given * seed * tl.load(K + 4 + place) * share
                held = held - tl.where((took >> place) & 1 > 0, gift, 0.0)
    pushed = between(given * tl.load(RATE), -1e6, 1e6)
    tl.store(w + node, between(between(held - pushed, -1e6, 1e6), 20.0, 200.0), inside)


@triton.jit
def metabolize(w, K, n, BLOCK: tl.constexpr):
    """Nodes above 30 lose a little; all keep within their band."""
    node = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = node < n
    held = tl.load(w + node, inside)
    after = tl.where(held > 30.0, held - tl.load(K + 3) * held, held)
    tl.store(w + node, between(after, 20.0, 200.0), inside)


def numbers(case: FieldCase) -> Tensor:
    """pull, seed, share, metabolism, then the weights of a square of 5 by 5 cells."""
    pulled = 2.0 * case.dt if runs(case, "pull") else 0.0
    weights = (1 / (1 + abs(dy) + abs(dx)) for dy in range(-2, 3) for dx in range(-2, 3))
    exact = (pulled, 0.2 * case.dt, 0.1, 0.01 * case.dt, *weights)
    return torch.tensor(exact, dtype=torch.float64).to(case.device, case.dtype)


def workspace(case: FieldCase) -> Callable[[FieldState], tuple[Tensor, Tensor, float]]:
    """(state): E, w and the dark fraction after pull, push and seeding, in place."""
    K, rows, W, (h, columns) = numbers(case), strip(case), case.shape[1], case.workspace
    n, cells = h * columns, (h + 2 * REACH) * W
    like = {"dtype": case.dtype, "device": case.device}
    given, rate = torch.empty(case.workspace, **like), torch.empty((), **like)
    took = torch.empty(cells, dtype=torch.int32, device=case.device)
    dark = torch.zeros((), dtype=torch.int64, device=case.device)
    nodes, strips = (triton.cdiv(n, BLOCK),), (triton.cdiv(cells, BLOCK),)

    def run(state: FieldState) -> tuple[Tensor, Tensor, float]:
        above, w = state.E[rows], state.w
        E = above[REACH:]
        pull[nodes](E, w, dark.zero_(), K, W, columns, n, BLOCK=BLOCK)
        r = float(dark.to(case.dtype) / n)
        rate.fill_(0.1 * case.dt + (0.5 - 0.1) * case.dt * r)
        seeding = r > SEEDING_GATE
        push[nodes](E, w, given, rate, W, columns, n, SETTLED=not seeding, BLOCK=BLOCK)
        if seeding:
            receive[strips](above, given, took, K, W, h, columns, cells, BLOCK=BLOCK)
            pay[nodes](w, given, took, rate, K, W, columns, n, BLOCK=BLOCK)
        return state.E, w, r

    return run


def metabolism(case: FieldCase) -> Callable[[Tensor], None]:
    """(w): in place."""
    K = numbers(case)

    def run(w: Tensor) -> None:
        metabolize[(triton.cdiv(w.numel(), BLOCK),)](w, K, w.numel(), BLOCK=BLOCK)

    return run
