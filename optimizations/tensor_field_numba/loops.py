"""The stencil as native loops over lines of sites.

A row of sites along axis 1 is one contiguous line of numbers, in which the neighbours along
axis 1 stand one site away, so the inner loop runs over sites and components alike. Only the
sites at the two ends of a row take their neighbours from elsewhere. A row of T advances in place
as soon as H of both rows beside it stands, while it is still in cache.

Loops see T and H flat, both planes from end to end; places in them are numbers.
"""

from numba import njit

from optimizations.probabilistic_field_separable.emission import WIDTH
from optimizations.probabilistic_field_separable.lanes import load, spread, store

PANEL_BYTES = 128 * 1024  # of a line: three of them and one of H of both planes fit the cache


@njit(cache=True, nogil=True)
def narrow(H, T, n, out, t, up, down, left, right, k):
    """n numbers of H = H[T], from those places on, without a potential."""
    centre, x, y = k
    for i in range(n):
        near = x * (T[up + i] + T[down + i]) + y * (T[left + i] + T[right + i])
        H[out + i] = near + centre * T[t + i]


@njit(cache=True, nogil=True)
def wide(H, T, n, out, t, up, down, left, right, k):
    """The same, sixteen float32 at a time.

    The vectorizer would ask before every line whether it overlaps with the five others, and
    takes half as many.
    """
    centre, x, y = spread(k, 0), spread(k, 1), spread(k, 2)
    for i in range(0, n, WIDTH):
        near = x * (load(T, up + i) + load(T, down + i))
        near = near + y * (load(T, left + i) + load(T, right + i))
        store(H, out + i, near + centre * load(T, t + i))


@njit(cache=True, nogil=True)
def line(H, T, start, up, down, first, last, before, after, site, k, vectors):
    """Sites first..last of the row at ``start``; ``before``, ``after``: their first neighbours."""
    a, n = first * site, (last - first) * site
    places = start + a, start + a, up + a, down + a, start + before * site, start + after * site
    if vectors:
        wide(H, T, n, *places, k[1])
    else:
        narrow(H, T, n, *places, k[0])


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


@njit(cache=True, nogil=True)
def advance(t, h, rate, F):
    """t += rate · h + F along a line; F may be None."""
    for i in range(t.size):
        made = rate * h[i]
        if F is not None:
            made += F[i]
        t[i] += made


@njit(cache=True, nogil=True)
def both(T, H, x, rows, rate, F):
    """Row x of both planes: each advances by H of the other."""
    length = T.size // (2 * rows)
    here, there = x * length, (rows + x) * length
    real, imaginary = slice(here, here + length), slice(there, there + length)
    if F is None:
        advance(T[real], H[imaginary], -rate, None)
        advance(T[imaginary], H[real], rate, None)
    else:
        advance(T[real], H[imaginary], -rate, F[real])
        advance(T[imaginary], H[real], rate, F[imaginary])


@njit(cache=True, nogil=True)
def sweep(T, H, F, V, advancing, k, rate, components, stride):
    """H = H[T] over the grid and, where ``advancing``, T += i · rate · H + F one row behind.

    T, H, F: [2, Nx, Ny, site], F may be None; k: centre, x, y, in the field's type and once more in
    float32, for vectors; V: [Nx, Ny], or [0, 0]. Row 0 is a neighbour of the last row and advances
    after it. Where T stays, wide rows go panel by panel, so that three of them are in cache
    together.
    """
    _, rows, columns, site = T.shape
    length = columns * site
    T, H = T.reshape(T.size), H.reshape(H.size)
    F = None if F is None else F.reshape(F.size)
    vectors = T.itemsize == 4 and site % WIDTH == 0
    panel = columns if advancing else max(1, PANEL_BYTES // (site * T.itemsize))
    for low in range(0, columns, panel):
        high = min(low + panel, columns)
        for x in range(rows):
            above, below = x - 1 if x else rows - 1, x + 1 if x + 1 < rows else 0
            for plane in range(0, T.size, rows * length):
                start, up, down = plane + x * length, plane + above * length, plane + below * length
                row(H, T, start, up, down, low, high, columns, site, k, vectors)
                if V.size:
                    bind(H, T, start, V[x], low, high, site, components, stride)
            if advancing and x > 1:
                both(T, H, x - 1, rows, rate, F)
    if advancing:
        if rows > 1:
            both(T, H, rows - 1, rows, rate, F)
        both(T, H, 0, rows, rate, F)
