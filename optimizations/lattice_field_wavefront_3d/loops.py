"""Several time steps in one pass over memory: a front through planes, in tiles of rows.

Level t of a plane needs level t − 1 of its neighbours. A front moves over the planes, two at once,
and each level follows the one before at a distance of two planes. Many whole planes would leave
the second-level cache, so the front passes over a tile of rows at a time, and the tile of each
level lies one row behind that of the level before: what it reads beyond its edge was made by the
tile before and is overwritten only by levels that lie further behind. What neither front nor
tiles can reach, a wedge at each seam of the periodic grid, is made level by level at the end. In
place: level t overwrites level t − 2.

D. Wonnacott, IPDPS 2000, 171 (time skewing), doi:10.1109/IPDPS.2000.845979.
"""

from numba import njit

from optimizations.lattice_field_numba_pairs.loops import close, pair, pieces


@njit(cache=True, nogil=True)
def level(E, P, t, z, first, last, centre, scale, now, inertia):
    """Rows first … last − 1 of planes z and z + 1 become level t.

    Odd levels are written to P, even ones to E.
    """
    planes, rows, width = E.shape
    size = rows * width
    if t % 2 == 0:
        E, P = P, E
    above = E[z - 1 if z else planes - 1].reshape(size)
    below = E[z + 2 if z + 2 < planes else 0].reshape(size)
    e, f = E[z].reshape(size), E[z + 1].reshape(size)
    p, q = P[z].reshape(size), P[z + 1].reshape(size)
    for at, up, down, length in pieces(first, last, rows, width):
        pair(above, e, f, below, p, q, at, up, down, length - 1, centre, scale, now, inertia)
    close(p, first, last, width)
    close(q, first, last, width)


@njit(cache=True, nogil=True)
def tile(E, P, count, first, last, centre, scale, now, inertia):
    """The front over one tile of rows, each level one row behind the one before.

    The first tile begins, and the last ends, where the wedge at the seam does.
    """
    planes, rows = E.shape[:2]
    for front in range(2, planes + 2 * count, 2):
        for t in range(1, count + 1):
            z = front - 2 * (t - 1)
            if 2 * t <= z <= planes - 2 - 2 * t:
                begin = t if first == 0 else first - t
                level(E, P, t, z, begin, last - t, centre, scale, now, inertia)


@njit(cache=True, nogil=True)
def steps(E, P, count, height, centre, scale, now, inertia):
    """``count`` steps of E, P [planes, rows, n + 2]; the newest is in P if count is odd."""
    planes, rows = E.shape[:2]
    for first in range(0, rows, height):
        last = first + height if first + 2 * height <= rows else rows
        if first + height <= rows or first == 0:
            tile(E, P, count, first, last, centre, scale, now, inertia)
    for t in range(1, count + 1):
        for j in range(-2 * t, 2 * t, 2):
            z = j if j >= 0 else planes + j
            level(E, P, t, z, 0, rows, centre, scale, now, inertia)
        for z in range(2 * t, planes - 2 * t, 2):
            level(E, P, t, z, 0, t, centre, scale, now, inertia)
            level(E, P, t, z, rows - t, rows, centre, scale, now, inertia)
