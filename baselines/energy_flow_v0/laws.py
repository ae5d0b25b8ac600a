"""The laws that survive grouping by cell; what a sample sees and a repeat gives does not."""

from __future__ import annotations

from dataclasses import replace

from baselines.energy_flow_v1.laws import LAWS as ARRAYS
from baselines.energy_flow_v1.laws import small
from baselines.energy_flow_v1.state import FlowState
from baselines.engine import Law, Run

from .case import CellCase

SHARED = {law.name: law for law in ARRAYS}


def uncollected(case: CellCase, start: FlowState, run: Run) -> float:
    """Number of completed flows left that are in no group, plus others that are in one."""
    end = run(start, 1)
    return float((end.completed != (end.group >= 0)).sum())


def misplaced(case: CellCase, start: FlowState, run: Run) -> float:
    """Number of flows whose group is not written in the row of its first flow."""
    end = run(start, 1)
    rows = (end.group >= 0).nonzero().flatten()
    cell, wrong = end.group[rows] % case.cells, 0
    for one in cell.unique().tolist():
        members = rows[cell == one]
        wrong += int((end.group[members] // case.cells != end.sample[members[0]]).sum())
    return float(wrong)


LAWS = (
    SHARED["weights"],
    replace(SHARED["hull"], applies=small),
    replace(SHARED["group of one"], applies=small),
    replace(SHARED["completeness"], residual=uncollected),
    SHARED["balance"],
    SHARED["reach"],
    Law("first flow", "a group is written in its first flow's row", misplaced, 0.0, small),
)
