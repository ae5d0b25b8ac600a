"""A run over ranks, seen from one of them, and where its messages are timed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any

import torch
import torch.distributed as dist

from groundspeed.baselines.engine import Case, State, fields
from groundspeed.validation import discovery
from groundspeed.validation.records.errors import Refused, UnknownName


class Ranks:
    """This rank's view of a run."""

    def __init__(self, name: str, device: str):
        self.decomposition = decomposition(name)
        rank, size = dist.get_rank(), dist.get_world_size()
        self.team = self.decomposition.team(rank, size, device)
        self.messages_s = 0.0
        self.team.meter = self.metered

    @contextmanager
    def metered(self) -> Iterator[None]:
        """Adds what messages take to their sum."""
        begun = perf_counter()
        try:
            yield
        finally:
            self.messages_s += perf_counter() - begun

    def slab(self, case: Case):
        return self.decomposition.slabs(case, self.team.size)[self.team.rank]

    def cut(self, name: str, tensor: torch.Tensor) -> bool:
        return self.decomposition.cut(name, tuple(tensor.shape))

    def begin(self, case: Case, state: State):
        """The working part of this rank, of the planes that are here."""
        return self.decomposition.begin(case, self.team, self.slab(case), state)

    def start(self, case: Case):
        """The case's own start: rank 0 makes it and hands every rank its planes."""
        whole = self.decomposition.engine.initial(case) if self.team.rank == 0 else None
        said = [whole and {n: (tuple(t.shape), t.dtype) for n, t in fields(whole).items()}]
        dist.broadcast_object_list(said)
        return self.decomposition.scatter(
            case, self.team, self.decomposition.fields(said[0]), whole
        )

    def finish(self) -> None:
        """Waits for the device of this rank, then for all ranks."""
        if self.team.device != "cpu":
            torch.cuda.synchronize()
        dist.barrier()


def decomposition(name: str) -> Any:
    """How that optimization works over ranks.

    Raises:
        UnknownName, BrokenLeaf: there is no such optimization.
        Refused: it works in one process.
    """
    if name not in discovery.names():
        raise UnknownName.of("optimization", name, discovery.names(), discovery.SEE)
    found = getattr(discovery.part(name, "implementation"), "decomposition", None)
    if found is None:
        raise Refused(
            f"{name} works in one process; allowed: an optimization whose implementation.py has a "
            "decomposition; see docs/how-to/run-over-several-ranks.md"
        )
    return found
