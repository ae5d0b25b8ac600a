"""Rank 0 in the process of a candidate: it starts its peers, commands them, and ends them.

Peers are processes of their own with torchrun's variables, on this machine. Each command is sent
to every peer that works on a state and is answered by each, so a call takes as long as the slowest
rank. A peer reads its commands from a pipe whose other end closes with this process, however that
ends; a peer that ends closes its own, and then all end.
"""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from typing import Any

import torch
import torch.distributed as dist

from baselines.engine import Case, Engine, State, Step, fields, replace

from .decomposition import Decomposition, Part
from .team import PATIENCE, Team

# The one line that a peer runs. It imports by name what it is told to: the engine's own module.
MAIN = """from importlib import import_module
from optimizations.ranks.peer import serve
serve(lambda name: import_module(name).decomposition)
"""
HOST = "127.0.0.1"
SETTLE_S = 0.5  # for each peer, until it is known who ended first


class RankLost(RuntimeError):
    """A rank ended or failed before the others; all of them were ended."""


class Crew:
    """The process group of this process and its peers."""

    def __init__(self, size: int):
        self.size, self.dropped, self.made = size, [], 0
        self.parts: dict[int, Part] = {}
        self.states: weakref.WeakSet[Spread] = weakref.WeakSet()
        store = dist.TCPStore(HOST, 0, size, is_master=True, wait_for_workers=False)
        self.life, ours = os.pipe()  # closes with this process
        self.ends = [self.life, ours]
        self.peers: dict[int, subprocess.Popen] = {}
        self.pipes: dict[int, Connection] = {}
        for rank in range(1, size):
            self.start(rank, store.port)
        self.answers(size, "the start")  # they have loaded, and may now be waited for
        try:
            with loopback():
                dist.init_process_group(
                    "gloo", store=store, rank=0, world_size=size, timeout=PATIENCE
                )
        except Exception as error:
            raise self.lost("the start", f"rank 0 of {size}: {first_line(error)}") from None

    def start(self, rank: int, port: int) -> None:
        """The process of a peer."""
        ours, theirs = Pipe()
        place = {"MASTER_ADDR": HOST, "MASTER_PORT": port, "WORLD_SIZE": self.size, "RANK": rank}
        place |= {"LOCAL_RANK": rank, "LOCAL_WORLD_SIZE": self.size}
        place |= {"GROUNDSPEED_RANK_PIPES": f"{theirs.fileno()},{self.life}"}
        place |= {"OMP_NUM_THREADS": torch.get_num_threads()}
        place |= {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        self.peers[rank] = subprocess.Popen(
            [sys.executable, "-c", MAIN],
            env=os.environ | {name: str(value) for name, value in place.items()},
            stdin=subprocess.DEVNULL,
            stdout=2,
            pass_fds=(theirs.fileno(), self.life),
        )
        theirs.close()
        self.pipes[rank] = ours

    @contextmanager
    def together(self, ranks: int, doing: str, *words: Any) -> Iterator[None]:
        """A command to the peers that work on a state, what rank 0 does of it, and their answers.

        Raises:
            RankLost: a rank has ended, or failed. All are ended.
        """
        if self.size == 0:
            raise RankLost(f"{doing}: the ranks of this state were ended; begin a new run")
        message = (tuple(self.dropped), doing, *words)
        self.dropped.clear()
        try:
            for rank in range(1, ranks):
                self.pipes[rank].send(message)
            yield
        except Exception as error:
            words = f"rank 0 of {self.size} failed in {doing}: {first_line(error)}"
            raise self.lost(doing, words) from error
        self.answers(ranks, doing)

    def answers(self, ranks: int, doing: str) -> None:
        """Wait until each of these is done; so long a call takes.

        Raises:
            RankLost: one has ended, or says that it failed.
        """
        waiting = {self.pipes[rank]: rank for rank in range(1, ranks)}
        while waiting:
            for pipe in wait(list(waiting)):
                if words := self.said(waiting.pop(pipe), doing):
                    raise self.lost(doing, words)

    def said(self, rank: int, doing: str) -> str:
        """What a peer says that has something to say: "" where it is done."""
        try:
            return self.pipes[rank].recv()
        except (EOFError, OSError):
            return f"rank {rank} of {self.size} closed its pipe in {doing}"

    def lost(self, doing: str, words: str) -> RankLost:
        """The error to raise; all ranks are ended.

        The rank that was killed is named before those that missed its messages.
        """
        for peer in self.peers.values():
            with suppress(subprocess.TimeoutExpired):
                peer.wait(SETTLE_S)
        codes = {rank: peer.poll() for rank, peer in self.peers.items()}
        size, killed = self.size, [rank for rank, code in codes.items() if (code or 0) < 0]
        if killed:
            signal = -codes[killed[0]]
            words = f"rank {killed[0]} of {size} was killed by signal {signal} in {doing}"
        self.close()
        return RankLost(f"{words}; all ranks were ended; begin again from the last checkpoint")

    def close(self) -> None:
        """End all peers, and leave the process group."""
        for peer in self.peers.values():
            peer.kill()
        for peer in self.peers.values():
            peer.wait()
        for pipe in self.pipes.values():
            pipe.close()
        for end in self.ends:
            os.close(end)
        self.size, self.ends, self.peers, self.pipes = 0, [], {}, {}
        self.parts.clear()
        if dist.is_initialized():
            dist.destroy_process_group()


class Spread:
    """A state over ranks: what `adopt` gives, what `step` changes in place."""

    def __init__(self, decomposition: Decomposition, case: Case, ranks: int, state: State):
        self.decomposition, self.case, self.ranks = decomposition, case, ranks
        self.settle(crew_of(ranks), state)

    def settle(self, crew: Crew, state: State) -> None:
        """Scatter the state over the ranks of that crew."""
        self.crew, self.team = crew, Team(0, self.ranks)
        self.kept = {name: getattr(state, name) for name in self.decomposition.kept}
        crew.made += 1
        self.key, d = crew.made, self.decomposition
        about = d.fields({n: (tuple(t.shape), t.dtype) for n, t in fields(state).items()})
        words = (self.key, d.module, self.case, self.ranks, about)
        with crew.together(self.ranks, "adopt", *words):
            crew.parts[self.key] = d.scatter(self.case, self.team, about, state)
        crew.states.add(self)
        weakref.finalize(self, forget, crew, self.key)

    def step(self) -> Spread:
        with self.crew.together(self.ranks, "step", self.key):
            self.crew.parts[self.key].step()
        return self

    def observe(self) -> State:
        """The canonical state, in new memory but for fields that no step changes."""
        with self.crew.together(self.ranks, "observe", self.key):
            part = self.crew.parts[self.key]
            return self.decomposition.gather(self.case, self.team, part, self.kept)


def forget(crew: Crew, key: int) -> None:
    """A state that nobody holds any more; its peers hear of it with the next command."""
    crew.dropped.append(key)
    crew.parts.pop(key, None)


current: list[Crew] = []  # of this process: torch.distributed has one world in each


def crew_of(ranks: int) -> Crew:
    """The crew of this process, made larger where it has too few ranks: states move over.

    Raises:
        RankLost: a peer did not start.
        RuntimeError: this process is a rank of somebody else's world.
    """
    if current and current[0].size >= ranks:
        return current[0]
    moving = []
    if current:
        old = current.pop()
        moving = [(one, one.observe()) for one in list(old.states) if old.size]
        old.close()
    elif dist.is_initialized():
        raise RuntimeError(
            "this process has a process group already; allowed: none, rank 0 starts its own peers; "
            "under torchrun use `python -m groundspeed.tools.ranks.run`"
        )
    current.append(Crew(ranks))
    for one, state in moving:
        one.settle(current[0], state)
    return current[0]


@atexit.register
def end_crew() -> None:
    """At the end of the process, and where a test wants a new one."""
    while current:
        current.pop().close()


@contextmanager
def loopback() -> Iterator[None]:
    """Meanwhile gloo binds to this machine's own address, whatever its name resolves to."""
    before = os.environ.get("GLOO_SOCKET_IFNAME")
    os.environ["GLOO_SOCKET_IFNAME"] = "lo0" if sys.platform == "darwin" else "lo"
    try:
        yield
    finally:
        if before is None:
            del os.environ["GLOO_SOCKET_IFNAME"]
        else:
            os.environ["GLOO_SOCKET_IFNAME"] = before


def first_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {(str(error).splitlines() or ['it said nothing'])[0][:200]}"


def over_ranks(decomposition: Decomposition, ranks: int) -> Engine:
    """The engine over that many ranks: `adopt` scatters a state, `observe` gathers it."""

    def prepare(case: Case) -> Step:
        decomposition.slabs(case, ranks)  # refuses what cannot be cut
        crew_of(ranks)
        return Spread.step

    return replace(
        decomposition.engine,
        stepper=prepare,
        adopt=lambda case, state: Spread(decomposition, case, ranks, state),
        observe=lambda _, working: working.observe(),
        in_place=True,
        needs=(*decomposition.engine.needs, f"ranks:{ranks}"),
        opaque="the other ranks work in processes of their own",
    )
