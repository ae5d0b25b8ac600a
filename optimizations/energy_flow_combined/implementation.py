"""All that holds together: folded maps, native loops between the products, native collection.

Matrix products are the library's, on blocks of flows that stay in cache; curves, gates, heads,
and noise with decisions and writes are one native loop each over the block.
"""

from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.functional import gelu, layer_norm

from baselines.energy_flow_v1 import FlowCase, FlowState
from baselines.energy_flow_v1 import engine as baseline
from baselines.energy_flow_v1.network import Affine
from baselines.energy_flow_v1.parts import cleanup, spawn
from baselines.energy_flow_v1.proposal import Motion
from baselines.engine import Step
from optimizations.energy_flow_folded.implementation import BLOCK, stepper_with
from optimizations.energy_flow_folded.network import Folded, Gates, folded, recur
from optimizations.energy_flow_numba.implementation import collect

from .loops import Numbers, curved, decided, read, recurred, step_word

FLOWS = ("id", "position", "energy", "hidden", "age", "steps", "plane", "active", "completed")


def mover(case: FlowCase) -> Step:
    """One step of the loop, on a state that it writes into."""
    net, numbers, bear, clean = folded(case), Numbers.of(case), spawn(case), cleanup(case)
    net = net._replace(heads=Affine(net.heads.weight.T.contiguous(), net.heads.bias))

    def step(state: FlowState) -> FlowState:
        rows = state.active.nonzero().flatten()
        n = len(rows)
        before, after = state.position.new_empty(n, 3), state.position.new_empty(n, 3)
        moving, counts = state.active.new_empty(n), state.age.new_zeros(5)
        flows = tuple(getattr(state, name).numpy() for name in FLOWS)
        word = step_word(case.seed, int(state.forward), int(state.step))
        new = tuple(x.numpy() for x in (before, after, moving, counts))
        for first in range(0, n, BLOCK):
            heads, memory = respond(net, state, rows[first : first + BLOCK])
            given = (heads.numpy(), memory.numpy(), word, numbers)
            decided(flows, rows.numpy(), first, *given, *new)
        created = state.created
        state = state._replace(finished=state.finished + counts[3])
        if counts[4]:
            unread = (before,) * 6  # what spawning does not look at
            state = bear(state, Motion(rows, before, after, after, *unread[:5], moving))
        state = clean(state, None)
        row = (torch.tensor(n), *counts[:3].unbind(), state.created - created)
        state.trace[state.step] = torch.stack((*row, state.finished, state.created))
        return state._replace(step=state.step + 1)

    return step


def respond(net: Folded, state: FlowState, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Energy before its tanh and push [n, 4], and hidden′ [n, L, h], of those rows."""
    energy = state.energy.index_select(0, rows)[:, None]
    x = torch.cat([state.position.index_select(0, rows), energy], 1)
    for layer in (net.first, net.second):
        x = torch.addmm(layer.bias, x, layer.weight)
        x = bent(x)
    x = torch.cat([x, energy], 1)
    hidden = state.hidden.index_select(0, rows)
    memory = torch.empty_like(hidden)
    for number, layer in enumerate(net.gates):
        x = recurrence(layer, x, hidden[:, number], memory[:, number])
    return heads(net.heads, x), memory


def bent(x: Tensor) -> Tensor:
    """GELU of the normalised rows; the native loops are for float32."""
    if x.dtype != torch.float32:
        return gelu(layer_norm(x, x.shape[-1:]))
    curved(x.numpy())
    return x


def heads(layer: Affine, x: Tensor) -> Tensor:
    """Energy and push [n, 4], of weights [4, h]: too thin for the library's products."""
    if x.dtype != torch.float32:
        return torch.addmm(layer.bias, x, layer.weight.T)
    found = x.new_empty(len(x), len(layer.bias))
    read(*(tensor.numpy() for tensor in (x, layer.weight, layer.bias, found)))
    return found


def recurrence(layer: Gates, x: Tensor, h: Tensor, new: Tensor) -> Tensor:
    """One GRU update written to ``new``."""
    if x.dtype != torch.float32:
        return new.copy_(recur(layer, x, h))
    rz = torch.addmm(layer.bias_rz, x, layer.input_rz).addmm_(h, layer.hidden_rz)
    through = torch.addmm(layer.bias_hidden_n, h, layer.hidden_n)
    n = torch.addmm(layer.bias_input_n, x, layer.input_n)
    recurred(*(tensor.numpy() for tensor in (rz, n, through, h, new)))
    return new


engine = replace(
    baseline,
    stepper=stepper_with(mover, collect),
    needs=("numba",),
    opaque="native loops between matrix products",
)
