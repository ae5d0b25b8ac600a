"""As proposed: group the collected flows by the cells of the spatial hash.

Negative result. The hash truncates where the engine rounds, and has one grid for three sides:
many flows land in another cell.
"""

from baselines.energy_flow_v0 import CellCase, Flow
from baselines.energy_flow_v0 import engine as baseline
from baselines.energy_flow_v0.collect import aggregate, key_at
from baselines.engine import replace_stage
from optimizations.energy_flow_v0_presorted.implementation import collecting
from optimizations.energy_flow_v0_spatial_hash.implementation import SpatialHash


def grouped(case: CellCase, flows: list[Flow]) -> dict:
    """Flows by column and row of the hash, within the lattice."""
    table, groups = SpatialHash(case), {}
    for flow in flows:
        x, y = (int(i) for i in table.key(flow.position)[:2])
        x, y = min(max(x, 0), case.width - 1), min(max(y, 0), case.height - 1)
        groups.setdefault(key_at(case, x, y), []).append(flow)
    return groups


engine = replace_stage(baseline, collect=collecting(grouped, aggregate))
