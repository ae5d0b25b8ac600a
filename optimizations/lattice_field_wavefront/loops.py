"""Several time steps in one pass over memory: a wavefront through rows, two rows at once.

Level t of a row needs level t − 1 of its neighbours. A front moves over the rows and each level
follows the one before at a distance of two rows, so all rows between first and last level stay in
cache. What the front cannot reach, a triangle at the seam of the periodic grid, is made level by
level at the end. In place: level t overwrites level t − 2.

D. Wonnacott, IPDPS 2000, 171 (time skewing), doi:10.1109/IPDPS.2000.845979.
"""

from numba import njit


@njit(cache=True, nogil=True)
def two_rows(up, e, f, down, p, q, centre, scale, now, inertia):
    """p = e⁺ and q = f⁺ of two neighbouring rows, their end cells closed."""
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
    """Rows y and y + 1 become level t; odd levels are written to P, even ones to E."""
    rows = E.shape[0]
    above, below = y - 1 if y else rows - 1, y + 2 if y + 2 < rows else 0
    if t % 2 == 0:
        E, P = P, E
    two_rows(
        E[above, :width], E[y, :width], E[y + 1, :width], E[below, :width],
        P[y, :width], P[y + 1, :width], centre, scale, now, inertia,
    )  # fmt: skip


@njit(cache=True, nogil=True)
def steps(E, P, count, width, centre, scale, now, inertia):
    """``count`` steps of E, P [rows, at least n + 2]; the newest is in P if count is odd."""
    rows = E.shape[0]
    for front in range(2, rows + 2 * count, 2):
        for t in range(1, count + 1):
            y = front - 2 * (t - 1)
            if 2 * t <= y <= rows - 2 - 2 * t:
                level(E, P, t, y, width, centre, scale, now, inertia)
    for t in range(1, count + 1):
        for j in range(-2 * t, 2 * t, 2):
            level(E, P, t, j if j >= 0 else rows + j, width, centre, scale, now, inertia)
