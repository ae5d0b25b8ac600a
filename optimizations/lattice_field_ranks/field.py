"""The field of one rank: its planes with a halo on either side.

A halo is wide enough for several steps, and is exchanged when it is used up. After every step it
is valid one reach less deep. What a rank computes in its halo another one computes as well, by the
same operations, so every bit is the baseline's. While halos travel, the planes that need none are
advanced.

No halo is deeper than the thinnest slab. So the plane that a wall copies is missing only where the
wall is the last valid plane of a halo, and then all that reads it is a wall at the next step.
"""

from __future__ import annotations

import torch
from torch import Tensor

from baselines.lattice_field_v1 import LatticeCase, LatticeState
from baselines.lattice_field_v1 import engine as baseline
from baselines.lattice_field_v1.scheme import advance
from optimizations.lattice_field_buffers.implementation import add_neighbours, expression
from optimizations.ranks.decomposition import Decomposition
from optimizations.ranks.slabs import Slab
from optimizations.ranks.team import Team

WIDTH = 2  # steps between two exchanges, where slabs are thick enough
BLOCK_BYTES = 1 << 18  # of planes that are advanced at once: their sums stay in a cache


def least(case: LatticeCase) -> int:
    """Planes that a rank needs.

    Raises:
        ValueError: a case with bodies, whose forces are sums over the whole grid.
    """
    if case.bodies is not None:
        raise ValueError(f"bodies are {case.bodies}; allowed over ranks: None")
    return case.order // 2


class FieldPart:
    """Planes depth … depth + n − 1 of each array are the rank's own.

    Args:
        width: steps between two exchanges, the same on every rank.
    """

    def __init__(
        self, case: LatticeCase, team: Team, slab: Slab, state: LatticeState, width: int = WIDTH
    ):
        self.case, self.team, self.slab = case, team, slab
        self.given = state._replace(E=state.E[:0].clone(), E_prev=state.E[:0].clone())
        self.reach = case.order // 2
        self.steps = min(width, slab.thinnest // self.reach)
        self.depth, self.n, self.left = self.steps * self.reach, slab.planes, 0
        if self.n == 0:
            return
        self.E, self.E_prev = self.with_halo(state.E), self.with_halo(state.E_prev)
        self.chi = self.with_halo(state.chi) if state.chi.ndim else state.chi
        if state.chi.ndim:
            self.fill([(self.chi, self.depth)])
        cells = self.E[0].numel() * self.E.element_size()
        self.block = max(1, min(BLOCK_BYTES // cells, len(self.E)))
        self.total, self.spare = (torch.empty_like(self.E[: self.block]) for _ in range(2))
        self.finish, self.general = expression(case, case.d), advance(case)

    def with_halo(self, own: Tensor) -> Tensor:
        """The planes in the middle of an array that has room for the halo."""
        array = own.new_zeros((self.n + 2 * self.depth, *own.shape[1:]))
        array[self.depth : self.depth + self.n] = own
        return array

    def neighbours(self) -> tuple[int, int]:
        """The ranks below and above; the grid is a ring."""
        rank, active = self.team.rank, self.slab.active
        return (rank - 1) % active, (rank + 1) % active

    def post(self, fields: list[tuple[Tensor, int]]):
        """Start the exchange of so many planes of each of these arrays; ``finish`` of what is
        returned puts them where they belong."""
        first, last = self.depth, self.depth + self.n
        low = torch.cat([array[first : first + deep] for array, deep in fields])
        high = torch.cat([array[last - deep : last] for array, deep in fields])
        from_above, from_below = torch.empty_like(low), torch.empty_like(high)
        below, above = self.neighbours()
        pending = self.team.post(
            [(below, low), (above, high)], [(above, from_above), (below, from_below)]
        )

        def finish() -> None:
            pending.wait()
            at = 0
            for array, deep in fields:
                array[last : last + deep] = from_above[at : at + deep]
                array[first - deep : first] = from_below[at : at + deep]
                at += deep

        return finish

    def fill(self, fields: list[tuple[Tensor, int]]) -> None:
        """The exchange, to its end."""
        self.post(fields)()

    def step(self) -> None:
        if self.n == 0:
            return
        first, last = self.depth, self.depth + self.n
        if self.left == 0:
            self.left = self.steps
            fields = [(self.E, self.depth), (self.E_prev, self.depth - self.reach)]
            arrive = self.post(fields)
            inner, outer = first + self.reach, last - self.reach
            if inner < outer:
                self.advance(inner, outer)
            else:
                inner = outer = last
            arrive()
            margin = (self.left - 1) * self.reach
            self.advance(first - margin, min(inner, last + margin))
            self.advance(outer, last + margin)
        else:
            margin = (self.left - 1) * self.reach
            self.advance(first - margin, last + margin)
        self.E, self.E_prev = self.E_prev, self.E
        self.left -= 1
        self.boundary(first - margin, last + margin)

    def advance(self, first: int, last: int) -> None:
        """E_prev becomes E⁺ in these planes, a block at a time."""
        for a in range(first, last, self.block):
            b = min(a + self.block, last)
            chi = self.chi[a:b] if self.chi.ndim else self.chi
            if self.case.order == 2:
                self.advance_block(a, b, chi)
            else:
                self.advance_by_baseline(a, b)

    def advance_block(self, a: int, b: int, chi: Tensor) -> None:
        """Without a new array: sums over slices into kept buffers."""
        total, spare, now = self.total[: b - a], self.spare[: b - a], self.E[a:b]
        torch.add(self.E[a - 1 : b - 1], self.E[a + 1 : b + 1], out=total)
        for axis in range(1, self.case.d):
            for call in add_neighbours(total, now, axis):
                call()
        for call in self.finish(total, spare, now, self.E_prev[a:b], chi):
            call()

    def advance_by_baseline(self, a: int, b: int) -> None:
        """The baseline's own stage, on these planes and those that they read."""
        r = self.reach
        wide = slice(a - r, b + r)
        chi = self.chi[wide] if self.chi.ndim else self.chi
        piece = self.given._replace(E=self.E[wide], E_prev=self.E_prev[wide], chi=chi)
        self.E_prev[a:b] = self.general(piece).E[r : r + b - a]

    def boundary(self, first: int, last: int) -> None:
        """Walls or absorbing layers in these planes of the new E, axis after axis."""
        case, E = self.case, self.E
        if case.boundary == "periodic":
            return
        place = {i: (self.slab.first + i - self.depth) % self.slab.n for i in range(first, last)}
        planes, size = E[first:last], case.shape[1:]
        if case.boundary == "reflective":
            for i, at in place.items():
                if at in (0, self.slab.n - 1):
                    E[i] = E[i + 1 if at == 0 else i - 1]
            for axis, n in enumerate(size, start=1):
                planes.select(axis, 0).copy_(planes.select(axis, 1))
                planes.select(axis, n - 1).copy_(planes.select(axis, n - 2))
            return
        width = case.absorb_width
        for i, at in place.items():
            if at < width or at >= self.slab.n - width:
                E[i].mul_(case.absorb_factor)
        for axis, n in enumerate(size, start=1):
            planes.narrow(axis, 0, width).mul_(case.absorb_factor)
            planes.narrow(axis, n - width, width).mul_(case.absorb_factor)

    def state(self) -> LatticeState:
        if self.n == 0:
            return self.given
        own = slice(self.depth, self.depth + self.n)
        return self.given._replace(E=self.E[own], E_prev=self.E_prev[own])


decomposition = Decomposition(
    module=__name__,
    engine=baseline,
    kind=LatticeState,
    split=("E", "E_prev", "chi"),
    kept=("chi", "position", "velocity"),
    least=least,
    begin=FieldPart,
)
