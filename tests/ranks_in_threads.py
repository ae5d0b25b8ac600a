"""Ranks as threads of one process, whose messages are copies: for tests of what a rank computes."""

from __future__ import annotations

from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from queue import Queue

from groundspeed.validation.records import leaf_imports

leaf_imports.install()

from optimizations.ranks.decomposition import Field  # noqa: E402
from optimizations.ranks.team import Team  # noqa: E402

PATIENCE_S = 20.0


class Arriving:
    """Messages that are awaited."""

    def __init__(self, team, receives):
        self.team, self.receives = team, receives

    def wait(self) -> None:
        for peer, into in self.receives:
            into.copy_(self.team.boxes[peer, self.team.rank].get(timeout=PATIENCE_S))


class Threaded(Team):
    """A rank that hands messages over in memory; as with gloo, one waits for another's."""

    def __init__(self, rank, size, boxes):
        super().__init__(rank, size)
        self.boxes, self.sent = boxes, 0

    def post(self, sends, receives):
        for peer, tensor in sends:
            assert tensor.is_contiguous()
            self.boxes[self.rank, peer].put(tensor.clone())
            self.sent += tensor.numel()
        return Arriving(self, receives)


def run_in_threads(decomposition, case, ranks, start, steps):
    """The whole state after so many steps, and the numbers that each rank has sent in them."""
    boxes = defaultdict(Queue)
    for a in range(ranks):
        for b in range(ranks):
            boxes[a, b] = Queue()
    about = {n: Field(tuple(t.shape), t.dtype) for n, t in start._asdict().items()}

    def one(rank):
        team = Threaded(rank, ranks, boxes)
        part = decomposition.scatter(case, team, about, start if rank == 0 else None)
        team.sent = 0
        for _ in range(steps):
            part.step()
        sent = team.sent
        return decomposition.gather(case, team, part), sent

    with ThreadPoolExecutor(ranks) as pool:
        found = list(pool.map(one, range(ranks)))
    return found[0][0], [sent for _, sent in found]
