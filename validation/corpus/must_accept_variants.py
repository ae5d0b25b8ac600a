"""Right rewritings of what `must_reject_variants` gets wrong: each must be accepted, always.

They cover whatever the engine admits: every parameter, rule, type, shape and limit.
"""

from dataclasses import replace

import numba
import torch
from torch import Tensor
from torch.nn.functional import pad

from baselines.energy_flow_v1.case import FlowCase
from baselines.energy_flow_v1.collect import aggregate
from baselines.lattice_field_v1 import LatticeCase
from baselines.probabilistic_field_v0 import turnover
from baselines.probabilistic_field_v0.cells import bounded
from baselines.probabilistic_field_v0.rules import (
    DEATH_REFUND,
    ENERGY_CAP,
    LOOK_UP,
    SPAWN_COST,
)
from baselines.tensor_field_v1 import TensorCase, TensorState
from baselines.tensor_field_v1.operators import ALONG
from baselines.tensor_field_v1.scheme import memory_weight
from groundspeed.baselines.engine import Engine, Step
from groundspeed.validation.corpus.common import FLOW, LATTICE, PROBABILISTIC, TENSOR, entry
from groundspeed.validation.corpus.edited_source import edited

# the lattice


def in_blocks(E: Tensor, reach: int, size: int = 64) -> Tensor:
    """The frozen sum of neighbours, block of planes after block; the last is as long as it is."""
    blocks = []
    for rows in torch.arange(len(E)).split(size):
        block = E[rows]
        around = E[(rows - reach) % len(E)] + E[(rows + reach) % len(E)]
        for axis in range(1, E.ndim):
            around = around + torch.roll(block, reach, axis)
            around = around + torch.roll(block, -reach, axis)
        blocks.append(around)
    return torch.cat(blocks)


@numba.njit(parallel=True, cache=False)
def add_neighbours(E, around, reach, first):
    before, n, after = E.shape
    for row in numba.prange(before * n):
        i, j = row // n, row % n
        for k in range(after):
            behind, ahead = E[i, (j - reach) % n, k], E[i, (j + reach) % n, k]
            around[i, j, k] = behind + ahead if first else (around[i, j, k] + behind) + ahead


def in_parallel(E: Tensor, reach: int) -> Tensor:
    """The frozen sum of neighbours; nothing that is written is shared."""
    E, around = E.contiguous(), torch.empty(E.shape, dtype=E.dtype)
    for axis, n in enumerate(E.shape):
        flat = (E.shape[:axis].numel(), n, -1)
        add_neighbours(E.view(flat).numpy(), around.view(flat).numpy(), reach, axis == 0)
    return around


def replicated(case: LatticeCase, E: Tensor) -> Tensor:
    """Walls on all sides at once: the inside, and the nearest cell of it around."""
    inside = E[(slice(1, -1),) * E.ndim]
    return pad(inside[None, None], (1, 1) * E.ndim, mode="replicate")[0, 0]


def masked(case: LatticeCase, E: Tensor) -> Tensor:
    """The absorbing layer as one product of factors."""
    left, width = torch.ones_like(E), case.absorb_width
    for axis, n in enumerate(E.shape):
        left.narrow(axis, 0, width).mul_(case.absorb_factor)
        left.narrow(axis, n - width, width).mul_(case.absorb_factor)
    return E * left


def in_turn(right: Engine) -> Engine:
    """Two buffers in turn: the new field goes where the oldest was."""
    new = "E_next = ((2 - gamma) * E - (1 - gamma) * E_prev) + dt2 * (wave - inertia)"
    over = (
        "E_next = E_prev.mul_(1 - gamma).neg_().add_((2 - gamma) * E).add_(dt2 * (wave - inertia))"
    )
    return replace(edited("scheme", (new, over))(right), in_place=True)


LATTICES = [
    entry("one coefficient for the wave", LATTICE, edited("scheme", (
        "c2 * laplacian(E, case.dx, case.order)",
        "(c2 / case.dx**2) * laplacian(E, 1.0, case.order)")), level="rounding"),
    entry("blocks with their tail", LATTICE, edited("scheme", shifted=in_blocks), case="odd_3d"),
    entry("native rows in parallel", LATTICE, edited("scheme", shifted=in_parallel)),
    entry("walls on all sides at once", LATTICE, edited("scheme", reflect=replicated),
          case="reflective"),
    entry("one mask for the layer", LATTICE, edited("scheme", absorb=masked), case="absorbing",
          level="rounding"),
    entry("two buffers in turn", LATTICE, in_turn),
    entry("forces by einsum", LATTICE, edited("scheme", (
        "torch.stack([pull * (x * shape).sum() for x in offset])",
        'pull * torch.einsum("a...,...->a", torch.stack(offset), shape)')), case="orbit",
        level="rounding"),
]  # fmt: skip

# the tensor field

METRIC = "return gx * second_difference(T, 0) + gy * second_difference(T, 1)"
ONE_KERNEL = """\
x, y = float(gx), float(gy)
    return convolve(T, ((0.0, x, 0.0), (y, -2 * (x + y), y), (0.0, x, 0.0)))"""
APART = """\
result = torch.complex(*(F.conv2d(part, kernel.real, groups=channels)
                             for part in (padded.real, padded.imag)))"""


def by_rolls(T: Tensor, weights: tuple) -> Tensor:
    """Second differences as cyclic shifts."""
    axes = [ALONG.index(weights)] if weights in ALONG else [0, 1]
    return sum(torch.roll(T, 1, a) + torch.roll(T, -1, a) - 2 * T for a in axes)


def by_rings(T: Tensor, weights: tuple) -> Tensor:
    """Second differences as products with circulant matrices."""

    def ring(n: int) -> Tensor:
        one = torch.eye(n, dtype=T.dtype)
        return one.roll(1, 0) + one.roll(-1, 0) - 2 * one

    terms = ("xz,zyij->xyij", "yz,xzij->xyij")
    axes = [ALONG.index(weights)] if weights in ALONG else [0, 1]
    return sum(torch.einsum(terms[a], ring(T.shape[a]), T) for a in axes)


def remembered(case: TensorCase) -> Step:
    """Memory weights of every history that the window allows, made once."""
    if case.part == "kernel":
        return lambda state: state
    table = [memory_weight(torch.tensor(n), case.alpha, case.lambda_F)
             for n in range(case.window + 1)]  # fmt: skip

    def weigh(state: TensorState) -> TensorState:
        return state._replace(weight=table[int(state.history)].clone())

    return weigh


TENSORS = [
    entry("one kernel for both axes", TENSOR, edited("operators", (METRIC, ONE_KERNEL)),
          level="rounding"),
    entry("convolved by shifts", TENSOR, edited("operators", convolve=by_rolls), level="rounding"),
    entry("convolved by rings", TENSOR, edited("operators", convolve=by_rings), level="rounding"),
    entry("real and imaginary parts apart", TENSOR, edited("operators", (
        "result = F.conv2d(padded, kernel, groups=channels)", APART)), level="rounding"),
    entry("memory weights in a table", TENSOR, edited("scheme", remember=remembered),
          case="saturated_memory"),
]  # fmt: skip

# the probabilistic field

DECAY = "            decay = torch.exp(-rate * q[:, :half] * case.dt)\n"
BEFORE = "    rate = DIFFUSIVITY * rules.radians**2\n"
GIVEN = "under.give_(E, -taken)"
DISTINCT = f"""\
if case.shape[0] - case.workspace[0] >= {LOOK_UP} and case.workspace[1] <= case.shape[1]:
            E[under.y, under.x] = bounded(under.read(E) - taken)
        else:
            {GIVEN}"""


def by_sides(case, periodic: bool) -> Step:
    """The mean of eight neighbours from those beside, then those above and below of three."""

    def around(field: Tensor) -> Tensor:
        beside = torch.roll(field, 1, 1) + torch.roll(field, -1, 1)
        three = field + beside
        return (beside + (torch.roll(three, 1, 0) + torch.roll(three, -1, 0))) / 8

    return around


def turned_over(E: Tensor, R: Tensor, moving: Tensor, dt: float) -> tuple[Tensor, ...]:
    """Births and deaths computed everywhere and kept where cells move."""
    spawn, death = turnover.spawn_rate(E), turnover.death_rate(E)
    more = bounded(R + spawn * dt, 0, turnover.BOUND)
    more = bounded(more - death * dt, 0, turnover.BOUND)
    paid = bounded(E - SPAWN_COST * spawn * dt, 0, ENERGY_CAP)
    paid = bounded(paid + DEATH_REFUND * death * dt, 0, ENERGY_CAP)
    E, R = torch.where(moving, paid, E), torch.where(moving, more, R)
    return E, R, spawn[moving], death[moving]


FIELDS = [
    entry("decay made once", PROBABILISTIC, edited("transport", (DECAY, ""), (
        BEFORE, BEFORE + DECAY.strip(" ").join(("    ", ""))))),
    entry("neighbours by sides", PROBABILISTIC, edited("transport", neighbourhood=by_sides),
          level="rounding"),
    entry("births and deaths by choice", PROBABILISTIC, edited("turnover",
          turn_over_moving=turned_over), case="sparse"),
    entry("consumption by a product", PROBABILISTIC, edited("turnover", (
        "torch.where(populated, cost, torch.zeros_like(cost))", "cost * populated")),
        case="sparse"),
    entry("plain stores where cells differ", PROBABILISTIC, edited("workspace", (GIVEN, DISTINCT)),
          case="shallow"),
]  # fmt: skip

# the energy flow


def by_scatter(case: FlowCase, energy: Tensor, strength: Tensor, key: Tensor) -> Tensor:
    """Softmax of all groups at once, each shifted by its own largest strength."""
    n = case.batch * case.cells
    top = strength.new_full((n,), -torch.inf).scatter_reduce(0, key, strength, "amax")
    weight = torch.exp(strength.double() - top.double()[key])
    total = torch.zeros(n, dtype=torch.float64).index_add(0, key, weight)
    value = torch.zeros_like(total).index_add(0, key, weight * energy.double())
    return torch.where(total > 0, value / total, 0.0).to(energy.dtype)


def by_sorting(case: FlowCase, energy: Tensor, strength: Tensor, key: Tensor) -> Tensor:
    """Groups as slices of a stable order of the keys."""
    output = torch.zeros(case.batch * case.cells, dtype=energy.dtype)
    if len(key) == 0:
        return output
    order = torch.argsort(key, stable=True)
    groups, sizes = torch.unique_consecutive(key[order], return_counts=True)
    for group, rows in zip(groups.tolist(), order.split(sizes.tolist()), strict=True):
        output[group] = aggregate(energy[rows], strength[rows])
    return output


FLOWS = [
    entry("softmax of all groups at once", FLOW, edited("collect", aggregates=by_scatter),
          case="groups", level="rounding"),
    entry("groups in a stable order", FLOW, edited("collect", aggregates=by_sorting),
          case="groups"),
    entry("children by a search", FLOW, edited("parts", (
        "torch.arange(len(counts), device=counts.device).repeat_interleave(counts)",
        "torch.searchsorted(counts.cumsum(0), torch.arange(int(counts.sum())), right=True)"))),
    entry("rows by selection", FLOW, edited("birth", (
        "(state.id < 0).nonzero().flatten()",
        "torch.arange(len(state.id)).masked_select(state.id < 0)"
        ))),
]  # fmt: skip

ENTRIES = [*LATTICES, *TENSORS, *FIELDS, *FLOWS]
