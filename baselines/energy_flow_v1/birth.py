"""The start of a forward: rows freed, then one flow for each sample and cell."""

from __future__ import annotations

import torch
from torch import Tensor

from baselines.engine import Step, clone, same

from .case import FlowCase
from .geometry import UNKNOWN, centres, normalised
from .network import draw_mapper, ready, surface
from .state import FlowState, start


def initial(case: FlowCase) -> FlowState:
    """The state a case starts in: no flows, a birth, or given flows.

    Raises:
        ValueError: more given flows than rows.
    """
    state = start(case)
    return born(case)(state) if case.part == "step" else state


def birth(case: FlowCase) -> Step:
    """Stage: reset, then birth; in whole forwards only."""
    return born(case) if case.runs("birth") else lambda state: same(case, state)


def born(case: FlowCase, mapper=None) -> Step:
    """Reset and birth; with the seed's weights where no ``mapper`` is handed in."""
    mapper = ready(draw_mapper(case), case) if mapper is None else mapper

    def fill(state: FlowState) -> FlowState:
        state = reset(case, state)
        energy = surface(mapper, state.inputs).flatten()
        return placed(case, state, energy)

    return fill


def reset(case: FlowCase, state: FlowState) -> FlowState:
    """Rows freed as the rules say, counters of the forward at zero; the clock goes on."""
    rules = case.rules
    freed = state.listed if rules.keeps("release") else torch.ones_like(state.listed)
    state = cleared(case, detached(case, clone(state)), freed)
    zero = torch.zeros_like(state.created)
    return state._replace(
        forward=state.forward + 1,
        step=zero,
        next_id=zero,
        created=zero,
        finished=zero,
        refused=zero,
        stopped=zero,
        trace=torch.full_like(state.trace, -1),
        rows=zero,
        output=torch.zeros_like(state.output),
        group=torch.full_like(state.group, -1),
    )


def detached(case: FlowCase, state: FlowState) -> FlowState:
    """Repaired rule 4: the new forward does not reach into the last one's graph."""
    if case.rules.keeps("graph"):
        return state
    return FlowState(*(field.detach() for field in state))


def cleared(case: FlowCase, state: FlowState, freed: Tensor) -> FlowState:
    """Freed rows without a flow; as found (3) they stay completed, at the centre."""
    for name in ("position", "energy", "hidden", "distance", "age", "steps", "active", "listed"):
        getattr(state, name)[freed] = 0
    state.id[freed] = -1
    state.parent[freed] = -1
    if not case.rules.keeps("clearing"):
        for name in ("completed", "plane", "sample"):
            getattr(state, name)[freed] = 0
    return state


def placed(case: FlowCase, state: FlowState, energy: Tensor) -> FlowState:
    """Flows sample-major, then y, then x, on the middle plane; the tail that finds no row
    is refused."""
    wanted = case.batch * case.cells
    rows = free_rows(state)[:wanted]
    count = torch.arange(len(rows), device=rows.device)
    x, y = (axis.to(energy.dtype) for axis in centres(case.width, case.height, case.device))
    cell = count % case.cells
    z = normalised(float(case.depth // 2), case.depth)
    where = (
        normalised(x, case.width - 1)[cell],
        normalised(y, case.height - 1)[cell],
        torch.full((len(rows),), z, dtype=energy.dtype, device=rows.device),
    )
    stored(
        state,
        rows,
        id=count,
        sample=count // case.cells,
        parent=-1,
        position=torch.stack(where, dim=1),
        energy=energy[: len(rows)],
        hidden=0.0,
    )
    born = torch.full_like(state.created, len(rows))
    return state._replace(next_id=born, created=born, refused=wanted - born)


def free_rows(state: FlowState) -> Tensor:
    """Rows without a flow, lowest first, int64."""
    return (state.id < 0).nonzero().flatten()


def stored(state: FlowState, rows: Tensor, **values: Tensor | float) -> None:
    """New flows written into free rows of a state that is ours: active, of age 0."""
    fresh = {"age": 0, "steps": 0, "distance": 0.0, "plane": UNKNOWN}
    flags = {"active": True, "completed": False, "listed": True}
    for name, value in (fresh | flags | values).items():
        getattr(state, name)[rows] = value
