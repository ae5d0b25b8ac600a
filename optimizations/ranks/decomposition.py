"""An engine cut into slabs: what an author says of it, and how states travel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from baselines.engine import Case, Engine, State

from .slabs import Slab, slabs
from .team import Team


class Part(Protocol):
    """The working state of one rank."""

    def step(self) -> None:
        """One step, of all ranks together."""

    def state(self) -> State:
        """The canonical state, but of split fields the planes of this rank alone."""


class Field(NamedTuple):
    """What is known of a tensor before it arrives."""

    shape: tuple[int, ...]
    dtype: torch.dtype


@dataclass(frozen=True, kw_only=True)
class Decomposition:
    """How an engine works over ranks.

    Attributes:
        module: the module in which it is named ``decomposition``, for the other processes.
        engine: the baseline.
        kind: class of the canonical states.
        split: fields that are cut along their first axis. Each rank holds the others whole.
        kept: fields that no step changes: rank 0 keeps them where it has the whole state.
        least: planes that a rank needs in that case. Raises a ValueError for what cannot be cut.
        begin: the part of a rank, of the planes in its state; the ranks may talk.
    """

    module: str
    engine: Engine
    kind: type
    split: tuple[str, ...]
    kept: tuple[str, ...]
    least: Callable[[Case], int]
    begin: Callable[[Any, Team, Slab, State], Part]

    def slabs(self, case: Case, ranks: int) -> list[Slab]:
        """The planes of each rank.

        Raises:
            ValueError: the case cannot be cut into slabs.
        """
        return slabs(case.shape[0], ranks, self.least(case))

    def team(self, rank: int, size: int, device: str = "cpu") -> Team:
        """The ranks of a process group that is there already, such as torchrun's."""
        return Team(rank, size, device)

    def fields(self, shapes: dict[str, tuple]) -> dict[str, Field]:
        """What every rank must know of the whole state: (shape, type) of each field."""
        return {name: Field(*about) for name, about in shapes.items()}

    def cut(self, name: str, shape: tuple[int, ...]) -> bool:
        """Whether that field is split; one number for all cells is not."""
        return name in self.split and len(shape) > 0

    def scatter(self, case: Case, team: Team, fields: dict[str, Field], whole: State) -> Part:
        """The part of this rank; rank 0 hands over the whole state, the others None."""
        cuts, found = self.slabs(case, team.size), {}
        for name, about in fields.items():
            given = None if whole is None else getattr(whole, name)
            found[name] = self.spread(team, cuts, name, about, given)
        return self.begin(case, team, cuts[team.rank], self.kind(**found))

    def spread(
        self, team: Team, cuts: list[Slab], name: str, about: Field, given: Tensor | None
    ) -> Tensor:
        """A field as this rank holds it."""
        split = self.cut(name, about.shape)
        if team.rank == 0:
            given = given.to(team.device).contiguous()
            pieces = [given[s.first : s.last] if split else given for s in cuts]
            team.trade(list(enumerate(pieces))[1:], [])
            return pieces[0]
        planes = (cuts[team.rank].planes,) if split else ()
        shape = (*planes, *about.shape[1:]) if split else about.shape
        own = torch.empty(shape, dtype=about.dtype, device=team.device)
        team.trade([], [(0, own)])
        return own

    def gather(
        self, case: Case, team: Team, part: Part, kept: dict[str, Tensor] | None = None
    ) -> State | None:
        """The canonical state on rank 0, and None elsewhere.

        Args:
            kept: the fields that rank 0 keeps. Other ranks give {} where it does, and None where
                all fields are gathered.
        """
        own, cuts, found = part.state(), self.slabs(case, team.size), {}
        for name, tensor in zip(own._fields, own, strict=True):
            if kept is not None and name in self.kept:
                found[name] = kept.get(name)
            elif self.cut(name, tensor.shape):
                found[name] = collect(team, cuts, tensor)
            else:
                found[name] = tensor
        return type(own)(**found) if team.rank == 0 else None


def collect(team: Team, cuts: list[Slab], own: Tensor) -> Tensor | None:
    """All planes, one slab after the other, on rank 0."""
    own = own.contiguous()
    if team.rank:
        team.trade([(0, own)], [])
        return None
    whole = own.new_empty((cuts[0].n, *own.shape[1:]))
    pieces = [whole[s.first : s.last] for s in cuts]
    pieces[0].copy_(own)
    team.trade([], list(enumerate(pieces))[1:])
    return whole
