"""The constants of the engine, with their units, and the rules that a version may change."""

from __future__ import annotations

from dataclasses import dataclass

import torch

BOUND = 1e6  # of every intermediate value, and of density
ENERGY_CAP = 1000.0  # energy

DIFFUSIVITY = 0.2  # cell²/time, times the square of the wavenumber that the rules choose
DIFFUSION_GATE = 10_000.0  # energy of the whole field; does not scale with its size

FLOW_RATE = 0.15  # 1/(time·density)
MOBILITY = (0.1, 2.0)
ACTIVITY = 0.01  # energy per step: net flows up to here leave a cell inactive
FLOW_DENSE = 0.10  # active fraction from which every cell takes its flow

LOOK_UP = 5  # rows: a node reads the cell this far above itself
PULL_RATE = 2.0  # 1/time
PUSH_RATE = 0.1  # 1/time, where no sampled cell is inactive
PUSH_RATE_INACTIVE = 0.5  # 1/time, where all are
INACTIVE = 1.0  # energy below which a cell is inactive
SEEDING_GATE = 0.5  # inactive fraction above which nodes seed around themselves
SEED_REACH = 2  # cells
SEED_RATE = 0.2  # 1/time
SEED_SHARE = 0.1
BAND = (20.0, 200.0)  # energy of a workspace node
REST = 50.0  # energy of a node at the start, or where it is not finite

SPAWN_FROM, SPAWN_RATE, SPAWN_COST = 8.0, 0.1, 5.0  # energy, 1/(time·energy), energy/density
DEATH_BELOW, DEATH_RATE, DEATH_REFUND = 1.0, 0.2, 0.5
DENSITY_DENSE = 0.30  # active fraction from which every cell spawns and dies
CENSUS_EVERY = 30  # frames
CENSUS_CAP = 1e6

CONSUMPTION = 0.02  # energy/(time·density)
POPULATED = 0.001  # density
CONSUMPTION_DENSE = 0.50  # populated fraction
METABOLISM = 0.01  # 1/time
METABOLISM_FROM = 30.0  # energy
PEAK = 100.0  # energy
PEAK_RATE = 0.3  # 1/time
PEAKS_DENSE = 0.30  # fraction above the peak energy

IMAGE_GAIN = 200.0  # energy of full brightness
IMAGE_ENERGY = 0.5
IMAGE_DENSITY = 0.01  # density per energy and frame
SENSED_DENSITY_CAP = 100.0


@dataclass(frozen=True)
class Rules:
    """Where versions of the engine differ; all else is shared.

    Attributes:
        half_workspace: node energies are stored in float16, else in the case's dtype.
        radians: per cycle, in the wavenumber that diffusion squares: 1 or 2π.
        periodic_flow: the flow wraps around like the diffusion, else cells beyond the rim
            are empty and the rim drains into them.
        whole_flow: what arrives is the mean of what the neighbours send, else the product
            of their mean load and their mean mobility.
        debit_push_always: nodes pay for what they push while they seed, too.
        add_duplicates: nodes that write to one cell in the same operation add up, else
            the last in row-major order is the only one that counts.
        count_dense: births and deaths are counted in the dense branch, too.
    """

    half_workspace: bool
    radians: float
    periodic_flow: bool
    whole_flow: bool
    debit_push_always: bool
    add_duplicates: bool
    count_dense: bool

    def workspace_dtype(self, dtype: torch.dtype) -> torch.dtype:
        """In which node energies are stored, in a case of that dtype."""
        return torch.float16 if self.half_workspace else dtype


REVIEWED = Rules(
    half_workspace=True,
    radians=1.0,
    periodic_flow=False,
    whole_flow=False,
    debit_push_always=False,
    add_duplicates=False,
    count_dense=False,
)
