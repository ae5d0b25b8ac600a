"""Diffusion as two circular convolutions, along rows and then along columns.

The decay exp(−D (k_y² + k_x²) dt) is a product of one factor for each axis, so no transform of
the whole field is needed. Two real lines travel as one complex line, which a real and even
factor leaves apart, and 16 of those travel as one vector. A panel of 32 lines stays in the
second-level cache, and inside it the blocks of the later stages in the first.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numba import njit
from torch import Tensor

from baselines.probabilistic_field_v0.rules import BOUND, DIFFUSIVITY
from baselines.probabilistic_field_v1 import FieldCase
from baselines.probabilistic_field_v1.rules import CORRECTED

from .butterflies import PAIR
from .lanes import WIDTH, fetch_to_read, fetch_to_write, filled, load, store, within
from .stages import Plan, convolve, plan, radices
from .transposition import transpose

PANELS = 2  # of 32 columns each, read together: whole stretches of memory
AHEAD = 16  # rows asked for before they are needed: no prefetcher follows such strides


def line(n: int, dt: float) -> Plan:
    """The convolution of lines of n cells."""
    f = np.fft.fftfreq(n)
    return plan(n, np.exp(-DIFFUSIVITY * CORRECTED.radians**2 * f**2 * dt))


@njit(cache=True, nogil=True)
def along_rows(E, buf, k):
    """Every row of E convolved in place, 32 at a time."""
    H, W = E.shape
    flat = E.reshape(H * W)
    for y in range(0, H, PAIR):
        count = min(PAIR, H - y)
        whole = W // WIDTH * WIDTH if count == PAIR else 0
        for x in range(0, whole, WIDTH):
            for half in range(2):
                at = (y + half * WIDTH) * W + x
                transpose(flat, at, W, buf, x * PAIR + half * WIDTH, PAIR)
        for x in range(whole, W):
            for i in range(count):
                buf[x * PAIR + i] = E[y + i, x]
            for i in range(count, PAIR):
                buf[x * PAIR + i] = 0  # a partner's old values would decide the rounding
        convolve(buf, W, k)
        for x in range(0, whole, WIDTH):
            for half in range(2):
                at = (y + half * WIDTH) * W + x
                transpose(buf, x * PAIR + half * WIDTH, PAIR, flat, at, W)
        for x in range(whole, W):
            for i in range(count):
                E[y + i, x] = buf[x * PAIR + i]


@njit(cache=True, nogil=True)
def read_panels(E, x, count, buf):
    """Columns from x on, 32 to a panel; what is missing of the last is 0."""
    H, W = E.shape
    flat = E.reshape(H * W)
    size, whole = H * PAIR, count // PAIR
    for y in range(H):
        for p in range(whole):
            here, there = y * W + x + p * PAIR, p * size + y * PAIR
            for half in range(0, PAIR, WIDTH):
                fetch_to_read(flat, here + AHEAD * W + half)
                store(buf, there + half, load(flat, here + half))
        for i in range(whole * PAIR, count):
            buf[whole * size + y * PAIR + i - whole * PAIR] = E[y, x + i]
        for i in range(count, (count + PAIR - 1) // PAIR * PAIR):
            buf[whole * size + y * PAIR + i - whole * PAIR] = 0


@njit(cache=True, nogil=True)
def write_panels(E, x, count, buf):
    """The reverse, within the bound."""
    H, W = E.shape
    flat = E.reshape(H * W)
    size, whole = H * PAIR, count // PAIR
    bound = filled(np.float32(BOUND))
    for y in range(H):
        for p in range(whole):
            here, there = y * W + x + p * PAIR, p * size + y * PAIR
            for half in range(0, PAIR, WIDTH):
                fetch_to_write(flat, here + AHEAD * W + half)
                store(flat, here + half, within(load(buf, there + half), bound))
        for i in range(whole * PAIR, count):
            v = buf[whole * size + y * PAIR + i - whole * PAIR]
            E[y, x + i] = BOUND if v > BOUND else -BOUND if v < -BOUND else v


@njit(cache=True, nogil=True)
def along_columns(E, buf, k):
    """Every column of E convolved in place, 32 at a time, in panels read together."""
    H, W = E.shape
    size = H * PAIR
    for x in range(0, W, PANELS * PAIR):
        count = min(PANELS * PAIR, W - x)
        read_panels(E, x, count, buf)
        for p in range((count + PAIR - 1) // PAIR):
            convolve(buf[p * size : (p + 1) * size], H, k)
        write_panels(E, x, count, buf)


def aligned(size: int) -> np.ndarray:
    """Float32 zeros that start at a cache line."""
    room = np.zeros(size + WIDTH, np.float32)
    first = -room.ctypes.data % 64 // 4
    return room[first : first + size]


def separable(case: FieldCase) -> Callable[[Tensor], Tensor]:
    """E after diffusion, in place."""
    if case.dtype != torch.float32 or not all(radices(n) for n in case.shape):
        raise ValueError(
            f"{case.dtype} of {case.shape}; allowed: torch.float32 of sizes 2^a 3^b 5^c"
        )
    rows, columns = line(case.shape[1], case.dt), line(case.shape[0], case.dt)
    buf = aligned(PAIR * max(case.shape[1], PANELS * case.shape[0]))

    def run(E: Tensor) -> Tensor:
        along_rows(E.numpy(), buf, rows)
        along_columns(E.numpy(), buf, columns)
        return E

    return run


def able(case: FieldCase) -> bool:
    """Whether `separable` takes it."""
    return case.dtype == torch.float32 and all(radices(n) for n in case.shape)
