"""Energy flows as a dictionary of objects, grouped by cell alone, moved by loops.

A lattice of W x H cells and D + 1 planes. For each sample b and cell a flow is born on the
middle plane with the energy that a mapper gives it; a recurrent network moves the flows
until they reach one of the two output planes; those that did are collected at the cell
they arrived at.

    birth     e = tanh(MLP(input))[cell] + place[cell],  p = (x, y, z = ⌊D/2⌋) normalised
    step      f = neuron(p, e);  h′, o = GRU([f, e], h);  e′ = tanh(head(o))
              δ = clamp(scale · head(o), −½, ½) per axis;  ε ~ Normal(0, σ²) per axis
              raw = p + δ + ε,  next = clamp(clamp(p + δ) + ε)
              next_z ≤ −1 or ≥ +1: terminated, complete on that plane
              steps s ≥ ⌊D/2⌋ and not terminated: projected, complete
              raw_x or raw_y outside [−1, 1]: reflected (x → ∓2 − x)
              others move: p = next, e = e′, h = h′, d = |1 − |z||, age one more
              |Δ| = |next − p| > τ: min(⌊|Δ|/τ⌋ − 1, most) children, where the parent stood
    end       at most T = ⌊D/2⌋ steps; earlier by `motion.verdict`; then final marking
    collect   a_i = |e_i| · 1/(1 + d_i) · (1 + 0.1 s_i)
              E[b₁, cell] = Σ softmax(a)_i e_i over all flows of the cell, whatever their
              sample and plane;  b₁ is the sample of the first by birth
              cell: i_x = clamp(R((p_x + 1) ½ (W − 1)), 0, W − 1), R to even, turned back into
              coordinates, rounded to six decimals and looked up

Order of a forward: reset, birth, {stop test, proposal, complete, reflect, update, spawn,
cleanup} up to T times, final marking, collection. One step of the contract is one whole
forward; where the case's part is "step", one step of the loop and then the collection of
what has completed; where it is "collect", collection of given flows alone.

Cleanup deletes every flow that is not active, collected or not, each ``cleanup`` steps of a
clock that goes on over forwards. What completed before it is lost: the interval is part
of the result.

Networks, noise, geometry, given flows, cases and the canonical state are those of
`energy_flow_v1`. The working state is a `Population`: objects by id, counters as Python
numbers. `FlowState` has them by id in the first rows, m = capacity; floating fields in
`case.dtype`; lengths normalised ([−1, 1] is the lattice), energies dimensionless:

    id, sample, parent, age, steps, plane     [m] int64   −1 where there is none; plane 1 z0,
                                                          2 zdepth, 0 in rows without a flow
    position [m, 3]  energy [m]  hidden [m, L, h]  distance [m] of the last update
    active, completed, listed                 [m] bool    listed: the row holds a flow
    group                                     [m] int64   where in the output its group was
                                                          written, b₁·S + cell; −1 if nowhere
    inputs [B, E]   output [B, S]   trace [T, 7] int64, columns `TRACE`, −1 if not reached
    forward, step, clock, next_id, created, finished, refused, stopped, rows   [] int64

Births beyond the capacity are refused (the tail of the batch gets none), children too; both
are counted in ``refused``.

Defects of the reviewed engine, each a switch of `Rules`; default in brackets. Those of its
storage (1 to 4) have no counterpart here; mixing samples and losing flows to cleanup are
what this version is.

    5 reflection  undone in the same step; ages twice; z beyond the plane     [as found]
    6 projection  cannot fire, s being 0                                      [as found]
    7 noise       drawn by place in the batch, not by flow                    [repaired]
    8 rows        of the unpadded result: 1 + the last completed sample       [as found]
      counting    s is never counted                                          [as found]
      distance    the aggregation reads a value cached before completion      [as found]
      zdepth      flows that end there are not marked complete                [as found]
      marking     z ≤ 0 completes on z0, the other half is lost               [as found]

Where the reviewed engine leaves a choice: a completing flow keeps the energy, hidden state,
age and distance of its last update; one that ends on zdepth stays where it was and tries
again; only flows that go on spawn; the capacity counts all flows in the dictionary; the
1 % test of the stop rule counts steps in a row; LayerNorm comes before GELU; collected flows
leave the dictionary with the next reset.

Sources: K. Cho et al., EMNLP 2014, doi:10.3115/v1/D14-1179 (GRU); D. Hendrycks and
K. Gimpel, arXiv:1606.08415 (GELU); J. L. Ba, J. R. Kiros and G. E. Hinton,
arXiv:1607.06450 (LayerNorm); noise in `noise`.

Good values: σ = 0.05, τ = 0.15 to 0.5, D = 8 to 60. |δ| ≤ ½ bounds every step, so nothing
grows; an ulp can still flip a decision (plane reached, child, cell), and the runs part.
"""

from __future__ import annotations

from baselines.energy_flow_v1 import Groups, Scattered, Spawn, Stop, Ties
from baselines.energy_flow_v1.state import FlowState
from baselines.engine import Engine, Stage

from .birth import birth, initial
from .case import CellCase
from .cases import CASES
from .collect import collect
from .finish import finish
from .laws import LAWS
from .population import Flow, Population, adopt, observe
from .rules import AS_FOUND, REPAIRED, Rules
from .travel import travel

__all__ = [
    "AS_FOUND",
    "REPAIRED",
    "CellCase",
    "Flow",
    "FlowState",
    "Groups",
    "Population",
    "Rules",
    "Scattered",
    "Spawn",
    "Stop",
    "Ties",
    "engine",
]


engine = Engine(
    name="energy_flow_v0",
    cases=CASES,
    initial=initial,
    stages=(
        Stage("birth", birth),
        Stage("travel", travel),
        Stage("finish", finish),
        Stage("collect", collect),
    ),
    laws=LAWS,
    fixed=FlowState._fields,  # each stands still where a case makes a part of a forward
    adopt=adopt,
    observe=observe,
)
