"""The curves of the networks, and the step behind them: noise, decisions, writes.

``error_model="numpy"``: a check for a divisor of zero would keep loops from vectorising. Products
and sums may contract to one rounding.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from baselines.energy_flow_v1 import FlowCase
from baselines.energy_flow_v1.motion import projection_age
from baselines.energy_flow_v1.noise import AXES

WORD = (1 << 64) - 1
GOLDEN, FIRST, SECOND = (
    np.uint64(c) for c in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
)
FAR = np.float32(10)  # beyond it tanh is 1 in float32
LOG2E = np.float32(math.log2(math.e))
LN2_HIGH, LN2_LOW = np.float32(0.693359375), np.float32(-2.12194440e-4)
# exp(f) on |f| ≤ ½ ln 2: S. L. Moshier, Cephes, expf
P0, P1, P2, P3, P4, P5 = (
    np.float32(c)
    for c in (
        1.9875691500e-4,
        1.3981999507e-3,
        8.3334519073e-3,
        4.1665795894e-2,
        1.6666665459e-1,
        5.0000001201e-1,
    )
)
HALF, ONE, TWO = np.float32(0.5), np.float32(1), np.float32(2)
# ½ erfc(a) = t Q(t) exp(−a²) with t = 1/(1 + P a): the form of M. Abramowitz and I. A. Stegun,
# Handbook of Mathematical Functions (1964), 7.1.26; two terms more, fitted anew to 1e-9
P = np.float32(0.45)
Q1, Q2, Q3, Q4, Q5, Q6, Q7 = (
    np.float32(c / 2)
    for c in (
        0.25898974,
        0.201009,
        0.46017188,
        -0.37580495,
        0.85716985,
        -0.49410538,
        0.09256986,
    )
)
HALF_ROOT = np.float32(math.sqrt(0.5))
GONE = np.float32(80)  # exp(−80) is 0 beside anything


class Numbers(NamedTuple):
    """Constants of the decisions, in the field's type where they meet a field."""

    scale: float
    sigma: float
    reach: float  # ½, of a push
    one: float
    two: float
    threshold: float
    least_move: float
    most: int
    age: int
    bouncing: bool  # reflection as found
    to_z0: bool  # projection as found
    by_place: bool  # noise as found

    @classmethod
    def of(cls, case: FlowCase) -> "Numbers":
        kind = np.dtype(str(case.dtype).removeprefix("torch.")).type
        values = (case.scale, case.sigma, 0.5, 1, 2, case.spawn.threshold, case.least_move)
        found = [case.rules.keeps(name) for name in ("reflection", "projection", "noise")]
        age = projection_age(case) - (not found[1])
        return cls(*map(kind, values), case.spawn.most, age, *found)


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def exp(x):
    """exp(x) of |x| ≤ 87, float32; off by at most 1.1e-7 of it."""
    n = np.rint(x * LOG2E)
    f = (x - n * LN2_HIGH) - n * LN2_LOW
    p = ((((P0 * f + P1) * f + P2) * f + P3) * f + P4) * f + P5
    return ((p * f * f + f) + ONE) * np.int32((np.int32(n) + 127) << 23).view(np.float32)


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def tanh(x):
    """(1 − t)/(1 + t) with t = exp(−2x), float32; off by at most 1.1e-7."""
    t = exp(-TWO * min(max(x, -FAR), FAR))
    return (ONE - t) / (ONE + t)


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def gelu(x):
    """x Φ(x), float32; off by at most 2e-7 of x."""
    a = abs(x) * HALF_ROOT
    t = ONE / (ONE + P * a)
    q = ((((((Q7 * t + Q6) * t + Q5) * t + Q4) * t + Q3) * t + Q2) * t + Q1) * t
    q *= exp(-min(a * a, GONE))
    return x * (ONE - q if x > 0 else q)


@njit(cache=True, nogil=True)
def scrambled(z):
    """The finaliser of splitmix64."""
    z = (z ^ (z >> np.uint64(30))) * FIRST
    z = (z ^ (z >> np.uint64(27))) * SECOND
    return z ^ (z >> np.uint64(31))


@njit(cache=True, nogil=True)
def normal(word, axis):
    """The frozen normal number of that word and axis, float32."""
    near = scrambled(word + np.uint64(axis + 1) * GOLDEN) >> np.uint64(11)
    turn = scrambled(word + np.uint64(axis + 1 + AXES) * GOLDEN) >> np.uint64(11)
    radius = math.sqrt(-2 * math.log((np.float64(near) + 0.5) * 2.0**-53))
    return np.float32(radius * math.cos(2 * math.pi * ((np.float64(turn) + 0.5) * 2.0**-53)))


def step_word(seed: int, forward: int, step: int) -> np.uint64:
    """What the noise of one step starts from."""
    word = seed & WORD
    for part in (forward, step):
        word = (word * int(GOLDEN) + part) & WORD
        for shift, factor in ((30, int(FIRST)), (27, int(SECOND))):
            word = ((word ^ (word >> shift)) * factor) & WORD
        word ^= word >> 31
    return np.uint64(word)


@njit(cache=True, nogil=True)
def clamped(x, low, high):
    return min(max(x, low), high)


@njit(cache=True, nogil=True)
def mirrored(x, one, two):
    """Reflected at ±1."""
    if x < -one:
        return -two - x
    return two - x if x > one else x


@njit(cache=True, nogil=True, error_model="numpy")
def decided(flows, rows, first, heads, memory, word, k, before, after, moving, counts):
    """Decisions and writes for the block of flows rows[first:first + len(heads)].

    ``heads`` [n, 4]: energy, then the push; ``memory`` [n, L, h]. Fills ``before``, ``after``
    and ``moving``; adds to ``counts``: ended, bounced, projected, done, children.
    """
    id, position, energy, hidden, age, steps, plane, active, completed = flows
    raw = np.empty(3, position.dtype)
    for i in range(len(heads)):
        at = first + i
        row = rows[at]
        key = np.uint64(at if k.by_place else id[row])
        own = scrambled(word + key * GOLDEN)
        p, q = before[at], after[at]
        for axis in range(3):
            p[axis] = position[row, axis]
            pushed = p[axis] + clamped(k.scale * heads[i, 1 + axis], -k.reach, k.reach)
            noise = k.sigma * normal(own, axis)
            raw[axis] = pushed + noise
            q[axis] = clamped(clamped(pushed, -k.one, k.one) + noise, -k.one, k.one)
        bounced = abs(raw[0]) > k.one or abs(raw[1]) > k.one
        if not k.bouncing:
            q[0], q[1] = mirrored(raw[0], k.one, k.two), mirrored(raw[1], k.one, k.two)
        ended = abs(q[2]) >= k.one
        projected = not ended and steps[row] >= k.age
        move = math.sqrt((q[0] - p[0]) ** 2 + (q[1] - p[1]) ** 2 + (q[2] - p[2]) ** 2)
        goes = not ended and not projected and move >= k.least_move
        moving[at] = goes
        if ended or projected:
            upper = q[2] > 0 and (ended or not k.to_z0)
            plane[row] = 2 if upper else 1
            active[row], completed[row] = False, True
            position[row, 0], position[row, 1] = q[0], q[1]
            position[row, 2] = k.one if upper else -k.one
        if bounced and k.bouncing:
            position[row, 0] = mirrored(raw[0], k.one, k.two)
            position[row, 1] = mirrored(raw[1], k.one, k.two)
            position[row, 2] = raw[2]
            age[row] += 1
            steps[row] += 1
        if goes:
            position[row, 0], position[row, 1], position[row, 2] = q[0], q[1], q[2]
            age[row] += 1
            steps[row] += 1
            if move > k.threshold:
                counts[4] += clamped(int(math.floor(move / k.threshold)) - 1, 0, k.most)
        if goes or (bounced and k.bouncing):
            energy[row] = math.tanh(heads[i, 0])
            for layer in range(hidden.shape[1]):
                for j in range(hidden.shape[2]):
                    hidden[row, layer, j] = memory[i, layer, j]
        counts[0] += ended
        counts[1] += bounced
        counts[2] += projected
        counts[3] += ended or projected
