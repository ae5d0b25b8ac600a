"""In-place Fourier transforms of 16 complex lines at once, of lengths 2^a 3^b 5^c.

A line is a column of a flat buffer: element x of the 16 real parts at 32 x, of the 16
imaginary parts behind them. ``split`` is a decimation in frequency with the sign +i and leaves
frequencies in digit-reversed order; ``join`` undoes it, as a decimation in time, if the roles
of real and imaginary part are exchanged (which turns +i into −i). Neither reorders anything:
what is multiplied in between needs only a table in the same order.

J. W. Cooley and J. W. Tukey, Math. Comp. 19, 297 (1965),
doi:10.1090/S0025-5718-1965-0178586-1.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from .lanes import load, spread, store

PAIR = 32  # floats of one element: 16 real parts, then 16 imaginary ones
CONSTANTS = (
    *(0.5, math.sin(math.pi / 3)),
    *(part(2 * math.pi * q / 5) for part in (math.cos, math.sin) for q in (1, 2)),
)
HALF, SIN60, C1, C2, S1, S2 = range(6)  # where they stand in the table of turns
RADICES = (4, 5, 3, 2)


def radices(n: int) -> tuple[int, ...]:
    """Factors of n among 4, 5, 3 and 2; empty where it has others."""
    found = []
    for r in RADICES:
        while n % r == 0:
            found.append(r)
            n //= r
    return tuple(found) if n == 1 else ()


def order(factors: tuple[int, ...]) -> np.ndarray:
    """Which frequency each place holds after ``split``."""
    if not factors:
        return np.zeros(1, int)
    inner = order(factors[1:])
    return np.concatenate([q + factors[0] * inner for q in range(factors[0])])


def turns(factors: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """cos and sin of every turn in the order of use, and where each stage's turns start."""
    tables, starts, m = [np.array(CONSTANTS)], [len(CONSTANTS)], math.prod(factors)
    for r in factors:
        j, q = np.meshgrid(np.arange(m // r), np.arange(1, r), indexing="ij")
        angle = 2 * np.pi * ((j * q) % m) / m
        tables.append(np.stack((np.cos(angle), np.sin(angle)), -1).ravel())
        starts.append(starts[-1] + tables[-1].size)
        m //= r
    return np.concatenate(tables).astype(np.float32), np.array(starts)


@njit(cache=True, nogil=True)
def turned(buf, at, re, im, tw, o):
    """The element there, turned."""
    r, i = load(buf, at + re), load(buf, at + im)
    c, s = spread(tw, o), spread(tw, o + 1)
    return r * c - i * s, r * s + i * c


@njit(cache=True, nogil=True)
def turn(buf, at, re, im, r, i, tw, o):
    """Write an element, turned."""
    c, s = spread(tw, o), spread(tw, o + 1)
    store(buf, at + re, r * c - i * s)
    store(buf, at + im, r * s + i * c)


@njit(cache=True, nogil=True)
def put(buf, at, re, im, r, i):
    store(buf, at + re, r)
    store(buf, at + im, i)


@njit(cache=True, nogil=True)
def get(buf, at, re, im):
    return load(buf, at + re), load(buf, at + im)


@njit(cache=True, nogil=True)
def dft3(tw, r0, i0, r1, i1, r2, i2):
    """Three elements; +i."""
    tr, ti = r1 + r2, i1 + i2
    ur, ui = r0 - spread(tw, HALF) * tr, i0 - spread(tw, HALF) * ti
    vr, vi = spread(tw, SIN60) * (r1 - r2), spread(tw, SIN60) * (i1 - i2)
    return r0 + tr, i0 + ti, ur - vi, ui + vr, ur + vi, ui - vr


@njit(cache=True, nogil=True)
def dft4(r0, i0, r1, i1, r2, i2, r3, i3):
    """Four elements; +i."""
    ar, ai, br, bi = r0 + r2, i0 + i2, r0 - r2, i0 - i2
    cr, ci, dr, di = r1 + r3, i1 + i3, r1 - r3, i1 - i3
    return ar + cr, ai + ci, br - di, bi + dr, ar - cr, ai - ci, br + di, bi - dr


@njit(cache=True, nogil=True)
def mixed5(tw, x0, t1, t2, t3, t4):
    """One part of five elements: the even halves of two outputs and the odd ones."""
    a1 = x0 + spread(tw, C1) * t1 + spread(tw, C2) * t2
    a2 = x0 + spread(tw, C2) * t1 + spread(tw, C1) * t2
    return (
        a1,
        a2,
        spread(tw, S1) * t3 + spread(tw, S2) * t4,
        spread(tw, S2) * t3 - spread(tw, S1) * t4,
    )


@njit(cache=True, nogil=True)
def dft5(tw, r0, i0, r1, i1, r2, i2, r3, i3, r4, i4):
    """Five elements; +i."""
    t1, t2, u1, u2 = r1 + r4, r2 + r3, i1 + i4, i2 + i3
    ar, br, cr, dr = mixed5(tw, r0, t1, t2, r1 - r4, r2 - r3)
    ai, bi, ci, di = mixed5(tw, i0, u1, u2, i1 - i4, i2 - i3)
    even = (r0 + t1 + t2, i0 + u1 + u2, ar - ci, ai + cr, br - di, bi + dr)
    return (*even, br + di, bi - dr, ar + ci, ai - cr)


@njit(cache=True, nogil=True)
def split(buf, base, m, radix, tw, o, re, im):
    """One stage on one block of m elements, decimated in frequency."""
    n = m // radix
    d = n * PAIR
    for j in range(n):
        a = base + j * PAIR
        if radix == 4:
            z = dft4(
                *get(buf, a, re, im),
                *get(buf, a + d, re, im),
                *get(buf, a + 2 * d, re, im),
                *get(buf, a + 3 * d, re, im),
            )
            put(buf, a, re, im, z[0], z[1])
            turn(buf, a + d, re, im, z[2], z[3], tw, o)
            turn(buf, a + 2 * d, re, im, z[4], z[5], tw, o + 2)
            turn(buf, a + 3 * d, re, im, z[6], z[7], tw, o + 4)
        elif radix == 5:
            y = dft5(
                tw,
                *get(buf, a, re, im),
                *get(buf, a + d, re, im),
                *get(buf, a + 2 * d, re, im),
                *get(buf, a + 3 * d, re, im),
                *get(buf, a + 4 * d, re, im),
            )
            put(buf, a, re, im, y[0], y[1])
            turn(buf, a + d, re, im, y[2], y[3], tw, o)
            turn(buf, a + 2 * d, re, im, y[4], y[5], tw, o + 2)
            turn(buf, a + 3 * d, re, im, y[6], y[7], tw, o + 4)
            turn(buf, a + 4 * d, re, im, y[8], y[9], tw, o + 6)
        elif radix == 3:
            x = dft3(
                tw,
                *get(buf, a, re, im),
                *get(buf, a + d, re, im),
                *get(buf, a + 2 * d, re, im),
            )
            put(buf, a, re, im, x[0], x[1])
            turn(buf, a + d, re, im, x[2], x[3], tw, o)
            turn(buf, a + 2 * d, re, im, x[4], x[5], tw, o + 2)
        else:
            r0, i0 = get(buf, a, re, im)
            r1, i1 = get(buf, a + d, re, im)
            put(buf, a, re, im, r0 + r1, i0 + i1)
            turn(buf, a + d, re, im, r0 - r1, i0 - i1, tw, o)
        o += 2 * (radix - 1)


@njit(cache=True, nogil=True)
def join(buf, base, m, radix, tw, o, re, im):
    """One stage on one block of m elements, decimated in time."""
    n = m // radix
    d = n * PAIR
    for j in range(n):
        a = base + j * PAIR
        if radix == 4:
            z = dft4(
                *get(buf, a, re, im),
                *turned(buf, a + d, re, im, tw, o),
                *turned(buf, a + 2 * d, re, im, tw, o + 2),
                *turned(buf, a + 3 * d, re, im, tw, o + 4),
            )
            put(buf, a, re, im, z[0], z[1])
            put(buf, a + d, re, im, z[2], z[3])
            put(buf, a + 2 * d, re, im, z[4], z[5])
            put(buf, a + 3 * d, re, im, z[6], z[7])
        elif radix == 5:
            y = dft5(
                tw,
                *get(buf, a, re, im),
                *turned(buf, a + d, re, im, tw, o),
                *turned(buf, a + 2 * d, re, im, tw, o + 2),
                *turned(buf, a + 3 * d, re, im, tw, o + 4),
                *turned(buf, a + 4 * d, re, im, tw, o + 6),
            )
            put(buf, a, re, im, y[0], y[1])
            put(buf, a + d, re, im, y[2], y[3])
            put(buf, a + 2 * d, re, im, y[4], y[5])
            put(buf, a + 3 * d, re, im, y[6], y[7])
            put(buf, a + 4 * d, re, im, y[8], y[9])
        elif radix == 3:
            x = dft3(
                tw,
                *get(buf, a, re, im),
                *turned(buf, a + d, re, im, tw, o),
                *turned(buf, a + 2 * d, re, im, tw, o + 2),
            )
            put(buf, a, re, im, x[0], x[1])
            put(buf, a + d, re, im, x[2], x[3])
            put(buf, a + 2 * d, re, im, x[4], x[5])
        else:
            r0, i0 = get(buf, a, re, im)
            r1, i1 = turned(buf, a + d, re, im, tw, o)
            put(buf, a, re, im, r0 + r1, i0 + i1)
            put(buf, a + d, re, im, r0 - r1, i0 - i1)
        o += 2 * (radix - 1)
