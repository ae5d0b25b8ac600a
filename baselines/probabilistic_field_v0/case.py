"""A run of the field: its sizes, what it starts from, what it sees."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from baselines.engine import Case

from .rules import BOUND, ENERGY_CAP

LONGEST_AXIS = 32767  # cells: node positions are 16-bit integers in the reviewed engine


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
    if not all(type(n) is int for n in (*case.shape, *case.workspace)):
        raise ValueError(f"sizes are {case.shape} and {case.workspace}; allowed: integers")
    if case.workspace[0] > case.shape[0]:
        raise ValueError(
            f"workspace has {case.workspace[0]} rows; allowed: up to the grid's {case.shape[0]}"
        )


def refuse_bad_start(case: FieldCase, part: Patch | Scatter) -> None:
    """Raise a ValueError where a part of the start leaves the grid or the caps."""
    if not isinstance(part, Patch | Scatter):
        raise ValueError(f"start holds {part!r}; allowed: Patch and Scatter")
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
