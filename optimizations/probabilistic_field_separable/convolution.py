"""Diffusion as two circular convolutions, along rows and then along columns.

The decay exp(−D (k_y² + k_x²) dt) is a product of one factor for each axis, so no transform of
the whole field is needed. Two real lines travel as one complex line, which a real and even
factor leaves apart, and 16 of those travel as one vector. A panel of 32 lines stays in the
second-level cache, and inside it the blocks of the later stages in the first.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from numba import njit
from torch import Tensor

from baselines.probabilistic_field_v0.rules import BOUND, DIFFUSIVITY
from baselines.probabilistic_field_v1 import FieldCase
from baselines.probabilistic_field_v1.rules import CORRECTED

from .butterflies import PAIR
from .emission import WIDTH
from .lanes import fetch_to_read, fetch_to_write, filled, inner, load, store, within
from .stages import Plan, convolve, plan, radices
from .transposition import transpose

PANELS = 2  # of 32 columns each, read together: whole stretches of memory
AHEAD = 16  # rows asked for before they are needed: no prefetcher follows such strides


def line(n: int, dt: float) -> Plan:
    """The convolution of lines of n cells."""
    f = np.fft.fftfreq(n)
    return plan(n, np.exp(-DIFFUSIVITY * CORRECTED.radians**2 * f**2 * dt))


@inner
def read_rows(E, y, buf):
    """32 rows from y on; the last block may overlap the one before."""
    H, W = E.shape
    flat = E.reshape(H * W)
    for start in range(0, W, WIDTH):
        x = min(start, W - WIDTH)
        for half in range(0, PAIR, WIDTH):
            at = (y + half) * W + x
            for i in range(WIDTH):
                fetch_to_read(flat, at + (PAIR + i) * W)
            transpose(flat, at, W, buf, x * PAIR + half, PAIR)


@inner
def write_rows(E, y, buf):
    """The reverse."""
    H, W = E.shape
    flat = E.reshape(H * W)
    for start in range(0, W, WIDTH):
        x = min(start, W - WIDTH)
        for half in range(0, PAIR, WIDTH):
            transpose(buf, x * PAIR + half, PAIR, flat, (y + half) * W + x, W)


@inner
def read_few(flat, at, across, along, count, n, buf):
    """Fewer than 32 lines of n numbers, which lie so far apart, one number at a time."""
    for x in range(n):
        for i in range(count):
            buf[x * PAIR + i] = flat[at + i * across + x * along]
        for i in range(count, PAIR):
            buf[x * PAIR + i] = 0  # a partner's old values would decide the rounding


@inner
def write_few(flat, at, across, along, count, n, buf):
    """The reverse."""
    for x in range(n):
        for i in range(count):
            flat[at + i * across + x * along] = buf[x * PAIR + i]


@njit(cache=True, nogil=True)
def along_rows(E, buf, k):
    """Every row of E convolved in place, 32 at a time."""
    H, W = E.shape
    flat, one = E.reshape(H * W), np.int64(1)  # as a literal it would be compiled for itself
    many = H // PAIR * PAIR if W >= WIDTH else 0
    for y in range(0, H, PAIR):
        count = min(PAIR, H - y)
        if y < many:
            read_rows(E, y, buf)
        else:
            read_few(flat, y * W, W, one, count, W, buf)
        convolve(buf, W, k)
        if y < many:
            write_rows(E, y, buf)
        else:
            write_few(flat, y * W, W, one, count, W, buf)


@inner
def read_panels(E, x, count, buf):
    """Columns from x on, 32 to a panel."""
    H, W = E.shape
    flat = E.reshape(H * W)
    for y in range(H):
        for p in range(count):
            here, there = y * W + x + p * PAIR, (p * H + y) * PAIR
            for half in range(0, PAIR, WIDTH):
                fetch_to_read(flat, here + AHEAD * W + half)
                store(buf, there + half, load(flat, here + half))


@inner
def write_panels(E, x, count, buf):
    """The reverse, within the bound."""
    H, W = E.shape
    flat = E.reshape(H * W)
    bound = filled(np.float32(BOUND))
    for y in range(H):
        for p in range(count):
            here, there = y * W + x + p * PAIR, (p * H + y) * PAIR
            for half in range(0, PAIR, WIDTH):
                fetch_to_write(flat, here + AHEAD * W + half)
                store(flat, here + half, within(load(buf, there + half), bound))


@inner
def bounded(E):
    """Within the bound; what is no number is 0."""
    H, W = E.shape
    for y in range(H):
        for x in range(W):
            v = min(max(E[y, x], -BOUND), BOUND)
            E[y, x] = 0.0 if math.isnan(E[y, x]) else v


@njit(cache=True, nogil=True)
def along_columns(E, buf, k):
    """Every column of E convolved in place, within the bound, 32 at a time.

    The last panel overlaps the one before, so it is read first and written last.
    """
    H, W = E.shape
    flat, one = E.reshape(H * W), np.int64(1)
    size, whole = H * PAIR, W // PAIR
    last = buf[PANELS * size :]
    overlap = W % PAIR > 0 and whole > 0
    for group in range(-1 if overlap else 0, max(-(-whole // PANELS), 1)):
        x, count, room = group * PANELS * PAIR, min(PANELS, whole - group * PANELS), buf
        if group < 0:
            x, count, room = W - PAIR, one, last
        if whole == 0:
            count = one
            read_few(flat, 0, one, W, W, H, room)
        else:
            read_panels(E, x, count, room)
        for p in range(count):
            convolve(room[p * size :], H, k)
        if whole == 0:
            write_few(flat, 0, one, W, W, H, room)
            bounded(E)
        elif group >= 0:
            write_panels(E, x, count, room)
    if overlap:
        write_panels(E, W - PAIR, one, last)


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
    buf = aligned(PAIR * max(case.shape[1], (PANELS + 1) * case.shape[0]))

    def run(E: Tensor) -> Tensor:
        field = E.numpy()
        along_rows(field, buf, rows)
        along_columns(field, buf, columns)
        return E

    return run


def able(case: FieldCase) -> bool:
    """Whether `separable` takes it."""
    return case.dtype == torch.float32 and all(radices(n) for n in case.shape)
