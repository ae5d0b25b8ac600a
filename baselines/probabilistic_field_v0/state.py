"""What a run of the field is made of: its state, its case and the part of the grid it names."""

from __future__ import annotations

import math
from collections import namedtuple
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

from baselines.engine import Case

from .rules import BOUND, ENERGY_CAP

BRANCHES = (
    "diffused",
    "flow_dense",
    "seeded",
    "density_ran",
    "density_dense",
    "consumed",
    "consumption_dense",
    "damped",
    "damping_dense",
)
FRACTIONS = ("active", "inactive", "populated", "peaked")
LONGEST_AXIS = 32767  # cells: node positions are 16-bit integers in the reviewed engine


class FieldState(NamedTuple):
    """Fields, workspace, counters and the decisions of the step just made (−1 before it).

    Shapes and units in the package docstring.
    """

    E: Float[Tensor, "H W"]
    R: Float[Tensor, "H W"]
    P: Float[Tensor, "H W"]
    w: Float[Tensor, "h columns"]
    frames: Shaped[Tensor, "count rows cols"]
    frame: Int[Tensor, ""]
    spawns: Int[Tensor, ""]
    deaths: Int[Tensor, ""]
    sum_E: Float[Tensor, ""]
    fractions: Float[Tensor, " fraction"]
    branches: Int[Tensor, " branch"]


# while a step runs: `moving` Bool [H, W], cells whose net flow of this step exceeds the
# threshold, handed from the flow to the density; no part of what a step is compared by
Working = namedtuple("Working", (*FieldState._fields, "moving"))


def adopt(_: Case, state: FieldState) -> Working:
    """The working state: nothing moves before the first flow."""
    return Working(*state, moving=torch.zeros_like(state.E, dtype=torch.bool))


def observe(_: Case, state: Working) -> FieldState:
    """The canonical state: all but the mask of moving cells."""
    return FieldState(*state[:-1])


def decide(state: Working, **taken: bool) -> Int[Tensor, " branch"]:
    """The branch record with those decisions entered: 1 taken, 0 not."""
    return entered(state.branches, BRANCHES, taken)


def measure(state: Working, **found: float) -> Float[Tensor, " fraction"]:
    """The record of fractions with those entered."""
    return entered(state.fractions, FRACTIONS, found)


def entered(record: Tensor, names: tuple[str, ...], values: dict) -> Tensor:
    """A copy of the record with the named entries replaced."""
    record = record.clone()
    for name, value in values.items():
        record[names.index(name)] = value
    return record


def fraction(mask: Bool[Tensor, "H W"]) -> float:
    """The part of the cells for which the mask holds."""
    return int(mask.sum()) / mask.numel()


@dataclass(frozen=True)
class Region:
    """Rows y0 ≤ y < y1 and columns x0 ≤ x < x1 of the grid.

    Raises:
        ValueError: where it is empty or reversed, or a bound is no integer.
    """

    y0: int
    y1: int
    x0: int
    x1: int

    def __post_init__(self):
        bounds = (self.y0, self.y1, self.x0, self.x1)
        if not all(type(b) is int for b in bounds):
            raise ValueError(f"region is {bounds}; allowed: four integers y0, y1, x0, x1")
        if self.y0 >= self.y1 or self.x0 >= self.x1:
            raise ValueError(f"region is {bounds}; allowed: y0 < y1 and x0 < x1")

    @property
    def shape(self) -> tuple[int, int]:
        return self.y1 - self.y0, self.x1 - self.x0

    @property
    def slices(self) -> tuple[slice, slice]:
        return slice(self.y0, self.y1), slice(self.x0, self.x1)

    def refuse_outside(self, shape: tuple[int, int], margin: tuple[int, int] = (0, 0)) -> None:
        """Raise a ValueError where it leaves a grid of that shape by more than the margin."""
        rows, columns = ((-room, size + room) for size, room in zip(shape, margin, strict=True))
        inside = rows[0] <= self.y0 and self.y1 <= rows[1]
        if not (inside and columns[0] <= self.x0 and self.x1 <= columns[1]):
            raise ValueError(
                f"region is rows {self.y0} to {self.y1}, columns {self.x0} to {self.x1}; "
                f"allowed: rows {rows[0]} to {rows[1]}, columns {columns[0]} to {columns[1]}"
            )


@dataclass(frozen=True)
class Patch:
    """Energy and density drawn uniformly between two values in each cell of a region."""

    region: Region
    energy: tuple[float, float]  # energy
    density: tuple[float, float]  # density


@dataclass(frozen=True)
class Scatter:
    """Nodes at random cells of a region, with repetition: each adds energy, and density 1."""

    region: Region
    count: int
    energy: float  # energy


@dataclass(frozen=True)
class Images:
    """A stack of random images, shown one a frame and over again, to a region of the grid.

    Raises:
        ValueError: a size below 1, an unknown kind, or levels out of the kind's range.
    """

    region: Region
    count: int
    shape: tuple[int, int]  # of an image, which is resized to the region
    levels: tuple[float, float] = (0, 255)  # darkest and brightest drawn
    kind: str = "uint8"  # or "float"

    def __post_init__(self):
        if self.kind not in ("uint8", "float"):
            raise ValueError(f"kind is {self.kind!r}; allowed: 'uint8' or 'float'")
        if min(self.count, *self.shape) < 1:
            raise ValueError(f"{self.count} images of {self.shape}; allowed: at least 1 each way")
        if not 0 <= self.levels[0] <= self.levels[1] <= 255:
            raise ValueError(f"levels are {self.levels}; allowed: low to high within 0 to 255")


@dataclass(frozen=True, kw_only=True)
class FieldCase(Case):
    """A run of the field: sizes, what it starts from, what it sees.

    Raises:
        ValueError: sizes, start or images that do not fit, or a dtype that is none of ours.
    """

    dtype: torch.dtype = torch.float32
    shape: tuple[int, int]  # H rows, W columns
    workspace: tuple[int, int]  # h rows, at the bottom; columns from the left
    start: tuple[Patch | Scatter, ...] = ()
    images: Images | None = None
    dt: float = 0.01  # time

    def __post_init__(self):
        refuse_bad_sizes(self)
        for part in self.start:
            refuse_bad_start(self, part)
        if self.images is not None:
            self.images.region.refuse_outside(self.shape)

    @property
    def cells(self) -> int:
        return self.shape[0] * self.shape[1]


def refuse_bad_sizes(case: FieldCase) -> None:
    """Raise a ValueError naming what was got and what is allowed."""
    if case.dtype not in (torch.float32, torch.float64):
        raise ValueError(f"dtype is {case.dtype}; allowed: torch.float32 or torch.float64")
    if case.steps < 1:
        raise ValueError(f"steps is {case.steps}; allowed: at least 1")
    if not (math.isfinite(case.dt) and case.dt > 0):
        raise ValueError(f"dt is {case.dt}; allowed: a finite number above 0")
    if len(case.shape) != 2 or not all(3 <= n <= LONGEST_AXIS for n in case.shape):
        raise ValueError(
            f"shape is {case.shape}; allowed: rows and columns, 3 to {LONGEST_AXIS} of each"
        )
    if len(case.workspace) != 2 or min(case.workspace) < 1 or max(case.workspace) > LONGEST_AXIS:
        raise ValueError(f"workspace is {case.workspace}; allowed: rows and columns, 1 or more")
    if case.workspace[0] > case.shape[0]:
        raise ValueError(
            f"workspace has {case.workspace[0]} rows; allowed: up to the grid's {case.shape[0]}"
        )


def refuse_bad_start(case: FieldCase, part: Patch | Scatter) -> None:
    """Raise a ValueError where a part of the start leaves the grid or the caps."""
    part.region.refuse_outside(case.shape)
    if isinstance(part, Scatter):
        if part.count < 1 or not 0 <= part.energy <= ENERGY_CAP:
            raise ValueError(
                f"{part.count} nodes of energy {part.energy}; "
                f"allowed: at least 1, of 0 to {ENERGY_CAP:g}"
            )
        return
    for name, pair, cap in (
        ("energy", part.energy, ENERGY_CAP),
        ("density", part.density, BOUND),
    ):
        if not 0 <= pair[0] <= pair[1] <= cap:
            raise ValueError(f"{name} is {pair}; allowed: low to high within 0 to {cap:g}")
