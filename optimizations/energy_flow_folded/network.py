"""The learnt maps with everything multiplied out that no curve separates.

Between the position and the first GELU stand three affine maps, and between the last GELU and
the gates stand two. Each chain becomes one affine map, multiplied out once in float64. Gates
r and z see only sums of an input and a hidden product, which are accumulated in place.
σ(x) = ½ tanh(x/2) + ½, with the inner ½ in the weights, where it is exact.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import gelu, layer_norm

from baselines.energy_flow_v1 import FlowCase
from baselines.energy_flow_v1.network import FEATURES, KEPT, Affine, draw_mover


class Gates(NamedTuple):
    """Weights of one recurrent layer, each [into, out]; biases [out]."""

    input_rz: Tensor
    input_n: Tensor
    hidden_rz: Tensor
    hidden_n: Tensor
    bias_rz: Tensor
    bias_input_n: Tensor
    bias_hidden_n: Tensor


class Folded(NamedTuple):
    """Position and energy → 32 → 32 → gates → energy and push."""

    first: Affine  # weight [4, 32]
    second: Affine  # weight [32, 32]
    gates: tuple[Gates, ...]
    heads: Affine  # weight [h, 4]: energy, then the push


def folded(case: FlowCase) -> Folded:
    """The mover of the case's seed, multiplied out in float64, in the case's dtype."""
    mover = widened(draw_mover(case))
    sides = torch.tensor([case.width - 1, case.height - 1, case.depth], dtype=torch.float64)
    place = mover.coordinates.weight[:KEPT]
    first, second, last = mover.neuron
    near, energy = first.weight[:, :KEPT], first.weight[:, KEPT:]
    shift = mover.coordinates.bias[:KEPT] - place.sum(1)  # of 2 p/side − 1
    first = Affine(torch.cat([near @ (2 * place / sides), energy], 1), first.bias + near @ shift)
    (into, through), *rest = mover.gates
    features, energy = into.weight[:, :FEATURES], into.weight[:, FEATURES:]
    into = Affine(torch.cat([features @ last.weight, energy], 1), into.bias + features @ last.bias)
    gates = tuple(gate(*pair) for pair in [(into, through), *rest])
    heads = Affine(*(torch.cat(pair) for pair in zip(mover.energy, mover.push, strict=True)))
    found = Folded(turned(first), turned(second), gates, turned(heads))
    return narrowed(found, case)


def gate(into: Affine, through: Affine) -> Gates:
    """One recurrent layer, r and z halved."""
    h = through.weight.shape[1]
    weights, biases = (into.weight, through.weight), (into.bias, through.bias)
    input_rz, hidden_rz = (0.5 * w[: 2 * h].T for w in weights)
    input_n, hidden_n = (w[2 * h :].T for w in weights)
    bias_rz = 0.5 * (biases[0] + biases[1])[: 2 * h]
    return Gates(input_rz, input_n, hidden_rz, hidden_n, bias_rz, *(b[2 * h :] for b in biases))


def turned(affine: Affine) -> Affine:
    return Affine(affine.weight.T, affine.bias)


def widened(part):
    """Every tensor in float64."""
    if isinstance(part, Tensor):
        return part.double()
    parts = tuple(map(widened, part))
    return type(part)(*parts) if hasattr(part, "_fields") else parts


def narrowed(part, case: FlowCase):
    """Every tensor contiguous in the case's dtype, on its device."""
    if isinstance(part, Tensor):
        return part.to(case.device, case.dtype).contiguous()
    parts = tuple(narrowed(p, case) for p in part)
    return type(part)(*parts) if hasattr(part, "_fields") else parts


def respond(net: Folded, placed: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """e′ [n], push [n, 3] and hidden′ [n, L, h] of flows [n, 4]: position and energy."""
    x = placed
    for layer in (net.first, net.second):
        x = torch.addmm(layer.bias, x, layer.weight)
        x = gelu(layer_norm(x, x.shape[-1:]))
    x, states = torch.cat([x, placed[:, 3:]], 1), []
    for layer, h in zip(net.gates, hidden.unbind(1), strict=True):
        x = recur(layer, x, h)
        states.append(x)
    found = torch.addmm(net.heads.bias, x, net.heads.weight)
    new = x[:, None] if len(states) == 1 else torch.stack(states, 1)
    return torch.tanh(found[:, 0]), found[:, 1:], new


def recur(layer: Gates, x: Tensor, h: Tensor) -> Tensor:
    """One GRU update, [n, h]: h′ = n + z (h − n)."""
    rz = torch.addmm(layer.bias_rz, x, layer.input_rz).addmm_(h, layer.hidden_rz)
    r, z = rz.tanh_().mul_(0.5).add_(0.5).chunk(2, 1)
    through = torch.addmm(layer.bias_hidden_n, h, layer.hidden_n)
    n = torch.addmm(layer.bias_input_n, x, layer.input_n).addcmul_(r, through).tanh_()
    return torch.lerp(n, h, z)
