"""A run over ranks, under torchrun: the engine that the judge verifies, without the judge.

    torchrun --nproc-per-node 2 -m groundspeed.tools.ranks.run lattice_field_ranks \
        --case packet_64 --steps 100 --checkpoints runs/a --every 50

Every rank runs this. Rank 0 prints one line of JSON: seconds a step of the slowest rank, and for
each rank which share of them it spent on messages. With ``--device cuda`` each rank takes the GPU
of its local number and NCCL carries the messages.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from time import perf_counter

import torch
import torch.distributed as dist

from groundspeed.baselines.engine import Case
from groundspeed.tools.ranks import checkpoints
from groundspeed.tools.ranks.this_rank import Ranks
from groundspeed.validation.records import digests
from groundspeed.validation.records.atomic import write_atomic
from groundspeed.validation.records.errors import UnknownName

BACKENDS = {"cpu": "gloo", "cuda": "cpu:gloo,cuda:nccl"}


def case_of(ranks: Ranks, name: str, shape: str) -> Case:
    """The named case, at another size where one is given.

    Raises:
        UnknownName: there is no such case.
        ValueError: a size that the engine or the decomposition does not allow.
    """
    cases = ranks.decomposition.engine.cases
    if name not in cases:
        raise UnknownName.of("case", name, cases)
    case = cases[name]
    return replace(case, shape=tuple(map(int, shape.split(",")))) if shape else case


def run(options: argparse.Namespace, device: str) -> dict | None:
    """All of it; what rank 0 has to say."""
    ranks = Ranks(options.name, device)
    case, begun = case_of(ranks, options.case, options.shape), 0
    if options.resume:
        state, begun = checkpoints.load(checkpoints.latest(options.resume), ranks, case)
        part = ranks.begin(case, state)
    else:
        part = ranks.start(case)
    for _ in range(options.warm):
        part.step()
    every: list = [None] * ranks.team.size
    own = advance(ranks, case, part, begun + options.warm, options)
    dist.all_gather_object(every, own)
    answer = {
        "ranks": ranks.team.size,
        "device": device.partition(":")[0],
        "shape": list(case.shape),
        "step": begun + options.warm + options.steps,
        "step_s": max(s for s, _ in every) / options.steps,
        "messages": [m / s for s, m in every],
    }
    if options.digest:
        whole = ranks.decomposition.gather(case, ranks.team, part)
        answer["digest"] = whole and digests.of_state(whole)
    return answer if ranks.team.rank == 0 else None


def advance(ranks: Ranks, case: Case, part, begun: int, options) -> tuple[float, float]:
    """Make the steps, and checkpoints between them; seconds of steps and of their messages."""
    took = talked = 0.0
    left, every = options.steps, options.every or options.steps
    while left:
        now = min(every, left)
        ranks.finish()
        before, ranks.messages_s = perf_counter(), 0.0
        for _ in range(now):
            part.step()
        ranks.finish()
        took, talked = took + perf_counter() - before, talked + ranks.messages_s
        left, begun = left - now, begun + now
        if options.checkpoints:
            checkpoints.save(options.checkpoints, ranks, case, part.state(), begun)
    return took, talked


def parser() -> argparse.ArgumentParser:
    known = argparse.ArgumentParser(prog="torchrun -m groundspeed.tools.ranks.run")
    known.add_argument("name", help="an optimization that works over ranks")
    known.add_argument("--case", required=True, help="a case of its baseline")
    known.add_argument("--shape", default="", help="another size of that case: 512,512,512")
    known.add_argument("--steps", type=positive, required=True)
    known.add_argument("--warm", type=int, default=0, help="steps before, which are not timed")
    known.add_argument("--checkpoints", type=Path, help="folder for checkpoints")
    known.add_argument("--every", type=int, default=0, help="steps between two checkpoints")
    known.add_argument("--resume", type=Path, help="go on from the latest checkpoint in a folder")
    known.add_argument("--device", choices=sorted(BACKENDS), default="cpu")
    known.add_argument("--digest", action="store_true", help="gather the end and say its digest")
    known.add_argument("--out", type=Path, help="write the line to a file as well")
    return known


def positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text}; allowed: a whole number of at least 1")
    return int(text)


def main() -> int:
    options = parser().parse_args()
    if "RANK" not in os.environ:
        raise SystemExit("this is no rank; run it with: torchrun --nproc-per-node N -m ...")
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    device = "cpu"
    if options.device == "cuda":
        device = f"cuda:{os.environ['LOCAL_RANK']}"
        torch.cuda.set_device(device)
    dist.init_process_group(BACKENDS[options.device])
    try:
        answer = run(options, device)
    except Exception as error:
        rank, size = dist.get_rank(), dist.get_world_size()
        first = (str(error).splitlines() or [type(error).__name__])[0]
        print(
            f"rank {rank} of {size}: {type(error).__name__}: {first}", file=sys.stderr, flush=True
        )
        os._exit(1)  # torchrun ends the others
    if answer:
        print(json.dumps(answer), flush=True)
        if options.out:
            write_atomic(options.out, json.dumps(answer) + "\n")
    dist.barrier()
    dist.destroy_process_group()
    return 0


if __name__ == "__main__":
    sys.exit(main())
