"""Butterflies of 16 complex lines at once: r elements turned, then transformed.

A line is a column of a flat buffer: element x of the 16 real parts at 32 x, of the 16
imaginary parts behind them. A butterfly of r elements, r of 2, 3, 4, 5, 8, computes
y_q = Σ_l x_l w^l e^(2πi lq/r). A turn by w = c (1 + i t) is two accumulations, and c goes into
the sums that follow, which take it for nothing. Functions of values emit code: see `emission`.

J. W. Cooley and J. W. Tukey, Math. Comp. 19, 297 (1965),
doi:10.1090/S0025-5718-1965-0178586-1. E. N. Linzer and E. Feig, Math. Comp. 60, 347 (1993),
doi:10.1090/S0025-5718-1993-1159169-0.
"""

from __future__ import annotations

import math

import numpy as np

from .emission import WIDTH, load, minus, plus, spread, store

PAIR = 2 * WIDTH  # floats of one element: 16 real parts, then 16 imaginary ones
CONSTANTS = (
    *(math.sqrt(0.5), 1.0),  # the turn by π/4
    *(0.5, math.sin(math.pi / 3)),
    *(part(2 * math.pi * q / 5) for part in (math.cos, math.sin) for q in (1, 2)),
)
EIGHTH, _, HALF, SIN60, C1, C2, S1, S2 = range(8)  # where they stand in the table of turns
TURNS = {  # by radix: the powers of w, and what they are turned by besides, in the order of use
    2: ((1, 0),),
    3: ((1, 0), (2, 0)),
    4: ((2, 0), (1, 0)),
    5: ((1, 0), (2, 0), (3, 0), (4, 0)),
    8: ((4, 0), (2, 0), (1, 0), (1, math.pi / 4)),
}
LEAST_COSINE = 2.0**-40  # its tangent still leaves the sine exact


def turning(radix: int, angles: np.ndarray) -> np.ndarray:
    """c and t of all turns of butterflies with w of these angles, one after another."""
    powers, besides = np.array(TURNS[radix]).T
    angle = angles[:, None] * powers + besides
    c = np.cos(angle)
    c = np.where(np.abs(c) < LEAST_COSINE, LEAST_COSINE, c)
    return np.stack((c, np.sin(angle) / c), -1).ravel()


def put(buf, at, re, im, r, i):
    store(buf, at + re, r)
    store(buf, at + im, i)


def get(buf, at, re, im):
    return load(buf, at + re), load(buf, at + im)


def leaned(tw, o, r, i):
    """x (1 + i t)."""
    t = spread(tw, o + 1)
    return minus(r, t, i), plus(i, t, r)


def cross(tw, o, ar, ai, br, bi):
    """a + w b and a − w b."""
    r, i = leaned(tw, o, br, bi)
    c = spread(tw, o)
    return plus(ar, c, r), plus(ai, c, i), minus(ar, c, r), minus(ai, c, i)


def cross_i(tw, o, ar, ai, br, bi):
    """a + i w b and a − i w b."""
    r, i = leaned(tw, o, br, bi)
    c = spread(tw, o)
    return minus(ar, c, i), plus(ai, c, r), plus(ar, c, i), minus(ai, c, r)


def four(tw, second, first, a, b, c, d):
    """Four elements, turned."""
    p, q = cross(tw, second, *a, *c), cross(tw, second, *b, *d)
    e, o = cross(tw, first, *p[:2], *q[:2]), cross_i(tw, first, *p[2:], *q[2:])
    return e[:2], o[:2], e[2:], o[2:]


def four_i(tw, second, first, a, b, c, d):
    """Four elements, turned; the second power by a quarter more."""
    p, q = cross_i(tw, second, *a, *c), cross_i(tw, second, *b, *d)
    e, o = cross(tw, first, *p[:2], *q[:2]), cross_i(tw, first, *p[2:], *q[2:])
    return e[:2], o[:2], e[2:], o[2:]


def eight(tw, o, x):
    """Eight elements, turned."""
    s, t = cross(tw, o, *x[0], *x[4]), cross(tw, o, *x[1], *x[5])
    u, v = cross(tw, o, *x[2], *x[6]), cross(tw, o, *x[3], *x[7])
    e = four(tw, o + 2, o + 4, s[:2], t[:2], u[:2], v[:2])
    f = four_i(tw, o + 2, o + 6, s[2:], t[2:], u[2:], v[2:])
    return e[0], f[0], e[1], f[1], e[2], f[2], e[3], f[3]


def plain_cross(ar, ai, br, bi):
    return ar + br, ai + bi, ar - br, ai - bi


def plain_cross_i(ar, ai, br, bi):
    return ar - bi, ai + br, ar + bi, ai - br


def weighed(weights, o, a, b):
    """The first and the fifth of eight elements, each with its weight; sum and difference."""
    p, q, by = spread(weights, o), spread(weights, o + 4), (a[0], a[1])
    r, i = p * by[0], p * by[1]
    return plus(r, q, b[0]), plus(i, q, b[1]), minus(r, q, b[0]), minus(i, q, b[1])


def eight_weighed(tw, weights, o, x):
    """Eight elements, weighed and not turned."""
    s, t = weighed(weights, o, x[0], x[4]), weighed(weights, o + 1, x[1], x[5])
    u, v = weighed(weights, o + 2, x[2], x[6]), weighed(weights, o + 3, x[3], x[7])
    p, q = plain_cross(*s[:2], *u[:2]), plain_cross(*t[:2], *v[:2])
    e, f = plain_cross(*p[:2], *q[:2]), plain_cross_i(*p[2:], *q[2:])
    p, q = plain_cross_i(*s[2:], *u[2:]), plain_cross_i(*t[2:], *v[2:])
    g, h = cross(tw, EIGHTH, *p[:2], *q[:2]), cross_i(tw, EIGHTH, *p[2:], *q[2:])
    return e[:2], g[:2], f[:2], h[:2], e[2:], g[2:], f[2:], h[2:]


def mirrored(tw, o, p, ar, ai, br, bi):
    """Sum and difference of two elements by the turns at ``o`` and at ``p``."""
    r, i = leaned(tw, o, ar, ai)
    u, v = leaned(tw, p, br, bi)
    c, d = spread(tw, o), spread(tw, p)
    r, i = c * r, c * i
    return plus(r, d, u), plus(i, d, v), minus(r, d, u), minus(i, d, v)


def three(tw, o, x):
    """Three elements, turned."""
    r, i = x[0]
    tr, ti, dr, di = mirrored(tw, o, o + 2, *x[1], *x[2])
    half, s = spread(tw, HALF), spread(tw, SIN60)
    u, v = minus(r, half, tr), minus(i, half, ti)
    one, two = (minus(u, s, di), plus(v, s, dr)), (plus(u, s, di), minus(v, s, dr))
    return (r + tr, i + ti), one, two


def halves(tw, x, t, u, d, e):
    """One part of five elements: the even halves of two outputs and the odd ones."""
    c1, c2, s1, s2 = spread(tw, C1), spread(tw, C2), spread(tw, S1), spread(tw, S2)
    even, odd = plus(plus(x, c1, t), c2, u), plus(plus(x, c2, t), c1, u)
    return even, odd, plus(s1 * d, s2, e), minus(s2 * d, s1, e)


def five(tw, o, x):
    """Five elements, turned."""
    r, i = x[0]
    tr, ti, dr, di = mirrored(tw, o, o + 6, *x[1], *x[4])
    ur, ui, er, ei = mirrored(tw, o + 2, o + 4, *x[2], *x[3])
    ar, br, cr, fr = halves(tw, r, tr, ur, dr, er)
    ai, bi, ci, fi = halves(tw, i, ti, ui, di, ei)
    one, two = (ar - ci, ai + cr), (br - fi, bi + fr)
    return (r + tr + ur, i + ti + ui), one, two, (br + fi, bi - fr), (ar + ci, ai - cr)
