"""Energy and density on a grid with a workspace that feeds on it: the engine as corrected.

Equations, state, stages and units are those of `probabilistic_field_v0`, but for these
changes of the physics, each a field of `Rules`:

    half_workspace     w is stored in `case.dtype`, not float16: seeding, metabolism and
                       small pulls now reach the nodes
    radians            diffusion decays by exp(−0.2 (2π)² (f_y² + f_x²) dt): 0.2 cell²/time is
                       the diffusivity, not 0.2/4π²
    periodic_flow      the mean of the 8 neighbours wraps around, as the diffusion does
    whole_flow         inflow = 0.15 dt ⟨A M⟩, the mean of what the neighbours send, not
                       0.15 dt ⟨A⟩ ⟨M⟩: what leaves a cell arrives
    debit_push_always  w ← w − push at every step, also while nodes seed
    add_duplicates     nodes (and added nodes) that write to one cell in one operation add up
    count_dense        births and deaths are counted also where a ≥ 0.3

What is no mistake is kept: the order of the stages, the sequential seeding, the gates and
switches that depend on the state, the band of w, the counts of one frame taken for thirty.
The hand-over to an observer is a `Mailbox`, from which a grid is taken in one operation.

A `PartCase` makes one stage alone a step: push and seeding, or diffusion. All else of the state,
the records of other stages included, stays as it was.

Flow, pull, push and seeding hand on every unit of energy now: where nothing is born, dies,
is damped or reaches a cap, Σ E + Σ w changes by −0.02 dt Σ R and the metabolism alone.

Stability and good values as in v0; the smallest factor of the diffusion is exp(−0.004 π²).
From 32 768 nodes on, a change of the number of threads may change how shared cells round.
Sources: as in v0; diffusion in Fourier space, −k² with k in radians: L. N. Trefethen,
Spectral Methods in MATLAB, SIAM (2000), ch. 3, doi:10.1137/1.9780898719598.
"""

from __future__ import annotations

from functools import partial

from baselines.probabilistic_field_v0.assembly import assemble
from baselines.probabilistic_field_v0.case import FieldCase, Images, Patch, Region, Scatter
from baselines.probabilistic_field_v0.display import Display, Metrics, metrics
from baselines.probabilistic_field_v0.handover import workspace_grid
from baselines.probabilistic_field_v0.rules import Rules
from baselines.probabilistic_field_v0.senses import add_nodes, inject_image
from baselines.probabilistic_field_v0.state import BRANCHES, FRACTIONS, FieldState
from baselines.probabilistic_field_v0.workspace import read_workspace_energies

from .case import PartCase, part, runs
from .laws import LAWS
from .mailbox import Mailbox
from .parts import in_parts, parted
from .rules import CORRECTED

__all__ = [
    "BRANCHES",
    "FRACTIONS",
    "Display",
    "FieldCase",
    "FieldState",
    "Images",
    "Mailbox",
    "Metrics",
    "PartCase",
    "Patch",
    "Region",
    "Rules",
    "Scatter",
    "add_nodes_batch",
    "engine",
    "inject_image",
    "metrics",
    "part",
    "parted",
    "read_workspace_energies",
    "runs",
    "workspace_grid",
]

add_nodes_batch = partial(add_nodes, CORRECTED)

engine = in_parts(assemble("probabilistic_field_v1", CORRECTED, LAWS))
