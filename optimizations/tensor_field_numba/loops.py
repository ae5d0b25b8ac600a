"""The stencil as native loops over lines of sites.

A row of sites along axis 1 is one contiguous line of numbers, in which the neighbours along
axis 1 stand one site away, so the inner loop runs over sites and components alike. Only the
sites at the two ends of a row take their neighbours from elsewhere. Rows are taken in tiles of
columns, so that three rows of both planes stay in the second-level cache.
"""

import numpy as np
from numba import njit

TILE_BYTES = 64 * 1024  # of a row of one plane


@njit(cache=True, nogil=True)
def operated(out, own, drive, t, up, down, left, right, centre, x, y):
    """out = own + (H[t] + drive) along a line; own and drive may be None."""
    for i in range(out.size):
        made = (x * (up[i] + down[i]) + y * (left[i] + right[i])) + centre * t[i]
        if drive is not None:
            made += drive[i]
        if own is not None:
            made += own[i]
        out[i] = made


@njit(cache=True, nogil=True)
def line(out, own, drive, t, up, down, first, last, before, after, site, k):
    """Sites first..last of a row; ``before`` and ``after`` are where their neighbours start."""
    a, b, n = first * site, last * site, (last - first) * site
    p, q = before * site, after * site
    near = (t[a:b], up[a:b], down[a:b], t[p : p + n], t[q : q + n])
    if own is None:
        operated(out[a:b], None, None, *near, *k)
    elif drive is None:
        operated(out[a:b], own[a:b], None, *near, *k)
    else:
        operated(out[a:b], own[a:b], drive[a:b], *near, *k)


@njit(cache=True, nogil=True)
def row(out, own, drive, t, up, down, first, last, columns, site, k):
    """Sites first..last of a row, those at its ends apart."""
    end = columns - 1
    if first == 0:
        line(out, own, drive, t, up, down, 0, 1, end, 1 % columns, site, k)
    if max(first, 1) < min(last, end):
        start = max(first, 1)
        line(out, own, drive, t, up, down, start, min(last, end), start - 1, start + 1, site, k)
    if last == columns and columns > 1:
        line(out, own, drive, t, up, down, end, columns, end - 1, 0, site, k)


@njit(cache=True, nogil=True)
def bind(out, t, V, factor, first, last, site, components, stride):
    """out += factor · V∘t on the components i = j."""
    for site_number in range(first, last):
        for i in range(components):
            at = site_number * site + i * stride
            out[at] += factor * V[site_number] * t[at]


@njit(cache=True, nogil=True)
def sweep(T, out, drive, V, crossed, weights, rate, columns, components, stride):
    """T⁺ over the grid. T, out, drive: [2, Nx, Ny·site]; V: [Nx, Ny], or [0, 0].

    ``crossed``: None for T⁺ = H[T]; else each plane advances by rate · H of the other one.
    """
    rows, length = T.shape[1:]
    site = length // columns
    tile = max(1, TILE_BYTES // (site * T.itemsize))
    for first in range(0, columns, tile):
        last = min(first + tile, columns)
        for x in range(rows):
            after = x + 1 if x + 1 < rows else 0
            for plane in range(2):
                source = T[plane] if crossed is None else T[1 - plane]
                factor = -rate if plane == 0 else rate
                if crossed is None:
                    factor = T.dtype.type(1)
                k = (factor * weights[0], factor * weights[1], factor * weights[2])
                near = (source[x], source[x - 1], source[after], first, last, columns, site, k)
                if crossed is None:
                    row(out[plane, x], None, None, *near)
                elif drive is None:
                    row(out[plane, x], T[plane, x], None, *near)
                else:
                    row(out[plane, x], T[plane, x], drive[plane, x], *near)
                if V.size:
                    bind(out[plane, x], source[x], V[x], factor, first, last, site,
                         components, stride)  # fmt: skip


def rounded(numbers, kind: np.dtype) -> tuple:
    """Each number rounded once to the field's type."""
    return tuple(kind.type(x) for x in numbers)
