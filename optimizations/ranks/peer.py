"""The process of a peer: it does what rank 0 commands until the pipe closes."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection

import torch
import torch.distributed as dist

from .crew import first_line, loopback
from .decomposition import Decomposition, Part
from .team import PATIENCE, Team


def serve(load: Callable[[str], Decomposition]) -> None:
    """Join the process group that the variables name, and answer each command when it is done.

    Args:
        load: the decomposition of the module of that name.
    """
    rank, size = (int(os.environ[name]) for name in ("RANK", "WORLD_SIZE"))
    commands, life = map(int, os.environ.pop("GROUNDSPEED_RANK_PIPES").split(","))
    threading.Thread(target=end_with, args=(life,), daemon=True).start()
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    pipe, doing = Connection(commands), "the start"
    try:
        pipe.send("")
        store = dist.TCPStore(os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]), size)
        with loopback():
            dist.init_process_group(
                "gloo", store=store, rank=rank, world_size=size, timeout=PATIENCE
            )
        peer = Peer(load, rank)
        while True:
            dropped, doing, *words = pipe.recv()
            peer.drop(dropped)
            getattr(peer, doing)(*words)
            pipe.send("")
    except (EOFError, ConnectionError):
        os._exit(0)  # rank 0 has ended
    except Exception as error:
        pipe.send(f"rank {rank} of {size} failed in {doing}: {first_line(error)}")
        os._exit(1)


def end_with(life: int) -> None:
    """End this process, also in the middle of a message, when the other end of the pipe closes."""
    os.read(life, 1)
    os._exit(0)


class Peer:
    """What a peer can be told to do."""

    def __init__(self, load: Callable[[str], Decomposition], rank: int):
        self.load, self.rank = load, rank
        self.parts: dict[int, Part] = {}
        self.about: dict[int, tuple] = {}

    def adopt(self, key, module, case, ranks, fields) -> None:
        decomposition, team = self.load(module), Team(self.rank, ranks)
        self.parts[key] = decomposition.scatter(case, team, fields, None)
        self.about[key] = decomposition, case, team

    def drop(self, keys: tuple[int, ...]) -> None:
        for key in keys:
            self.parts.pop(key, None)
            self.about.pop(key, None)

    def step(self, key: int) -> None:
        self.parts[key].step()

    def observe(self, key: int) -> None:
        decomposition, case, team = self.about[key]
        decomposition.gather(case, team, self.parts[key], {})
