"""In-place Fourier transforms of 16 complex lines at once, of lengths 2^a 3^b 5^c.

``split`` reduces a line modulo z^(m/r) − e^(iφ) for r angles φ: each of its blocks has one w of
its own. It leaves frequencies in digit-reversed order. ``join`` is a decimation in time, where
each place in a block has its own w; it undoes ``split`` if the roles of real and imaginary part
are exchanged (which turns +i into −i). Neither reorders anything: what is multiplied in between
needs only a table in the same order.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .butterflies import (
    CONSTANTS,
    PAIR,
    TURNS,
    cross,
    eight,
    eight_weighed,
    five,
    four,
    get,
    put,
    three,
    turning,
)
from .emission import WIDTH
from .lanes import emitted, inner, load, spread, store

BLOCK_BYTES = 24 * 1024  # of the first-level cache


def radices(n: int) -> tuple[int, ...]:
    """Factors of n among 5, 3, 2, 4 and 8, the last as large as can be; empty if it has others."""
    found, twos = [], 0
    for r in (5, 3):
        while n % r == 0:
            found.append(r)
            n //= r
    while n % 2 == 0:
        twos += 1
        n //= 2
    eights = twos // 3 - (twos % 3 == 1 and twos > 1)
    rest = twos - 3 * eights
    return (*found, *[2] * (rest % 2), *[4] * (rest // 2), *[8] * eights) if n == 1 else ()


def order(factors: tuple[int, ...]) -> np.ndarray:
    """Which frequency each place holds after all splits."""
    if not factors:
        return np.zeros(1, int)
    inner = order(factors[1:])
    return np.concatenate([q + factors[0] * inner for q in range(factors[0])])


FACTOR, SPLIT, JOIN, STEP = range(4)  # of a stage: radix, its turns' starts, room of a butterfly


class Plan(NamedTuple):
    """All that a convolution of lines of one length needs."""

    stages: np.ndarray  # by stage: FACTOR, SPLIT, JOIN, STEP
    turns: np.ndarray
    weights: np.ndarray  # of frequencies, by place
    outer: int  # stages that run over the whole line


def plan(n: int, weights: np.ndarray) -> Plan:
    """Tables for lines of n cells; computed in double precision, rounded once."""
    factors = radices(n)
    tables, starts, done = [np.array(CONSTANTS)], [], 1
    for s, r in enumerate(factors):
        m, done = n // done, done * r
        for angles in (order(factors[:s]) / done, np.arange(m // r) / m):
            starts.append(sum(map(len, tables)))
            tables.append(turning(r, 2 * np.pi * angles))
    sizes = n // np.cumprod((1, *factors[:-1]))
    outer = int(np.sum(sizes[:-1] * PAIR * 4 > BLOCK_BYTES))
    steps = [2 * len(TURNS[r]) for r in factors]
    return Plan(
        np.stack((factors, starts[::2], starts[1::2], steps), -1),
        np.concatenate(tables).astype(np.float32),
        (weights[order(factors)] / n).astype(np.float32),
        outer,
    )


def elements(count, buf, at, d, re, im):
    """So many, d apart."""
    return [get(buf, at + d * i, re, im) for i in range(count)]


def put_back(buf, at, d, re, im, values):
    """The reverse."""
    for i, value in enumerate(values):
        put(buf, at + d * i, re, im, *value)


@emitted
def by_two(buf, at, d, re, im, tw, o):
    a, b = elements(2, buf, at, d, re, im)
    y = cross(tw, o, *a, *b)
    put_back(buf, at, d, re, im, (y[:2], y[2:]))


@emitted
def by_three(buf, at, d, re, im, tw, o):
    put_back(buf, at, d, re, im, three(tw, o, elements(3, buf, at, d, re, im)))


@emitted
def by_four(buf, at, d, re, im, tw, o):
    put_back(buf, at, d, re, im, four(tw, o, o + 2, *elements(4, buf, at, d, re, im)))


@emitted
def by_five(buf, at, d, re, im, tw, o):
    put_back(buf, at, d, re, im, five(tw, o, elements(5, buf, at, d, re, im)))


@emitted
def by_eight(buf, at, d, re, im, tw, o):
    put_back(buf, at, d, re, im, eight(tw, o, elements(8, buf, at, d, re, im)))


@emitted
def core_of_eight(buf, at, tw, o, weights, p):
    """The last split by eight, the weights and the first join, in registers."""
    y = eight(tw, o, elements(8, buf, at, PAIR, 0, WIDTH))
    y = eight_weighed(tw, weights, p, [(i, r) for r, i in y])
    put_back(buf, at, PAIR, WIDTH, 0, y)


@inner
def stage(buf, first, count, m, radix, tw, o, by_block, by_place, re, im):
    """Butterflies on blocks of m elements; turns lie so far apart by block and by place."""
    d = m // radix * PAIR
    for b in range(count):
        at, w = (first + b * m) * PAIR, o + b * by_block
        if radix == 8:
            for j in range(m // 8):
                by_eight(buf, at + j * PAIR, d, re, im, tw, w + j * by_place)
        elif radix == 4:
            for j in range(m // 4):
                by_four(buf, at + j * PAIR, d, re, im, tw, w + j * by_place)
        elif radix == 5:
            for j in range(m // 5):
                by_five(buf, at + j * PAIR, d, re, im, tw, w + j * by_place)
        elif radix == 3:
            for j in range(m // 3):
                by_three(buf, at + j * PAIR, d, re, im, tw, w + j * by_place)
        else:
            for j in range(m // 2):
                by_two(buf, at + j * PAIR, d, re, im, tw, w + j * by_place)


@inner
def split(buf, first, count, m, s, k):
    """Stage s on ``count`` blocks of m elements from ``first`` on."""
    step = k.stages[s, STEP]
    o = k.stages[s, SPLIT] + first // m * step
    stage(buf, first, count, m, k.stages[s, FACTOR], k.turns, o, step, 0, 0, WIDTH)


@inner
def join(buf, first, count, m, s, k):
    """What undoes it, but for a factor."""
    o, step = k.stages[s, JOIN], k.stages[s, STEP]
    stage(buf, first, count, m, k.stages[s, FACTOR], k.turns, o, 0, step, WIDTH, 0)


@inner
def weigh(buf, first, count, weights):
    """Each frequency has its weight."""
    for p in range(first, first + count):
        by = spread(weights, p)
        at = p * PAIR
        store(buf, at, load(buf, at) * by)
        store(buf, at + WIDTH, load(buf, at + WIDTH) * by)


@inner
def core(buf, first, count, k):
    """The last split, the weights and the first join."""
    s = len(k.stages) - 1
    r = k.stages[s, FACTOR]
    if r == 8:
        for p in range(first, first + count, 8):
            o = k.stages[s, SPLIT] + p
            core_of_eight(buf, p * PAIR, k.turns, o, k.weights, p)
    else:
        split(buf, first, count // r, r, s, k)
        weigh(buf, first, count, k.weights)
        join(buf, first, count // r, r, s, k)


@inner
def convolve(buf, n, k):
    """The 32 lines in the buffer, in place: later stages block by block."""
    last = len(k.stages) - 1
    m, start = n, np.int64(0)  # as a literal it would have stages of its own compiled
    for s in range(k.outer):
        split(buf, start, n // m, m, s, k)
        m //= k.stages[s, FACTOR]
    block = m
    for c in range(0, n, block):
        m = block
        for s in range(k.outer, last):
            split(buf, c, block // m, m, s, k)
            m //= k.stages[s, FACTOR]
        core(buf, c, block, k)
        for s in range(last - 1, k.outer - 1, -1):
            m *= k.stages[s, FACTOR]
            join(buf, c, block // m, m, s, k)
    m = block
    for s in range(k.outer - 1, -1, -1):
        m *= k.stages[s, FACTOR]
        join(buf, start, n // m, m, s, k)
