"""The stencil as native loops over lines of sites.

A row of sites along axis 1 is one contiguous line of numbers, in which the neighbours along
axis 1 stand one site away, so the inner loop runs over sites and components alike. Only the
sites at the two ends of a row take their neighbours from elsewhere. A row of T advances in place
as soon as H of both rows beside it stands, while it is still in cache.
"""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def operated(out, t, up, down, left, right, centre, x, y):
    """out = H[t] along a line, without a potential."""
    for i in range(out.size):
        out[i] = (x * (up[i] + down[i]) + y * (left[i] + right[i])) + centre * t[i]


@njit(cache=True, nogil=True)
def line(out, t, up, down, first, last, before, after, site, k):
    """Sites first..last of a row; ``before`` and ``after`` are where their neighbours start."""
    a, b, n = first * site, last * site, (last - first) * site
    p, q = before * site, after * site
    operated(out[a:b], t[a:b], up[a:b], down[a:b], t[p : p + n], t[q : q + n], *k)


@njit(cache=True, nogil=True)
def row(out, t, up, down, columns, site, k):
    """A row of H, its sites at the ends apart."""
    end = columns - 1
    line(out, t, up, down, 0, 1, end, 1 % columns, site, k)
    if columns > 2:
        line(out, t, up, down, 1, end, 0, 2, site, k)
    if columns > 1:
        line(out, t, up, down, end, columns, end - 1, 0, site, k)


@njit(cache=True, nogil=True)
def bind(out, t, V, site, components, stride):
    """out += V∘t on the components i = j of a row."""
    for number in range(V.size):
        for i in range(components):
            at = number * site + i * stride
            out[at] += V[number] * t[at]


@njit(cache=True, nogil=True)
def advance(t, h, rate, F):
    """t += rate · h + F along a line; F may be None."""
    for i in range(t.size):
        made = rate * h[i]
        if F is not None:
            made += F[i]
        t[i] += made


@njit(cache=True, nogil=True)
def both(T, H, x, rate, F):
    """Row x of both planes: each advances by H of the other."""
    for plane in range(2):
        turned = rate if plane else -rate
        if F is None:
            advance(T[plane, x], H[1 - plane, x], turned, None)
        else:
            advance(T[plane, x], H[1 - plane, x], turned, F[plane, x])


@njit(cache=True, nogil=True)
def sweep(T, H, F, V, advancing, weights, rate, columns, components, stride):
    """H = H[T] over the grid and, where ``advancing``, T += i · rate · H + F one row behind.

    T, H, F: [2, Nx, Ny·site]; V: [Nx, Ny], or [0, 0]. Row 0 is a neighbour of the last row
    and advances after it.
    """
    rows, length = T.shape[1:]
    site = length // columns
    for x in range(rows):
        after = x + 1 if x + 1 < rows else 0
        for plane in range(2):
            t = T[plane]
            row(H[plane, x], t[x], t[x - 1], t[after], columns, site, weights)
            if V.size:
                bind(H[plane, x], t[x], V[x], site, components, stride)
        if advancing and x > 1:
            both(T, H, x - 1, rate, F)
    if advancing:
        if rows > 1:
            both(T, H, rows - 1, rate, F)
        both(T, H, 0, rate, F)


def rounded(numbers, kind: np.dtype) -> tuple:
    """Each number rounded once to the field's type."""
    return tuple(kind.type(x) for x in numbers)
