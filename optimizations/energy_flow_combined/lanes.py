"""The networks that move a flow as one native loop, 32 flows side by side, float32.

A value of a layer is a line of one number a flow, so products, curves and normalisation all run
over flows: no row is too short to fill a vector, and what lies between two layers stays in the
nearest caches. Weights stand in one line in the order in which they are used.
"""

import numpy as np
import torch
from numba import config, njit

from optimizations.energy_flow_folded.network import Folded
from optimizations.lattice_field_numba_pairs.vectors import widest
from optimizations.probabilistic_field_separable.emission import WIDTH
from optimizations.probabilistic_field_separable.emission import plus as contracted
from optimizations.probabilistic_field_separable.lanes import emitted, lanes, load, spread, store

from .loops import HALF, ONE, gelu, tanh

BESIDE = 2 * WIDTH  # flows
PLACED, NEURON, FOUND = 4, 32, 4  # position and energy; width of the neuron; energy and push
EPSILON = np.float32(1e-5)  # of layer normalisation, torch's own

plus = emitted(contracted, lanes)

if config.DISABLE_JIT:  # numba's own switch: loops run as Python, where no intrinsic can be called

    def load(array, place):
        """The vector at elements place … place + 15."""
        return array[place : place + WIDTH].copy()

    def spread(array, place):
        """The vector of sixteen times that element."""
        return np.full(WIDTH, array[place])

    def store(array, place, vector):
        """Writes it there."""
        array[place : place + WIDTH] = vector

    def plus(a, b, c):
        """a + b·c."""
        return a + b * c


def in_line(net: Folded) -> np.ndarray:
    """The weights [out, into] of each product as it is made, behind its bias if it has one."""
    parts = []
    for layer in (net.first, net.second):
        parts += [layer.bias, layer.weight.T]
    for gates in net.gates:
        parts += [gates.bias_rz, gates.input_rz.T, gates.hidden_rz.T]
        parts += [gates.bias_input_n, gates.input_n.T, gates.bias_hidden_n, gates.hidden_n.T]
    parts += [net.heads.bias, net.heads.weight.T]
    return torch.cat([part.reshape(-1) for part in parts]).numpy()


@njit(cache=True, nogil=True)
def product(w, at, into, out, x, y, fresh):
    """y = bias + W x, or y += W x, of weights from that place on; the place behind them.

    Four rows of weights at a time: their eight sums are what it takes to keep both multipliers
    of a core busy.
    """
    bias = at
    if fresh:
        at += out
    whole = out // 4 * 4
    for o in range(0, whole, 4):
        y0, y1, y2, y3 = o * BESIDE, (o + 1) * BESIDE, (o + 2) * BESIDE, (o + 3) * BESIDE
        if fresh:
            a0 = b0 = spread(w, bias + o)
            a1 = b1 = spread(w, bias + o + 1)
            a2 = b2 = spread(w, bias + o + 2)
            a3 = b3 = spread(w, bias + o + 3)
        else:
            a0, b0 = load(y, y0), load(y, y0 + WIDTH)
            a1, b1 = load(y, y1), load(y, y1 + WIDTH)
            a2, b2 = load(y, y2), load(y, y2 + WIDTH)
            a3, b3 = load(y, y3), load(y, y3 + WIDTH)
        w0 = at + o * into
        w1, w2, w3 = w0 + into, w0 + 2 * into, w0 + 3 * into
        for k in range(into):
            u, v = load(x, k * BESIDE), load(x, k * BESIDE + WIDTH)
            c0, c1, c2, c3 = (
                spread(w, w0 + k),
                spread(w, w1 + k),
                spread(w, w2 + k),
                spread(w, w3 + k),
            )
            a0, b0 = plus(a0, c0, u), plus(b0, c0, v)
            a1, b1 = plus(a1, c1, u), plus(b1, c1, v)
            a2, b2 = plus(a2, c2, u), plus(b2, c2, v)
            a3, b3 = plus(a3, c3, u), plus(b3, c3, v)
        store(y, y0, a0)
        store(y, y0 + WIDTH, b0)
        store(y, y1, a1)
        store(y, y1 + WIDTH, b1)
        store(y, y2, a2)
        store(y, y2 + WIDTH, b2)
        store(y, y3, a3)
        store(y, y3 + WIDTH, b3)
    for o in range(whole, out):
        for lane in range(0, BESIDE, WIDTH):
            a = spread(w, bias + o) if fresh else load(y, o * BESIDE + lane)
            for k in range(into):
                a = plus(a, spread(w, at + o * into + k), load(x, k * BESIDE + lane))
            store(y, o * BESIDE + lane, a)
    return at + out * into


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def curved(x, n):
    """GELU of n lines, less their mean over their deviation, in place."""
    widest()
    mean, scale = np.zeros(BESIDE, np.float32), np.zeros(BESIDE, np.float32)
    for j in range(n):
        for i in range(BESIDE):
            mean[i] += x[j * BESIDE + i]
    for i in range(BESIDE):
        mean[i] /= np.float32(n)
    for j in range(n):
        for i in range(BESIDE):
            scale[i] += (x[j * BESIDE + i] - mean[i]) ** 2
    for i in range(BESIDE):
        scale[i] = ONE / np.sqrt(scale[i] / np.float32(n) + EPSILON)
    for j in range(n):
        for i in range(BESIDE):
            x[j * BESIDE + i] = gelu((x[j * BESIDE + i] - mean[i]) * scale[i])


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def recurred(rz, n, through, old, new):
    """GRU: r, z = ½ tanh + ½ (their sums come halved), new = ñ + z (old − ñ)."""
    widest()
    for i in range(old.size):
        r, z = HALF * tanh(rz[i]) + HALF, HALF * tanh(rz[old.size + i]) + HALF
        candidate = tanh(n[i] + r * through[i])
        new[i] = candidate + z * (old[i] - candidate)


@njit(cache=True, nogil=True)
def gathered(rows, first, last, position, energy, hidden, placed, old):
    """Flows rows[first:last] into lanes; the last one fills those that are left."""
    layers, h = hidden.shape[1:]
    for i in range(BESIDE):
        row = rows[min(first + i, last - 1)]
        for axis in range(3):
            placed[axis * BESIDE + i] = position[row, axis]
        placed[3 * BESIDE + i] = energy[row]
        for layer in range(layers):
            for j in range(h):
                old[(layer * h + j) * BESIDE + i] = hidden[row, layer, j]


@njit(cache=True, nogil=True)
def room(numbers):
    """Lines between layers."""
    return np.empty(numbers, np.float32)


@njit(cache=True, nogil=True)
def respond(w, rows, position, energy, hidden, heads, memory):
    """heads [n, 4], energy before its tanh and push, and memory [n, L, h], hidden′, of the rows."""
    layers, h = hidden.shape[1:]
    line = h * BESIDE
    placed, found = room(PLACED * BESIDE), room(FOUND * BESIDE)
    x, y = room(NEURON * BESIDE), room((NEURON + 1) * BESIDE)
    old, new = room(layers * line), room(layers * line)
    rz, n, through = room(2 * line), room(line), room(line)
    for first in range(0, rows.size, BESIDE):
        last = min(first + BESIDE, rows.size)
        gathered(rows, first, last, position, energy, hidden, placed, old)
        at = product(w, 0, PLACED, NEURON, placed, x, True)
        curved(x, NEURON)
        at = product(w, at, NEURON, NEURON, x, y, True)
        curved(y, NEURON)
        y[NEURON * BESIDE :] = placed[3 * BESIDE :]
        given, into = y, NEURON + 1
        for layer in range(layers):
            here = slice(layer * line, (layer + 1) * line)
            before, after = old[here], new[here]
            at = product(w, at, into, 2 * h, given, rz, True)
            at = product(w, at, h, 2 * h, before, rz, False)
            at = product(w, at, into, h, given, n, True)
            at = product(w, at, h, h, before, through, True)
            recurred(rz, n, through, before, after)
            given, into = after, h
        product(w, at, h, FOUND, given, found, True)
        for i in range(last - first):
            for k in range(FOUND):
                heads[first + i, k] = found[k * BESIDE + i]
            for layer in range(layers):
                for j in range(h):
                    memory[first + i, layer, j] = new[(layer * h + j) * BESIDE + i]
