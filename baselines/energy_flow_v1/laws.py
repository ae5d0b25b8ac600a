"""What flows obey, each as an experiment with a residual."""

from __future__ import annotations

import torch

from baselines.engine import Law, Run

from .case import FlowCase
from .collect import candidates
from .noise import normals
from .state import FlowState

SMALL = 2000  # rows; enough for every law to show


def small(case: FlowCase) -> bool:
    return case.capacity <= SMALL


def collecting(case: FlowCase) -> bool:
    """Collection alone: one step gathers what the start holds."""
    return small(case) and case.part == "collect"


def unpolluted(case: FlowCase) -> bool:
    """No rows of an earlier forward among the candidates."""
    return small(case) and not (case.rules.keeps("release") or case.rules.keeps("clearing"))


def sole_forward(case: FlowCase) -> bool:
    return unpolluted(case) and case.part == "forward"


def single_step(case: FlowCase) -> bool:
    return small(case) and case.part == "step"


def grouped(state: FlowState) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Energy of every collected flow, where its group was written, and what was."""
    rows = (state.group >= 0).nonzero().flatten()
    key = state.group[rows]
    return state.energy[rows], key, state.output.flatten()[key]


def largest(values: torch.Tensor) -> float:
    """The largest absolute value, 0 of none."""
    return float(values.abs().max()) if values.numel() else 0.0


def weight_excess(case: FlowCase, start: FlowState, run: Run) -> float:
    """Departure from 1 of the aggregate of energies that are all 1 or all −1, and from 0 of
    cells without a group."""
    worst = 0.0
    for level in (1.0, -1.0):
        end = run(start._replace(energy=torch.full_like(start.energy, level)), 1)
        filled = torch.zeros_like(end.output).flatten()
        filled[end.group[end.group >= 0]] = level
        worst = max(worst, largest(end.output.flatten() - filled))
    return worst


def hull_excess(case: FlowCase, start: FlowState, run: Run) -> float:
    """How far an aggregate lies outside [min, max] of its group's energies."""
    energy, key, value = grouped(run(start, 1))
    low = torch.full((case.batch * case.cells,), torch.inf, dtype=energy.dtype).to(energy.device)
    high = (-low).scatter_reduce(0, key, energy, "amax")
    low = low.scatter_reduce(0, key, energy, "amin")
    return largest(torch.relu(low[key] - value) + torch.relu(value - high[key]))


def lonely_change(case: FlowCase, start: FlowState, run: Run) -> float:
    """Difference between a group of one's aggregate and its energy."""
    energy, key, value = grouped(run(start, 1))
    alone = torch.bincount(key, minlength=case.batch * case.cells)[key] == 1
    return largest(value[alone] - energy[alone])


def count_imbalance(case: FlowCase, start: FlowState, run: Run) -> float:
    """Flows created, less those active and completed; ids given, less flows created."""
    end = run(start, 1)
    held = int(end.active.sum()) + int(end.finished)
    missing = int(end.created) - held, int(end.next_id) - int(end.created)
    births = min(case.batch * case.cells, case.capacity)
    spawned = int(end.trace[:, 4].clamp_min(0).sum())
    return float(max(abs(m) for m in (*missing, int(end.created) - births - spawned)))


def repeat_change(case: FlowCase, start: FlowState, run: Run) -> float:
    """The same forward, again on the used engine: difference of the outputs."""
    first = run(start, 1)
    second = run(first._replace(forward=start.forward), 1)
    return largest(second.output - first.output)


def reach_excess(case: FlowCase, start: FlowState, run: Run) -> float:
    """How far one step carries a flow beyond ½ + |ε| on any axis, the children left aside."""
    end = run(start, 1)
    known = start.active
    noise = normals(case.seed, start.forward, start.id[known], start.step)
    reach = 0.5 + (case.sigma * noise.to(start.position)).abs()
    moved = (end.position[known] - start.position[known]).abs()
    return largest(torch.relu(moved - reach))


def cross_talk(case: FlowCase, start: FlowState, run: Run) -> float:
    """Change of the other samples' output when the energies of sample 0 change."""
    other = torch.where(start.sample == 0, 0.5 * start.energy, start.energy)
    change = run(start._replace(energy=other), 1).output - run(start, 1).output
    return largest(change[1:])


def uncollected(case: FlowCase, start: FlowState, run: Run) -> float:
    """Number of completed flows that are in no group, plus others that are in one."""
    end = run(start, 1)
    done = torch.zeros_like(end.active)
    done[candidates(end)] = True
    return float((done != (end.group >= 0)).sum())


LAWS = (
    Law("weights", "the weights of every group sum to 1", weight_excess, 1e-13, collecting),
    Law("hull", "an aggregate lies between its group's energies", hull_excess, 1e-14, unpolluted),
    Law("group of one", "a group of one is its own energy", lonely_change, 0.0, unpolluted),
    Law("completeness", "what completed is collected, once", uncollected, 0.0, small),
    Law(
        "balance",
        "flows appear by birth and spawn only, and end by completing only",
        count_imbalance,
        0.0,
        lambda case: small(case) and case.part == "forward",
    ),
    Law("memory", "a repeated forward is that of a fresh engine", repeat_change, 0.0, sole_forward),
    Law(
        "reach", "a step carries a flow at most ½ + |ε| per axis", reach_excess, 1e-15, single_step
    ),
    Law("separation", "a sample does not see another", cross_talk, 0.0, collecting),
)
