"""All that holds together: folded maps, networks over 32 flows at a time, native collection.

Networks are one native loop over a block of flows, noise with decisions and writes another one.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor
from torch.nn.functional import gelu, layer_norm

from baselines.energy_flow_v1 import FlowCase, FlowState
from baselines.energy_flow_v1 import engine as baseline
from baselines.energy_flow_v1.parts import cleanup, spawn
from baselines.energy_flow_v1.proposal import Motion
from baselines.engine import Step
from optimizations.energy_flow_folded.implementation import BLOCK, stepper_with
from optimizations.energy_flow_folded.network import Folded, folded, recur
from optimizations.energy_flow_numba.implementation import collect

from . import lanes
from .lanes import FOUND, in_line
from .loops import Numbers, decided, step_word

FLOWS = ("id", "position", "energy", "hidden", "age", "steps", "plane", "active", "completed")


def mover(case: FlowCase) -> Step:
    """One step of the loop, on a state that it writes into."""
    net, numbers, bear, clean = answers(case), Numbers.of(case), spawn(case), cleanup(case)

    def step(state: FlowState) -> FlowState:
        rows = state.active.nonzero().flatten()
        n = len(rows)
        before, after = state.position.new_empty(n, 3), state.position.new_empty(n, 3)
        moving, counts = state.active.new_empty(n), state.age.new_zeros(5)
        flows = tuple(getattr(state, name).numpy() for name in FLOWS)
        word = step_word(case.seed, int(state.forward), int(state.step))
        new = tuple(x.numpy() for x in (before, after, moving, counts))
        for first in range(0, n, BLOCK):
            heads, memory = net(state, rows[first : first + BLOCK])
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


def answers(case: FlowCase) -> Callable[[FlowState, Tensor], tuple[Tensor, Tensor]]:
    """Energy before its tanh and push [n, 4], and hidden′ [n, L, h], of rows of a state."""
    net = folded(case)
    if case.dtype != torch.float32:
        return partial(plain, net)
    weights = in_line(net)

    def native(state: FlowState, rows: Tensor) -> tuple[Tensor, Tensor]:
        heads = state.energy.new_empty(len(rows), FOUND)
        memory = state.hidden.new_empty(len(rows), *state.hidden.shape[1:])
        flows = state.position, state.energy, state.hidden
        lanes.respond(weights, *(x.numpy() for x in (rows, *flows, heads, memory)))
        return heads, memory

    return native


def plain(net: Folded, state: FlowState, rows: Tensor) -> tuple[Tensor, Tensor]:
    """The same by the library's products; the native loops are for float32."""
    energy = state.energy[rows, None]
    x = torch.cat([state.position[rows], energy], 1)
    for layer in (net.first, net.second):
        x = torch.addmm(layer.bias, x, layer.weight)
        x = gelu(layer_norm(x, x.shape[-1:]))
    x, memory = torch.cat([x, energy], 1), []
    for layer, hidden in zip(net.gates, state.hidden[rows].unbind(1), strict=True):
        x = recur(layer, x, hidden)
        memory.append(x)
    return torch.addmm(net.heads.bias, x, net.heads.weight), torch.stack(memory, 1)


engine = replace(
    baseline,
    stepper=stepper_with(mover, collect),
    needs=("numba",),
    opaque="native networks, decisions and collection",
)
