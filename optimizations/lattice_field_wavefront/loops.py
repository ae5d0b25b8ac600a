"""Several time steps in one pass over memory: a wavefront through rows, two rows at once.

Level t of a row needs level t − 1 of its neighbours. A front moves over the rows and each level
follows the one before at a distance of one row, for the later of its two was just given its
neighbour: all rows between first and last level stay in cache. What the front cannot reach, a
triangle at the seam of the periodic grid, is made level by level at the end. In place: level t
overwrites level t − 2.

D. Wonnacott, IPDPS 2000, 171 (time skewing), doi:10.1109/IPDPS.2000.845979.
"""

from numba import njit

from optimizations.lattice_field_numba_pairs.vectors import widest


@njit(cache=True, nogil=True)
def two_rows(up, e, f, down, p, q, centre, scale, now, inertia):
    """p = e⁺ and q = f⁺ of two neighbouring rows, their end cells closed."""
    widest()
    m = e.size - 1
    for i in range(1, m):
        e0, f0 = e[i], f[i]
        s = ((up[i] + f0) + e[i - 1]) + e[i + 1]
        t = ((e0 + down[i]) + f[i - 1]) + f[i + 1]
        s, t = s + centre * e0, t + centre * f0
        if inertia is not None:
            s, t = s - inertia * e0, t - inertia * f0
        p[i] = (now * e0 - p[i]) + scale * s
        q[i] = (now * f0 - q[i]) + scale * t
    p[0], p[m] = p[m - 1], p[1]
    q[0], q[m] = q[m - 1], q[1]


@njit(cache=True, nogil=True)
def level(E, P, t, y, width, centre, scale, now, inertia):
    """Rows y and y + 1, counted round the seam, become level t.

    Odd levels are written to P, even ones to E.
    """
    rows = E.shape[0]
    above, z, below = (y - 1) % rows, (y + 1) % rows, (y + 2) % rows
    if t % 2 == 0:
        E, P = P, E
    two_rows(
        E[above, :width], E[y, :width], E[z, :width], E[below, :width],
        P[y, :width], P[z, :width], centre, scale, now, inertia,
    )  # fmt: skip


@njit(cache=True, nogil=True)
def steps(E, P, count, width, centre, scale, now, inertia):
    """``count`` steps of E, P [rows, at least n + 2]; the newest is in P if count is odd.

    Allowed are an even number of rows, at least 2 count − 2.
    """
    rows = E.shape[0]
    for front in range(0, rows, 2):
        for k in range(min(count, front // 2 + 1)):
            level(E, P, k + 1, front - k, width, centre, scale, now, inertia)
    for k in range(1, count):
        for y in range(rows - k, rows + k, 2):
            level(E, P, k + 1, y % rows, width, centre, scale, now, inertia)
