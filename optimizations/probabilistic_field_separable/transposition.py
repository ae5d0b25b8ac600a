"""Sixteen times sixteen numbers, transposed in registers."""

from __future__ import annotations

from numba import njit

from .lanes import load, lower_halves, store, upper_halves


@njit(cache=True, nogil=True)
def riffle(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p):  # noqa: E741
    """Both halves of sixteen vectors interleaved; four times over, that transposes them."""
    low = lower_halves(a, i), lower_halves(b, j), lower_halves(c, k), lower_halves(d, l)
    lower = lower_halves(e, m), lower_halves(f, n), lower_halves(g, o), lower_halves(h, p)
    up = upper_halves(a, i), upper_halves(b, j), upper_halves(c, k), upper_halves(d, l)
    upper = upper_halves(e, m), upper_halves(f, n), upper_halves(g, o), upper_halves(h, p)
    first = (low[0], up[0], low[1], up[1], low[2], up[2], low[3], up[3])
    last = (lower[0], upper[0], lower[1], upper[1], lower[2], upper[2], lower[3], upper[3])
    return first + last


@njit(cache=True, nogil=True)
def four(a, at, by):
    return load(a, at), load(a, at + by), load(a, at + 2 * by), load(a, at + 3 * by)


@njit(cache=True, nogil=True)
def transpose(source, at, by, target, to, step):
    """Sixteen rows of ``source``, ``by`` apart, become columns of ``target``."""
    rows = four(source, at, by) + four(source, at + 4 * by, by)
    rows = rows + four(source, at + 8 * by, by) + four(source, at + 12 * by, by)
    rows = riffle(*riffle(*riffle(*riffle(*rows))))
    for i in range(16):
        store(target, to + i * step, rows[i])
