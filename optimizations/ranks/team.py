"""Messages between ranks: point to point, in one batch, of plain torch.distributed.

Everything is made of such batches, so ranks that have no planes need not take part, and sums are
made in the order of ranks: their bits do not depend on an algorithm of the library.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor

PATIENCE = timedelta(seconds=60)  # with a rank that is alive and sends nothing; a dead one is seen

Message = tuple[int, Tensor]  # the other rank, and what is sent or where it is received


class Pending:
    """Messages on their way; ``wait`` returns when all are there."""

    def __init__(self, team: Team, works: list, kept: list[Tensor]):
        self.team, self.works, self.kept = team, works, kept

    def wait(self) -> None:
        with self.team.meter():
            for work in self.works:
                work.wait()
        self.kept.clear()


class Team:
    """The ranks 0 … size − 1 of the process group, seen from one of them.

    Attributes:
        rank: of this process.
        size: how many ranks work on a state.
        device: where slabs lie: "cpu" with gloo, "cuda:N" with NCCL.
        meter: what is entered while messages are posted or awaited. Tools put a clock there.
    """

    def __init__(self, rank: int, size: int, device: str = "cpu"):
        self.rank, self.size, self.device = rank, size, device
        self.meter: Callable[[], AbstractContextManager] = nullcontext

    def post(self, sends: Sequence[Message], receives: Sequence[Message]) -> Pending:
        """Start all messages of a batch. Between two ranks they arrive in the order in which they
        are listed; those to oneself are copied. Tensors must be contiguous, and stay untouched
        until ``wait`` has returned."""
        with self.meter():
            own = [tensor for peer, tensor in sends if peer == self.rank]
            into = [tensor for peer, tensor in receives if peer == self.rank]
            for source, target in zip(own, into, strict=True):
                target.copy_(source)
            ops = [*self.operations(dist.irecv, receives), *self.operations(dist.isend, sends)]
            works = dist.batch_isend_irecv(ops) if ops else []
        return Pending(self, works, [op.tensor for op in ops])

    def operations(self, kind: Callable, messages: Sequence[Message]) -> list[dist.P2POp]:
        """Numbered for each other rank: gloo tells messages apart by that number."""
        counts: dict[int, int] = {}
        found = []
        for peer, tensor in messages:
            if peer != self.rank and tensor.numel():
                found.append(dist.P2POp(kind, tensor, peer, tag=counts.get(peer, 0)))
                counts[peer] = counts.get(peer, 0) + 1
        return found

    def trade(self, sends: Sequence[Message], receives: Sequence[Message]) -> None:
        """A batch, to its end."""
        self.post(sends, receives).wait()

    def everyone(self, own: Tensor) -> list[Tensor]:
        """The tensor of each rank, all of one shape, in the order of ranks."""
        own = own.contiguous()
        found = [torch.empty_like(own) for _ in range(self.size)]
        ranks = range(self.size)
        self.trade([(rank, own) for rank in ranks], [(rank, found[rank]) for rank in ranks])
        return found
