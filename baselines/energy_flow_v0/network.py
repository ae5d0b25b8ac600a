"""The learnt maps, with weights drawn from the seed: mapper, neuron, GRU, two heads.

Every weight of a layer with n inputs is uniform in ±3/√n (the displacement head's: half of
that) and every bias a tenth of it, drawn in float32: wide enough that flows differ and
reach the planes within ⌊D/2⌋ steps.
LayerNorm stands at its start (gain 1, shift 0), dropout is off, the mapper's scale is 1
and its bias 0.
"""

from __future__ import annotations

import hashlib
import math
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import gelu, layer_norm, linear

from .case import FlowCase
from .geometry import normalised

FEATURES = 64  # outputs of the neuron
COORDINATES, KEPT = 12, 3  # outputs of the neuron's map of positions, and those that are used
PLACE = 0.02  # amplitude of the mapper's positional term, energy
GAIN = 3.0  # of a weight, times 1/√inputs
PUSH = 0.5  # of the displacement head, relative to the others
BIAS = 0.1  # of a bias, relative to a weight


class Affine(NamedTuple):
    """x → W x + b."""

    weight: Float[Tensor, "out into"]
    bias: Float[Tensor, " out"]

    def __call__(self, x: Tensor) -> Tensor:
        return linear(x, self.weight, self.bias)


class Mapper(NamedTuple):
    """Embedding → surface energies: three layers and a positional term."""

    layers: tuple[Affine, Affine, Affine]
    place: Float[Tensor, " cells"]


class Mover(NamedTuple):
    """What moves a flow: neuron, GRU layers (input and hidden gates), heads."""

    coordinates: Affine
    neuron: tuple[Affine, Affine, Affine]
    gates: tuple[tuple[Affine, Affine], ...]
    energy: Affine
    push: Affine


def draw(generator: torch.Generator, into: int, out: int, gain: float = 1.0) -> Affine:
    """An affine map drawn on the CPU, float32."""
    bound = gain * GAIN / math.sqrt(into)
    values = (2 * torch.rand(out * (into + 1), generator=generator) - 1) * bound
    return Affine(values[out:].reshape(out, into), BIAS * values[:out])


def draw_mapper(case: FlowCase) -> Mapper:
    """Weights of E → max(384, 2S) → 2S → S, from the seed, float32."""
    generator = case.stream("mapper")
    sizes = (case.embedding, *case.mapper_widths, case.cells)
    layers = tuple(draw(generator, *pair) for pair in zip(sizes, sizes[1:], strict=False))
    place = (2 * torch.rand(case.cells, generator=generator) - 1) * PLACE
    return Mapper(layers, place)


def draw_mover(case: FlowCase) -> Mover:
    """Weights of neuron, GRU and heads, from the seed, float32."""
    generator, h = case.stream("mover"), case.hidden
    coordinates = draw(generator, 3, COORDINATES)
    sizes = (KEPT + 1, 32, 32, FEATURES)
    neuron = tuple(draw(generator, *pair) for pair in zip(sizes, sizes[1:], strict=False))
    inputs = (FEATURES + 1, *[h] * (case.layers - 1))
    gates = tuple((draw(generator, n, 3 * h), draw(generator, h, 3 * h)) for n in inputs)
    return Mover(coordinates, neuron, gates, draw(generator, h, 1), draw(generator, h, 3, PUSH))


def ready(weights, case: FlowCase):
    """The same weights in the case's dtype, on its device."""
    if isinstance(weights, Tensor):
        return weights.to(case.device, case.dtype)
    parts = (ready(part, case) for part in weights)
    return type(weights)(*parts) if hasattr(weights, "_fields") else tuple(parts)


def digest(weights) -> str:
    """SHA-256 of the bytes of every tensor in order."""
    if isinstance(weights, Tensor):
        return hashlib.sha256(bytes(weights.reshape(-1).view(torch.uint8).tolist())).hexdigest()
    return hashlib.sha256("".join(digest(part) for part in weights).encode()).hexdigest()


def surface(mapper: Mapper, inputs: Float[Tensor, "b e"]) -> Float[Tensor, "b cells"]:
    """tanh of a perceptron of GELU(LayerNorm(·)) layers, plus a term of the cell; energy."""
    x = perceptron(mapper.layers, inputs)
    return torch.tanh(x) + mapper.place


def perceptron(layers: tuple[Affine, ...], x: Tensor) -> Tensor:
    """Affine maps with LayerNorm and GELU between them."""
    *inner, last = layers
    for layer in inner:
        x = layer(x)
        x = gelu(layer_norm(x, x.shape[-1:]))
    return last(x)


def respond(
    mover: Mover, sides: Tensor, position: Tensor, energy: Tensor, hidden: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """e′ [n] with |e′| ≤ 1, hidden′ [n, L, h] and the head's displacement [n, 3], not clamped.

    ``sides`` is (W−1, H−1, D). The neuron normalises the position a second time, as if it
    were a real coordinate: that is how the reviewed engine was trained.
    """
    kept = mover.coordinates(normalised(position, sides))[:, :KEPT]
    features = perceptron(mover.neuron, torch.cat([kept, energy[:, None]], dim=1))
    x, states = torch.cat([features, energy[:, None]], dim=1), []
    for (into, through), h in zip(mover.gates, hidden.unbind(1), strict=True):
        x = recur(into(x), through(h), h)
        states.append(x)
    return torch.tanh(mover.energy(x))[:, 0], torch.stack(states, dim=1), mover.push(x)


def recur(x: Tensor, through: Tensor, h: Tensor) -> Tensor:
    """One GRU update: r, z = σ(·), n = tanh(x_n + r h_n), h′ = (1 − z) n + z h; [n, h].

    K. Cho et al., EMNLP 2014, doi:10.3115/v1/D14-1179, with the reset gate applied after
    the hidden product.
    """
    x_r, x_z, x_n = x.chunk(3, dim=1)
    h_r, h_z, h_n = through.chunk(3, dim=1)
    z = torch.sigmoid(x_z + h_z)
    n = torch.tanh(x_n + torch.sigmoid(x_r + h_r) * h_n)
    return (1 - z) * n + z * h
