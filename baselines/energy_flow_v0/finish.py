"""Final marking: what becomes of flows that have not reached a plane."""

from __future__ import annotations

from dataclasses import replace

from baselines.energy_flow_v1.geometry import UNKNOWN, Z0, ZDEPTH
from baselines.engine import Step, same

from .case import CellCase
from .population import Population


def finish(case: CellCase) -> Step:
    """Stage: what becomes of flows that are still active after the last step.

    As found z ≤ 0 completes on z0 and the rest is lost; repaired, |z| ≥ 1 completes.
    """
    if not case.runs("finish"):
        return lambda population: same(case, population)
    found = case.rules.keeps("marking")

    def mark(population: Population) -> Population:
        flows, finished = dict(population.flows), population.finished
        for id, flow in population.flows.items():
            plane = final_plane(case, float(flow.position[2]), found) if flow.active else UNKNOWN
            if plane != UNKNOWN:
                flows[id] = replace(flow, plane=plane, active=False)
                finished += 1
        return population._replace(flows=flows, finished=finished)

    return mark


def final_plane(case: CellCase, z: float, found: bool) -> int:
    """The plane on which an unfinished flow is declared complete, 0 for none."""
    # as found the test for zdepth is z ≥ D − 1, true of z = 1 at D = 2 only
    if z >= (case.depth - 1 if found else 1):
        return ZDEPTH
    return Z0 if z <= (0 if found else -1) else UNKNOWN
