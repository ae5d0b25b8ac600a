"""Right candidates: each must be accepted at the level that it claims."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numba
import torch
from torch import Tensor

from groundspeed.baselines.engine import (
    Case,
    Engine,
    State,
    Step,
    clone,
    compose,
    fields,
    replace_stage,
    same,
)
from groundspeed.validation.corpus.common import (
    LATTICE,
    PROBABILISTIC,
    TENSOR,
    Build,
    entry,
    on_all,
    prepared,
)

# rewritings that any engine bears


def by_hand(right: Engine, case: Case) -> Step:
    """The stages composed by the candidate itself."""
    return compose(*(stage.build(case) for stage in right.stages))


def laid_out(turn: Callable[[State], State]) -> Build:
    """States lie in memory as ``turn`` puts them, which is its own inverse."""

    def turned(case: Case, state: State) -> State:
        return turn(state)

    def build(right: Engine) -> Engine:
        def stepper(case: Case) -> Step:
            step = right.prepare(case)
            return lambda layout: turn(right.observe(case, step(right.adopt(case, turn(layout)))))

        return replace(right, stepper=stepper, adopt=turned, observe=turned)

    return build


def backwards(state: State) -> State:
    """Every field from its last cell to its first."""
    return type(state)(*(t.flip(0).contiguous() if t.ndim else t.clone() for t in state))


def overwriting(right: Engine) -> Engine:
    """Results go back into the memory of the state that was given, and it says so."""

    def stepper(case: Case) -> Step:
        step = right.prepare(case)

        def write(state: State) -> State:
            after = clone(right.observe(case, step(right.adopt(case, state))))
            kept = []
            for old, new in zip(state, after, strict=True):
                fits = old.shape == new.shape and old.dtype == new.dtype
                kept.append(old.copy_(new) if fits and old.is_contiguous() else new)
            return type(state)(*kept)

        return write

    return replace(right, stepper=stepper, adopt=same, observe=same, in_place=True)


# the lattice


def field_by(neighbours: Callable[[Tensor], Tensor]) -> Build:
    """The field stage of order 2 with another sum of the neighbours."""

    def build(case: Case) -> Step:
        c2, dt2, gamma, inverse = case.c**2, case.dt**2, case.gamma, 1.0 / (case.dx * case.dx)

        def field(s: State) -> State:
            total = neighbours(s.E) + (s.E.ndim * -2.0) * s.E
            force = c2 * (total * inverse) - (s.chi * s.chi) * s.E
            E = ((2 - gamma) * s.E - (1 - gamma) * s.E_prev) + dt2 * force
            return s._replace(E=E, E_prev=s.E)

        return field

    return lambda right: replace_stage(right, field=build)


def shifted(E: Tensor, by: int, axis: int) -> Tensor:
    """torch.roll from two slices."""
    n = E.shape[axis]
    by %= n
    return torch.cat([E.narrow(axis, n - by, by), E.narrow(axis, 0, n - by)], axis)


def gathered(E: Tensor, by: int, axis: int) -> Tensor:
    """torch.roll from an index."""
    n = E.shape[axis]
    return E.index_select(axis, (torch.arange(n) - by) % n)


def in_frozen_order(shift: Callable[[Tensor, int, int], Tensor]):
    def total(E: Tensor) -> Tensor:
        around = shift(E, 1, 0) + shift(E, -1, 0)
        for axis in range(1, E.ndim):
            around = (around + shift(E, 1, axis)) + shift(E, -1, axis)
        return around

    return total


def last_axis_first(E: Tensor) -> Tensor:
    """The same terms summed in pairs, from the last axis to the first."""
    pairs = [torch.roll(E, 1, a) + torch.roll(E, -1, a) for a in reversed(range(E.ndim))]
    return sum(pairs[1:], pairs[0])


def stacked(E: Tensor) -> Tensor:
    """All terms at once: however the library sums them."""
    return torch.stack([torch.roll(E, by, a) for a in range(E.ndim) for by in (-1, 1)]).sum(0)


def by_products(product: Callable[[Tensor, Tensor], Tensor]) -> Build:
    """Neighbours along an axis as the product with a matrix of zeros and ones."""

    def total(E: Tensor) -> Tensor:
        ones = (torch.eye(n, dtype=E.dtype) for n in E.shape)
        rows, columns = (one.roll(1, 0) + one.roll(-1, 0) for one in ones)
        return product(rows, E) + product(E, columns)

    return field_by(total)


def padded(E: Tensor) -> Tensor:
    """Slices of one padded copy, in the frozen order."""
    p = torch.nn.functional.pad(E[None, None], (1, 1, 1, 1), mode="circular")[0, 0]
    return ((p[:-2, 1:-1] + p[2:, 1:-1]) + p[1:-1, :-2]) + p[1:-1, 2:]


@numba.njit(cache=False)
def native(E, out):
    rows, columns = E.shape
    for i in range(rows):
        for j in range(columns):
            around = E[i - 1, j] + E[(i + 1) % rows, j]
            out[i, j] = (around + E[i, j - 1]) + E[i, (j + 1) % columns]


@numba.njit(cache=False, parallel=True)
def native_rows(E, out):
    rows, columns = E.shape
    for i in numba.prange(rows):
        for j in range(columns):
            around = E[i - 1, j] + E[(i + 1) % rows, j]
            out[i, j] = (around + E[i, j - 1]) + E[i, (j + 1) % columns]


def by_numba(loop: Callable) -> Callable[[Tensor], Tensor]:
    def total(E: Tensor) -> Tensor:
        out = torch.empty(E.shape, dtype=E.dtype)
        loop(E.contiguous().numpy(), out.numpy())
        return out

    return total


def by_threads(E: Tensor) -> Tensor:
    """The order of the sum hangs on how many threads there are."""
    return (in_frozen_order(torch.roll) if torch.get_num_threads() == 1 else last_axis_first)(E)


def compiled(right: Engine, case: Case) -> Step:
    """Traced and functionalised; no code is generated, so that it takes seconds."""
    return torch.compile(right.prepare(case), backend="aot_eager", dynamic=False)


def widened(right: Engine, case: Case) -> Step:
    """Everything in float64, or complex128, and rounded once at the end of each step."""
    wide = case.truth
    step, like = right.prepare(wide), right.initial(wide)

    def run(state: State) -> State:
        inside = (t.to(w.dtype) for t, w in zip(state, like, strict=True))
        after = step(right.adopt(wide, type(state)(*inside)))
        pairs = zip(right.observe(wide, after), state, strict=True)
        return type(state)(*(new.to(old.dtype) for new, old in pairs))

    return run


def kept_buffers(case: Case) -> Step:
    """The field stage into buffers made once, operation by operation."""
    c2, dt2, gamma, inverse = case.c**2, case.dt**2, case.gamma, 1.0 / (case.dx * case.dx)
    around, inertia = (torch.empty(case.shape, dtype=case.dtype) for _ in range(2))

    def field(s: State) -> State:
        torch.add(torch.roll(s.E, 1, 0), torch.roll(s.E, -1, 0), out=around)
        for axis in range(1, s.E.ndim):
            around.add_(torch.roll(s.E, 1, axis)).add_(torch.roll(s.E, -1, axis))
        torch.mul(s.E, s.E.ndim * -2.0, out=inertia)
        around.add_(inertia).mul_(inverse).mul_(c2)
        torch.mul(s.chi * s.chi, s.E, out=inertia)
        around.sub_(inertia).mul_(dt2)
        E = (2 - gamma) * s.E - (1 - gamma) * s.E_prev
        return s._replace(E=E + around, E_prev=s.E.clone())

    return field


# the probabilistic field


def added_up_wider(right: Engine) -> Engine:
    """The energy of the field added up in float64, where in float32 it is one unit off or not."""
    order = [stage.name for stage in right.stages]

    def build(case: Case) -> Step:
        diffuse = right.stages[order.index("diffuse")].build(case)

        def run(state: State) -> State:
            total = state.E.sum(dtype=torch.float64)
            return diffuse(state)._replace(sum_E=total.to(state.sum_E.dtype))

        return run

    return replace_stage(right, diffuse=build)


# the tensor field


def components_first(state: State) -> State:
    """T, H and Λ with their components first and the grid last."""
    new = {n: fields(state)[n].permute(2, 3, 0, 1).contiguous() for n in ("T", "H", "Lambda")}
    return state._replace(**new)


ROUNDING = {"level": "rounding"}
FLOAT32 = {"case": "odd_3d_float32", "level": "rounding"}
ENTRIES = [
    *on_all("unchanged", lambda right: right),
    *on_all("stages by hand", prepared(by_hand)),
    *on_all("backwards in memory", laid_out(backwards)),
    *on_all("over the old state", overwriting),
    entry("slices instead of rolls", LATTICE, field_by(in_frozen_order(shifted))),
    entry("gathered by index", LATTICE, field_by(in_frozen_order(gathered))),
    entry("one padded copy", LATTICE, field_by(padded)),
    entry("native loop", LATTICE, field_by(by_numba(native))),
    entry("native rows in threads", LATTICE, field_by(by_numba(native_rows)), case="orbit"),
    entry("sums split among threads", LATTICE, field_by(by_threads), **ROUNDING),
    entry("kept buffers", LATTICE, lambda right: replace_stage(right, field=kept_buffers)),
    entry("last axis first", LATTICE, field_by(last_axis_first), **ROUNDING),
    entry("last axis first, three axes", LATTICE, field_by(last_axis_first), case="odd_3d",
          **ROUNDING),
    entry("last axis first, float32", LATTICE, field_by(last_axis_first), **FLOAT32),
    entry("all terms at once", LATTICE, field_by(stacked), **ROUNDING),
    entry("all terms at once, float32", LATTICE, field_by(stacked), **FLOAT32),
    entry("by matrices", LATTICE, by_products(torch.matmul), **ROUNDING),
    entry("by einsum", LATTICE, by_products(partial(torch.einsum, "ij,jk->ik")), **ROUNDING),
    entry("float64 inside", LATTICE, prepared(widened), **FLOAT32),
    entry("complex128 inside", TENSOR, prepared(widened), **ROUNDING),
    entry("compiled", LATTICE, prepared(compiled), **ROUNDING),
    entry("components first", TENSOR, laid_out(components_first)),
    entry("energy added up in float64", PROBABILISTIC, added_up_wider, case="seeding_48x40",
          **ROUNDING),
]  # fmt: skip
