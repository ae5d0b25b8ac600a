"""Where a run starts: everything drawn on the CPU in float32, then converted."""

from __future__ import annotations

import torch
from torch import Tensor

from .case import FieldCase, Images, Patch, Scatter
from .cells import bounded
from .rules import REST, Rules
from .senses import add_nodes
from .state import BRANCHES, FRACTIONS, FieldState

PLASTICITY_SCALE = 0.5
UNDECIDED = -1.0  # in the records of decisions, before the first step


def initial(rules: Rules, case: FieldCase) -> FieldState:
    """Plasticity, then the parts of the start in order, then the images; nothing decided yet."""
    generator = case.generator()
    P = torch.clamp(PLASTICITY_SCALE * torch.randn(case.shape, generator=generator), -1, 1)
    E, R = torch.zeros(case.shape), torch.zeros(case.shape)
    for part in case.start:
        place = scatter if isinstance(part, Scatter) else fill
        E, R = place(rules, part, generator, E, R)
    frames = draw_frames(case.images, generator)
    count = torch.tensor(0)
    state = FieldState(
        E=E.to(case.dtype),
        R=R.to(case.dtype),
        P=P.to(case.dtype),
        w=torch.full(case.workspace, REST, dtype=rules.workspace_dtype(case.dtype)),
        frames=frames.to(case.dtype) if frames.is_floating_point() else frames,
        frame=count,
        spawns=count.clone(),
        deaths=count.clone(),
        sum_E=torch.tensor(UNDECIDED, dtype=torch.float64),
        fractions=torch.full((len(FRACTIONS),), UNDECIDED, dtype=torch.float64),
        branches=torch.full((len(BRANCHES),), int(UNDECIDED)),
    )
    return FieldState(*(t.to(case.device) for t in state))


def uniform(shape: tuple[int, ...], low: float, high: float, generator: torch.Generator) -> Tensor:
    """float32 values from low to high."""
    return low + (high - low) * torch.rand(shape, generator=generator)


def fill(_: Rules, patch: Patch, generator: torch.Generator, E: Tensor, R: Tensor) -> tuple:
    """E and R with a patch added."""
    at, shape = patch.region.slices, patch.region.shape
    E, R = E.clone(), R.clone()
    E[at] = bounded(E[at] + uniform(shape, *patch.energy, generator))
    R[at] = bounded(R[at] + uniform(shape, *patch.density, generator))
    return E, R


def scatter(rules: Rules, nodes: Scatter, generator: torch.Generator, E: Tensor, R: Tensor):
    """E and R with nodes added at random cells of the region."""
    region, count = nodes.region, (nodes.count,)
    y = torch.randint(region.y0, region.y1, count, generator=generator)
    x = torch.randint(region.x0, region.x1, count, generator=generator)
    return add_nodes(rules, E, R, y, x, torch.full(count, nodes.energy))


def draw_frames(images: Images | None, generator: torch.Generator) -> Tensor:
    """The stack [count, rows, cols]: uint8 or float32; empty without images."""
    if images is None:
        return torch.zeros((0, 1, 1), dtype=torch.uint8)
    shape, (low, high) = (images.count, *images.shape), images.levels
    if images.kind == "uint8":
        drawn = torch.randint(int(low), int(high) + 1, shape, generator=generator)
        return drawn.to(torch.uint8)
    return uniform(shape, low, high, generator)
