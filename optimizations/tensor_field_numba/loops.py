"""The stencil as native loops over lines of sites.

A row of sites along axis 1 is one contiguous line of numbers, real and imaginary parts in turn, in
which the neighbours along axis 1 stand one site away, so the inner loop runs over sites, components
and parts alike. Only the sites at the two ends of a row take their neighbours from elsewhere. A row
of T advances in place as soon as H of both rows beside it stands, while it is still in cache.

Loops see T and H flat; places in them are numbers.
"""

import numpy as np
from numba import njit

from optimizations.probabilistic_field_separable.emission import WIDTH, Value, picked
from optimizations.probabilistic_field_separable.emission import plus as contracted
from optimizations.probabilistic_field_separable.lanes import (
    emitted,
    fetch_to_write,
    filled,
    lanes,
    load,
    store,
)

AHEAD = 256  # numbers, of what is asked for
PANEL_BYTES = 256 * 1024  # of a line: three of them and one of H fit the cache


def exchanged(vector: Value) -> Value:
    """Each number of a pair in the place of the other."""
    pairs = picked([i ^ 1 for i in range(WIDTH)])
    return Value(vector.builder, vector.builder.shuffle_vector(vector.code, vector.code, pairs))


exchange, plus = emitted(exchanged, lanes), emitted(contracted, lanes)


@njit(cache=True, nogil=True)
def narrow(H, T, n, out, t, up, down, left, right, k):
    """n numbers of H = H[T], from those places on, without a potential."""
    centre, x, y = k
    for i in range(n):
        near = x * (T[up + i] + T[down + i]) + y * (T[left + i] + T[right + i])
        H[out + i] = near + centre * T[t + i]


@njit(cache=True, nogil=True)
def wide(H, T, n, out, t, up, down, left, right, k):
    """The same, sixteen float32 at a time, products and sums contracted.

    The vectorizer would ask before every line whether it overlaps with the five others, and
    takes half as many. The line of H, which it will only write, is asked for ahead.
    """
    centre, x, y = filled(np.float32(k[0])), filled(np.float32(k[1])), filled(np.float32(k[2]))
    for i in range(0, n, WIDTH):
        fetch_to_write(H, out + i + AHEAD)
        near = x * (load(T, up + i) + load(T, down + i))
        near = plus(near, y, load(T, left + i) + load(T, right + i))
        store(H, out + i, plus(near, centre, load(T, t + i)))


@njit(cache=True, nogil=True)
def line(H, T, start, up, down, first, last, before, after, site, k, vectors):
    """Sites first..last of the row at ``start``; ``before``, ``after``: their first neighbours."""
    a, n = first * site, (last - first) * site
    places = start + a, start + a, up + a, down + a, start + before * site, start + after * site
    if vectors:
        wide(H, T, n, *places, k)
    else:
        narrow(H, T, n, *places, k)


@njit(cache=True, nogil=True)
def row(H, T, start, up, down, low, high, columns, site, k, vectors):
    """Sites low..high of a row of H, those at its ends apart."""
    end = columns - 1
    if low == 0:
        line(H, T, start, up, down, 0, 1, end, 1 % columns, site, k, vectors)
    first, last = max(low, 1), min(high, end)
    if first < last:
        line(H, T, start, up, down, first, last, first - 1, first + 1, site, k, vectors)
    if high == columns > 1:
        line(H, T, start, up, down, end, columns, end - 1, 0, site, k, vectors)


@njit(cache=True, nogil=True)
def bind(H, T, start, V, low, high, site, components, stride):
    """H += V∘T on the components i = j of sites low..high of a row."""
    for number in range(low, high):
        for i in range(components):
            at = start + number * site + i * stride
            H[at] += V[number] * T[at]
            H[at + 1] += V[number] * T[at + 1]


@njit(cache=True, nogil=True)
def advance(T, H, start, n, rate, F):
    """T += i · rate · H + F on n numbers from there on; F may be None."""
    for at in range(start, start + n, 2):
        real, imaginary = -rate * H[at + 1], rate * H[at]
        if F is not None:  # small terms first: the sum is rounded once
            real, imaginary = real + F[at], imaginary + F[at + 1]
        T[at] += real
        T[at + 1] += imaginary


@njit(cache=True, nogil=True)
def advance_wide(T, H, start, n, rates, F):
    """The same, sixteen float32 at a time; ``rates``: −rate and rate in turn."""
    turned = load(rates, 0)
    for at in range(start, start + n, WIDTH):
        made = turned * exchange(load(H, at))
        if F is not None:
            made = made + load(F, at)
        store(T, at, load(T, at) + made)


@njit(cache=True, nogil=True)
def move(T, H, start, n, rate, rates, F, vectors):
    """A row of T by its row of H."""
    if vectors:
        advance_wide(T, H, start, n, rates, F)
    else:
        advance(T, H, start, n, rate, F)


@njit(cache=True, nogil=True)
def sweep(T, H, F, V, advancing, k, rate, components, stride):
    """H = H[T] over the grid and, where ``advancing``, T += i · rate · H + F one row behind.

    T, H: [Nx, Ny, numbers of a site]; F: flat, or None; k: centre, x, y; V: [Nx, Ny],
    or [0, 0]. Row 0 is a neighbour of the last row and advances after it. Where T stays, wide rows
    go panel by panel, so that three of them are in cache together.
    """
    rows, columns, site = T.shape
    length = columns * site
    T, H = T.reshape(T.size), H.reshape(H.size)
    vectors = T.itemsize == 4 and site % WIDTH == 0
    rates = np.empty(WIDTH, np.float32)
    rates[::2], rates[1::2] = -rate, rate
    panel = columns if advancing else max(1, PANEL_BYTES // (site * T.itemsize))
    for low in range(0, columns, panel):
        high = min(low + panel, columns)
        for x in range(rows):
            above, below = x - 1 if x else rows - 1, x + 1 if x + 1 < rows else 0
            start = x * length
            row(H, T, start, above * length, below * length, low, high, columns, site, k, vectors)
            if V.size:
                bind(H, T, start, V[x], low, high, site, components, stride)
            if advancing and x > 1:
                move(T, H, start - length, length, rate, rates, F, vectors)
    if advancing:
        if rows > 1:
            move(T, H, (rows - 1) * length, length, rate, rates, F, vectors)
        move(T, H, 0, length, rate, rates, F, vectors)
