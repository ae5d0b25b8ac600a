"""Two planes of the leapfrog step at once, over rows that carry their own wrap-around cells.

Each row has one more cell at both ends, a copy of the far one, so that a tile of rows is one
contiguous line without a seam. Two planes share the reads of each other: a cell costs two reads
of E from the second-level cache where one plane at a time costs three.
"""

from numba import njit

from .vectors import widest

TILE_BYTES = 64 * 1024  # of one plane: five planes of E and two of E_prev stay in a megabyte


@njit(cache=True, nogil=True)
def pair(above, e, f, below, p, q, at, up, down, stop, centre, scale, now, inertia):
    """p = e⁺ and q = f⁺ of two neighbouring planes on cells at + 1 … at + stop − 1 of the line."""
    widest()
    e_up, e_down, f_up, f_down = e[up:], e[down:], f[up:], f[down:]
    above, e, f, below, p, q = above[at:], e[at:], f[at:], below[at:], p[at:], q[at:]
    for i in range(1, stop):  # from 1: the compiler must see that i − 1 counts from the start
        e0, f0 = e[i], f[i]
        s = ((((above[i] + f0) + e_up[i]) + e_down[i]) + e[i - 1]) + e[i + 1]
        t = ((((e0 + below[i]) + f_up[i]) + f_down[i]) + f[i - 1]) + f[i + 1]
        s, t = s + centre * e0, t + centre * f0
        if inertia is not None:
            s, t = s - inertia * e0, t - inertia * f0
        p[i] = (now * e0 - p[i]) + scale * s
        q[i] = (now * f0 - q[i]) + scale * t


@njit(cache=True, nogil=True)
def single(above, e, below, p, at, up, down, stop, centre, scale, now, inertia):
    """p = e⁺ of one plane, the last of an odd number."""
    widest()
    e_up, e_down = e[up:], e[down:]
    above, e, below, p = above[at:], e[at:], below[at:], p[at:]
    for i in range(1, stop):
        e0 = e[i]
        s = ((((above[i] + below[i]) + e_up[i]) + e_down[i]) + e[i - 1]) + e[i + 1]
        s = s + centre * e0
        if inertia is not None:
            s = s - inertia * e0
        p[i] = (now * e0 - p[i]) + scale * s


@njit(cache=True, nogil=True)
def close(p, first, last, width, n):
    """The cells beside the n of each row become copies of the far ones."""
    for y in range(first, last):
        row = y * width
        p[row] = p[row + n]
        p[row + n + 1] = p[row + 1]


@njit(cache=True, nogil=True)
def pieces(first, last, rows, width):
    """(start, row above, row below, length) of the lines that make up rows first … last − 1.

    Only the first and the last row of a plane wrap round; all between are one line.
    """
    end = (rows - 1) * width
    start = max(first, 1) * width
    inner = max(min(last, rows - 1) * width - start, 0)
    top = width if first == 0 else 0
    bottom = width if last == rows else 0
    return (
        (0, end, width, top),
        (start, start - width, start + width, inner),
        (end, end - width, 0, bottom),
    )


@njit(cache=True, nogil=True)
def step(E, P, centre, scale, now, inertia):
    """P [planes, rows, n + 2] becomes E⁺, its end cells closed; E is only read."""
    planes, rows, width = E.shape
    size = rows * width
    tile = max(1, TILE_BYTES // (width * E.itemsize))
    for first in range(0, rows, tile):
        last = min(first + tile, rows)
        lines = pieces(first, last, rows, width)
        for z in range(0, planes - 1, 2):
            above, below = E[z - 1].reshape(size), E[z + 2 if z + 2 < planes else 0].reshape(size)
            e, f = E[z].reshape(size), E[z + 1].reshape(size)
            p, q = P[z].reshape(size), P[z + 1].reshape(size)
            for at, up, down, length in lines:
                stop = length - 1
                pair(above, e, f, below, p, q, at, up, down, stop, centre, scale, now, inertia)
            close(p, first, last, width, width - 2)
            close(q, first, last, width, width - 2)
        if planes % 2:
            z = planes - 1
            above, e, below = E[z - 1].reshape(size), E[z].reshape(size), E[0].reshape(size)
            p = P[z].reshape(size)
            for at, up, down, length in lines:
                single(above, e, below, p, at, up, down, length - 1, centre, scale, now, inertia)
            close(p, first, last, width, width - 2)
