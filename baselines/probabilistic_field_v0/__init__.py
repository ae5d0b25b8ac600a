"""Energy and density on a grid with a workspace that feeds on it: the engine as reviewed.

Grid of H rows and W columns, spacing 1 cell; a workspace of h rows of nodes at the bottom,
from column 0. One step of dt = 0.01 is these stages in this order; ⟦x⟧ is clamp(x, ±10⁶),
⟦x⟧ᵇ₀ is clamp(x, 0, b), and both give 0 where x is not finite:

    inject         in the region of the image, b its brightness, e = clamp(200 b, 0, 1000):
                   E ← e/2,  R ← min(R + e/100, 100)
    diffuse        if Σ E > 10⁴:  E ← F⁻¹ exp(−0.2 (f_y² + f_x²) dt) F E, periodic, bounded
    flow           A = ⟦R E⟧,  M = clamp(1 + P, 0.1, 2),  ⟨·⟩ mean of the 8 neighbours
                   net = ⟦0.15 dt ⟦⟨A⟩⟧ ⟦⟨M⟩⟧⟧ − ⟦0.15 dt A M⟧,  a = fraction of |net| > 0.01
                   E ← ⟦E + net⟧¹⁰⁰⁰₀ everywhere, or, if a < 0.1, only where |net| > 0.01
    pull           each node looks 5 rows up, d = E there:  w ← w + 2 dt d,  E ← E − 2 dt d
    push_and_seed  r = fraction of looked-at cells with E < 1,  push = (0.1 + 0.4 r) dt w
                   E ← E + push;  if r > 0.5, for the 24 shifts (dy, dx) of a 5×5 square in
                   row-major order, one after another: where E < 1 by then,
                   E ← E + 0.02 dt w/(1 + |dy| + |dx|), which w pays;
                   else w ← w − push;  w ← clamp(w, 20, 200), 50 where it is not finite
    density        if any |net| > 0.01; everywhere, or, if a < 0.3, only there:
                   spawn = 0.1 (E − 8)⁺,  R ← R + spawn dt,  E ← ⟦E − 5 spawn dt⟧¹⁰⁰⁰₀
                   death = 0.2 (1 − E)⁺,  R ← R − death dt,  E ← ⟦E + ½ death dt⟧¹⁰⁰⁰₀
                   (where a < 0.3, both rates are of the same E)
    consume        E ← ⟦E − 0.02 dt R⟧¹⁰⁰⁰₀ where R > 0.001 (everywhere, if that is half of
                   the cells);  w ← w − 0.01 dt w where w > 30
    damp           E ← ⟦E − 0.3 dt (E − 100)⁺⟧¹⁰⁰⁰₀;  frame ← frame + 1

State, a `FieldState` (dtype = `case.dtype` unless said):

    E         [H, W]  energy
    R         [H, W]  density, statistical nodes per cell
    P         [H, W]  plasticity, dimensionless, clamp(½ N(0, 1), ±1), never changes
    w         [h, columns]  energy of the workspace nodes, float16 in every case: to store
              them so is part of the physics, also of the float64 truth
    frames    [count, rows, cols]  images, uint8 or floating, shown in turn; never change
    frame, spawns, deaths  []  int64 counters; every 30th frame births and deaths of 30
              frames are taken from the rates of that one
    sum_E     []  float64, Σ E on which the diffusion of the step just made decided
    fractions [4]  float64, on which its branches decided: a, r, and the fractions of the
              cells with R > 0.001 and with E > 100, in the order of `FRACTIONS`
    branches  [9]  int64: which way it went, in the order of `BRANCHES`; these three records
              hold −1 before the first step

What the reviewed engine left to chance is decided here: where two nodes write to one cell in
one operation, the last in row-major order counts; P is drawn on the CPU. Clamps of float16
values are made in the wider type (±10⁶ does not exist in float16). The region of an image
lies within the grid. The engine's own timing, with its device synchronisations, is left out.

What is wrong with it, and mended in `probabilistic_field_v1`: nodes do not pay for what they
push while they seed; float16 swallows the gifts of seeding, the metabolism and small pulls;
nodes that share a cell overwrite each other; the flow loses energy at the rim, and inside,
as a product of means is no mean of products; k² lacks (2π)²; births and deaths are not
counted where a ≥ 0.3; an observer can clear a grid that it has not seen.

Stability: the flow overshoots, and is cut off at 0, where 0.15 dt R M > 1: R > 333 at M = 2.
float16 takes no gift and no metabolism from a node while dt < 0.0244.
Good values: dt = 0.01, energies to 100, densities to 10.
Source: the engine as described by its code review; a random walk between neighbours with
spectral diffusion, J. W. Cooley and J. W. Tukey, Math. Comp. 19, 297 (1965),
doi:10.1090/S0025-5718-1965-0178586-1; binary16: IEEE 754-2008, doi:10.1109/IEEESTD.2008.4610935.
"""

from __future__ import annotations

from functools import partial

from .assembly import assemble
from .case import FieldCase, Images, Patch, Region, Scatter
from .display import Display, Metrics, metrics
from .handover import PendingGrid, workspace_grid
from .laws import common_laws
from .rules import REVIEWED, Rules
from .senses import add_nodes, inject_image
from .state import BRANCHES, FRACTIONS, FieldState
from .workspace import read_workspace_energies

__all__ = [
    "BRANCHES",
    "FRACTIONS",
    "Display",
    "FieldCase",
    "FieldState",
    "Images",
    "Metrics",
    "Patch",
    "PendingGrid",
    "Region",
    "Rules",
    "Scatter",
    "add_nodes_batch",
    "engine",
    "inject_image",
    "metrics",
    "read_workspace_energies",
    "workspace_grid",
]

add_nodes_batch = partial(add_nodes, REVIEWED)

engine = assemble("probabilistic_field_v0", REVIEWED, common_laws(REVIEWED))
