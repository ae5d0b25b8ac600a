"""A run of the flow engine, as data."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch

from baselines.engine import Case

from .given import Groups, Scattered, Ties
from .rules import Rules

STREAMS = ("inputs", "mapper", "mover", "flows")
PARTS = {  # which stages a step of the contract makes
    "forward": ("birth", "travel", "finish", "collect"),
    "step": ("travel", "collect"),
    "collect": ("collect",),
}


@dataclass(frozen=True)
class Spawn:
    """Children: up to ``most`` a flow and step, one for each further ``threshold`` moved."""

    threshold: float  # τ, normalised length
    most: int


@dataclass(frozen=True)
class Stop:
    """Early end of a forward: from step ``after``, at a share of completed flows, or stalled."""

    after: int
    share: float
    patience: int


@dataclass(frozen=True, kw_only=True)
class FlowCase(Case):
    """A run: lattice, batch, capacity, network sizes, and which part of a forward is a step.

    ``part`` "forward": one step of the contract is one whole forward. "step": one step of
    its loop (then what has completed is collected), from a birth. "collect": collection and
    aggregation alone, of flows that are ``given``.
    """

    width: int  # cells
    height: int  # cells
    depth: int  # planes less one
    batch: int  # samples
    capacity: int  # flows held at once
    layers: int = 1
    hidden: int = 16
    embedding: int = 768
    mapper: tuple[int, int] | None = None  # its inner widths, where not max(384, 2S) and 2S
    part: str = "forward"
    longest: int | None = None  # steps of the loop, ⌊D/2⌋ where None
    sigma: float = 0.05  # of the noise, normalised length
    scale: float = 1.0  # of the displacement
    least_move: float = 0.0  # flows that move less are not updated; 0 is off
    spawn: Spawn = Spawn(0.15, 1)
    stop: Stop = Stop(3, 0.8, 5)
    cleanup: int = 10  # steps between cleanups, counted over forwards
    given: Scattered | Ties | Groups | None = None
    rules: Rules = field(default_factory=Rules)

    def __post_init__(self):
        refuse_bad_parameters(self)

    @property
    def cells(self) -> int:
        """S = W·H."""
        return self.width * self.height

    @property
    def loop(self) -> int:
        """T: the most steps that a forward makes."""
        return self.depth // 2 if self.longest is None else self.longest

    @property
    def mapper_widths(self) -> tuple[int, int]:
        return self.mapper or (max(384, 2 * self.cells), 2 * self.cells)

    def runs(self, stage: str) -> bool:
        """Whether a step of the contract includes that stage."""
        return stage in PARTS[self.part]

    def stream(self, name: str) -> torch.Generator:
        """A generator of that name's own, seeded from the case's."""
        seeds = torch.randint(1 << 62, (len(STREAMS),), generator=self.generator())
        return torch.Generator("cpu").manual_seed(int(seeds[STREAMS.index(name)]))


def refuse_bad_parameters(case: FlowCase) -> None:
    """Raise a ValueError naming what was got and what is allowed."""
    if case.dtype not in (torch.float32, torch.float64):
        raise ValueError(f"dtype is {case.dtype}; allowed: torch.float32 or torch.float64")
    if case.part not in PARTS:
        raise ValueError(f"part is {case.part!r}; allowed: {sorted(PARTS)}")
    if (case.given is None) == (case.part == "collect"):
        raise ValueError(
            f"part {case.part!r} given {case.given}; allowed: flows for 'collect' only"
        )
    for name, least in LEAST.items():
        value = getattr(case, name)
        if not value >= least:
            raise ValueError(f"{name} is {value}; allowed: at least {least}")
    for name in ("sigma", "scale", "least_move"):
        value = getattr(case, name)
        if not (math.isfinite(value) and value >= 0):
            raise ValueError(f"{name} is {value}; allowed: a finite number of at least 0")
    if case.mapper is not None and min(case.mapper) < 1:
        raise ValueError(f"mapper is {case.mapper}; allowed: two widths of at least 1")
    if case.part == "step" and case.steps > case.loop:
        raise ValueError(f"steps is {case.steps}; allowed: at most {case.loop}, one forward's")
    refuse_bad_limits(case.spawn, case.stop)


LEAST = {
    "steps": 1,
    "width": 2,  # one cell has no width to normalise by
    "height": 2,
    "depth": 2,
    "batch": 1,
    "capacity": 1,
    "layers": 1,
    "hidden": 1,
    "embedding": 1,
    "loop": 1,
    "cleanup": 1,
}


def refuse_bad_limits(spawn: Spawn, stop: Stop) -> None:
    if not (spawn.threshold > 0 and spawn.most >= 0):
        raise ValueError(f"spawn is {spawn}; allowed: threshold above 0, most at least 0")
    if not (stop.after >= 0 and stop.share > 0 and stop.patience >= 1):
        raise ValueError(f"stop is {stop}; allowed: after ≥ 0, share above 0, patience ≥ 1")
