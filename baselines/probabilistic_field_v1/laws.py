"""What the corrected field obeys beyond every version: its account of energy closes."""

from __future__ import annotations

import math
from dataclasses import replace

import torch

from baselines.engine import Law, Run
from baselines.probabilistic_field_v0.case import FieldCase
from baselines.probabilistic_field_v0.laws import common_laws, undisturbed
from baselines.probabilistic_field_v0.rules import CONSUMPTION, METABOLISM_FROM
from baselines.probabilistic_field_v0.state import FieldState

from .case import part, runs
from .rules import CORRECTED

STEPS = 3
HOLD = {  # of which parts of a step
    "caps": ("step", "seeding"),  # a wave may swing below 0
    "wave decay": ("step", "diffusion"),
    "consumption": ("step",),
    "peak decay": ("step",),
    "energy account": ("step", "seeding"),
}
RESTED = 25.0  # energy of a node: inside the band, below the metabolism for three steps


def imbalance(case: FieldCase, start: FieldState, run: Run) -> float:
    """(Σ E + Σ w + what density consumed, after − before) / before.

    Energies stay where nothing is born, dies, is damped or is cut off, so the sums may
    only change by 0.02 dt Σ R a step, if the step consumes.
    """
    before = float(start.E.double().sum() + start.w.double().sum())
    end = run(start, STEPS)
    if not float(end.w.max()) < METABOLISM_FROM:
        return math.inf
    after = float(end.E.double().sum() + end.w.double().sum())
    rate = CONSUMPTION if runs(case, "consume") else 0.0
    consumed = STEPS * rate * case.dt * float(end.R.double().sum())
    return abs(after + consumed - before) / before


def account_open(case: FieldCase, start: FieldState, run: Run) -> float:
    """The worse of a lit field with strong flows and a dark one in which nodes seed."""
    draw = torch.rand(case.shape, generator=case.generator(), dtype=torch.float64)
    zero = torch.zeros_like(start.E)
    rested = start._replace(w=torch.full_like(start.w, RESTED))
    lit = rested._replace(E=(3 + 3 * draw).to(start.E), R=zero + 10)
    dark = rested._replace(E=zero, R=zero)
    return max(imbalance(case, lit, run), imbalance(case, dark, run))


def held(law: Law) -> Law:
    """The law, asked of those parts of a step that obey it."""
    parts = HOLD[law.name]
    return replace(law, applies=lambda case: part(case) in parts and law.applies(case))


EVERY = (
    *common_laws(CORRECTED),
    Law(
        "energy account",
        "flow, pull, push and seeding hand on every unit: Σ E + Σ w changes by −0.02 dt Σ R",
        account_open,
        1e-13,
        undisturbed,
    ),
)
LAWS = tuple(map(held, EVERY))
