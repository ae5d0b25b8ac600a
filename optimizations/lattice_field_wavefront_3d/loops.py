"""Several time steps in one pass over memory: a front through planes, in tiles of rows.

Level t of a plane needs level t − 1 of its neighbours. A front moves over the planes, two at once,
and each level follows the one before at a distance of one plane: the later of its two was just
given its neighbour. Many whole planes would leave the second-level cache, so the front passes over
a tile of rows at a time, and the tile of each level lies one row behind that of the level before:
what it reads beyond its edge was made by the tile before and is overwritten only by levels that
lie further behind. What the front cannot reach, a wedge of planes at the seam of the periodic
grid, is made level by level after each tile; what the tiles cannot reach, a wedge of rows, is one
more tile that grows. In place: level t overwrites level t − 2.

D. Wonnacott, IPDPS 2000, 171 (time skewing), doi:10.1109/IPDPS.2000.845979.
"""

from numba import njit

from optimizations.lattice_field_numba_pairs.loops import close, pair, pieces


@njit(cache=True, nogil=True)
def level(E, P, t, z, first, last, n, centre, scale, now, inertia):
    """Rows first … last − 1 of planes z and z + 1, counted round the seam, become level t.

    Odd levels are written to P, even ones to E.
    """
    planes, rows, width = E.shape
    size = rows * width
    if t % 2 == 0:
        E, P = P, E
    above, y, under = (z - 1) % planes, (z + 1) % planes, (z + 2) % planes
    above, below = E[above].reshape(size), E[under].reshape(size)
    e, f = E[z].reshape(size), E[y].reshape(size)
    p, q = P[z].reshape(size), P[y].reshape(size)
    for at, up, down, length in pieces(first, last, rows, width):
        pair(above, e, f, below, p, q, at, up, down, length - 1, centre, scale, now, inertia)
    close(p, first, last, width, n)
    close(q, first, last, width, n)


@njit(cache=True, nogil=True)
def band(E, P, t, z, first, last, n, centre, scale, now, inertia):
    """The same for rows that may reach over the seam, or be none."""
    rows = E.shape[1]
    if first < last:
        level(E, P, t, z, first, min(last, rows), n, centre, scale, now, inertia)
    if last > rows:
        level(E, P, t, z, 0, last - rows, n, centre, scale, now, inertia)


@njit(cache=True, nogil=True)
def tile(E, P, count, first, last, left, right, n, centre, scale, now, inertia):
    """``count`` levels of all planes; with each, both edges move by ``left`` and ``right`` rows."""
    planes = E.shape[0]
    for front in range(0, planes, 2):
        for k in range(min(count, front // 2 + 1)):
            begin, end = first + left * k, last + right * k
            band(E, P, k + 1, front - k, begin, end, n, centre, scale, now, inertia)
    for k in range(1, count):
        begin, end = first + left * k, last + right * k
        for z in range(planes - k, planes + k, 2):
            band(E, P, k + 1, z % planes, begin, end, n, centre, scale, now, inertia)


@njit(cache=True, nogil=True)
def steps(E, P, count, height, n, centre, scale, now, inertia):
    """``count`` steps of E, P [planes, rows, at least n + 2]; the newest is in P if count is odd.

    Allowed are an even number of planes and tiles of a ``height``, both at least 2 count − 2.
    """
    rows = E.shape[1]
    for first in range(0, max(rows - height, 0) + 1, height):
        last = first + height if first + 2 * height <= rows else rows
        left = -1 if first else 1
        tile(E, P, count, first, last, left, -1, n, centre, scale, now, inertia)
    tile(E, P, count, rows, rows, -1, 1, n, centre, scale, now, inertia)
