"""The diffusion over ranks: transforms of rows where they are, of columns after a transposition.

A rank has rows of the field, and for the second transform columns of its spectrum; every rank
sends every other one a block, there and back.
"""

from __future__ import annotations

import torch
from torch import Tensor

from baselines.probabilistic_field_v0.rules import BOUND, DIFFUSIVITY
from baselines.probabilistic_field_v0.transport import squared_frequencies
from baselines.probabilistic_field_v1 import FieldCase
from baselines.probabilistic_field_v1.rules import CORRECTED
from optimizations.ranks.slabs import Slab, slabs
from optimizations.ranks.team import Team


class Diffusion:
    """Decay of each wave by exp(−D k² dt), [own rows, W] to [own rows, W]."""

    def __init__(self, case: FieldCase, team: Team, rows: list[Slab]):
        half = case.shape[1] // 2 + 1
        self.team, self.width, self.rows = team, case.shape[1], rows
        self.columns = slabs(half, team.size)
        mine = self.columns[team.rank]
        rate = DIFFUSIVITY * CORRECTED.radians**2
        q = squared_frequencies(case)[:, mine.first : mine.last].to(team.device)
        self.decay = torch.exp(-rate * q * case.dt)

    def __call__(self, E: Tensor) -> Tensor:
        spectrum = torch.fft.rfft(E, dim=1)
        lines = torch.fft.fft(self.to_columns(spectrum), dim=0)
        back = self.to_rows(torch.fft.ifft(lines * self.decay, dim=0))
        after = torch.fft.irfft(back, n=self.width, dim=1)
        after = torch.clamp(after, -BOUND, BOUND)
        return torch.where(torch.isfinite(after), after, torch.zeros_like(after))

    def to_columns(self, spectrum: Tensor) -> Tensor:
        """All rows of the rank's own columns."""
        sends = [spectrum[:, c.first : c.last] for c in self.columns]
        mine = self.columns[self.team.rank].planes
        found = spectrum.new_empty((self.rows[0].n, mine))
        self.swap(sends, [found[r.first : r.last] for r in self.rows])
        return found

    def to_rows(self, lines: Tensor) -> Tensor:
        """All columns of the rank's own rows."""
        sends = [lines[r.first : r.last] for r in self.rows]
        mine = self.rows[self.team.rank].planes
        blocks = [lines.new_empty((mine, c.planes)) for c in self.columns]
        self.swap(sends, blocks)
        return torch.cat(blocks, dim=1)

    def swap(self, sends: list[Tensor], receives: list[Tensor]) -> None:
        """Block k to rank k, from each rank one; complex numbers travel as pairs."""
        sends = [torch.view_as_real(block.contiguous()) for block in sends]
        receives = [torch.view_as_real(block) for block in receives]
        self.team.trade(list(enumerate(sends)), list(enumerate(receives)))
