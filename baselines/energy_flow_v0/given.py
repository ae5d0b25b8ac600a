"""Flows that a collection starts from: scattered, on the quantiser's ties, or in groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from .geometry import normalised


class Flows(NamedTuple):
    """Given flows, one row each; floating fields float32."""

    sample: Tensor  # [n] int64
    position: Tensor  # [n, 3]
    energy: Tensor  # [n]
    steps: Tensor  # [n] int64
    active: Tensor  # [n] bool


def symmetric(generator: torch.Generator, *shape: int) -> Tensor:
    """Uniform in [−1, 1), float32."""
    return 2 * torch.rand(shape, generator=generator) - 1


@dataclass(frozen=True)
class Scattered:
    """``count`` flows anywhere in the cube, a share ``idle`` of them not yet completed.

    The samples named ``silent`` have completed none.
    """

    count: int
    idle: float = 0.2
    silent: tuple[int, ...] = ()

    def flows(self, case, generator: torch.Generator) -> Flows:
        n = self.count
        sample = torch.randint(case.batch, (n,), generator=generator)
        active = torch.randperm(n, generator=generator) < round(n * self.idle)
        for silent in self.silent:
            active = active | (sample == silent)
        position, energy = symmetric(generator, n, 3), symmetric(generator, n)
        steps = torch.randint(case.loop + 1, (n,), generator=generator)
        return Flows(sample, position, energy, steps, active)


@dataclass(frozen=True)
class Ties:
    """One flow of each sample at every half cell, edges |p| = 1 included; all completed.

    Exact ties of the quantiser where W−1 and H−1 are powers of two.
    """

    def flows(self, case, generator: torch.Generator) -> Flows:
        x, y = (normalised(torch.arange(2 * n - 1) / 2, n - 1) for n in (case.width, case.height))
        y, x = (a.flatten().repeat(case.batch) for a in torch.meshgrid(y, x, indexing="ij"))
        n = len(x)
        sample = torch.arange(case.batch).repeat_interleave(n // case.batch)
        z = torch.where(torch.rand(n, generator=generator) < 0.5, -1.0, 1.0)
        steps = torch.randint(case.loop + 1, (n,), generator=generator)
        position, energy = torch.stack([x, y, z], dim=1), symmetric(generator, n)
        return Flows(sample, position, energy, steps, torch.zeros(n, dtype=torch.bool))


@dataclass(frozen=True)
class Groups:
    """Completed flows of sample 0 at the centres of the first cells, ``sizes`` of them each.

    ``alike``: the flows of a group have the same energy, steps and plane.
    """

    sizes: tuple[int, ...]
    alike: bool = False

    def flows(self, case, generator: torch.Generator) -> Flows:
        sizes = torch.tensor(self.sizes)
        cell = torch.arange(len(sizes)).repeat_interleave(sizes)
        n = len(cell)
        energy, z = symmetric(generator, n), symmetric(generator, n).sign()
        steps = torch.randint(case.loop + 1, (n,), generator=generator)
        if self.alike:
            energy, z, steps = energy[cell], z[cell], steps[cell]
        x = normalised(cell % case.width, case.width - 1)
        y = normalised(cell // case.width, case.height - 1)
        position = torch.stack([x, y, z], dim=1)
        sample = torch.zeros(n, dtype=torch.int64)
        return Flows(sample, position, energy, steps, torch.zeros(n, dtype=torch.bool))
