"""One process of the experiment: identical code and known slowdowns, interleaved.

    python -m groundspeed.tools.experiments.error_rates_worker

Work: 100 calls of (mul, add_) on a 128² float32 grid, about 2 ms. The contenders are the
engine itself (A), itself once more (A/A), and itself with 2 and 5 calls in a hundred more.
Reads a seed and answers with one JSON object:

    turns        contender: "wall:processor" of each round, in units of 100 ns
    sequential   contender: seconds of blocks made one after another, as a naive benchmark does
    overhead     pairs of seconds a call, by the clock's loop and by torch's own timer: of an
                 empty call, and of one of 100 µs
"""

import random
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import torch
from torch.utils.benchmark import Timer

from groundspeed.baselines.engine import Case, Engine, Stage, Step
from groundspeed.tools.process import serve
from groundspeed.tools.timing.interleaved import Seconds, in_random_order
from groundspeed.tools.timing.runners import Runner, collect
from groundspeed.validation.records.results import significant

CALLS = 100
SLOWER = {"A": 0, "A/A": 0, "+2 %": 2, "+5 %": 5}
ROUNDS = 480
SEQUENTIAL = 60  # blocks of each contender
CALL_S = 1e-4
PAIRS = 60  # of the overhead
CALLS_A_PAIR = 20
DIGITS = 5


class Grid(NamedTuple):
    u: torch.Tensor


def decay(_: Case):
    return lambda state: Grid((state.u * 0.999).add_(1e-3))


ENGINE = Engine(
    name="trial",
    cases={"grid": Case(steps=CALLS, dtype=torch.float32)},
    initial=lambda case: Grid(torch.rand(128, 128, generator=case.generator())),
    stages=(Stage("decay", decay),),
)


def runner(engine: Engine = ENGINE) -> Runner:
    case = engine.cases["grid"]
    made = Runner(engine, case, engine.initial(case))
    made.restart()
    return made


def turns(blocks: dict[str, Callable[[], Seconds]], rng: random.Random) -> dict[str, str]:
    """Rounds in random order; the first is warm-up and left out."""
    found = [in_random_order(blocks, rng) for _ in range(ROUNDS + 1)][1:]
    return {
        name: " ".join(":".join(f"{t * 1e7:.0f}" for t in times[name]) for times in found)
        for name in blocks
    }


def sequential(blocks: dict[str, Callable[[], Seconds]]) -> dict[str, list[float]]:
    """All blocks of one contender, then all of the next."""
    return {name: [block()[0] for _ in range(SEQUENTIAL)] for name, block in blocks.items()}


def overhead(rng: random.Random) -> dict[str, list[list[float]]]:
    """Seconds a call, by the clock's own loop and by torch's timer, pair by pair.

    "empty" is a call that does nothing, which leaves what the loops themselves cost; "call"
    is as many units of the work as take 100 µs. torch's timer makes two calls before it
    looks at its clock; so do we here.
    """
    unit, start = decay(ENGINE.cases["grid"]), runner().state
    once = Timer("unit(state)", globals={"unit": unit, "state": start}).timeit(200).mean
    units = range(max(1, round(CALL_S / once)))

    def call(state: Grid) -> Grid:
        for _ in units:
            state = unit(state)
        return state

    return {
        "empty": pairs(lambda state: state, CALLS_A_PAIR * 10, rng),
        "call": pairs(call, CALLS_A_PAIR, rng),
    }


def pairs(call: Step, calls: int, rng: random.Random) -> list[list[float]]:
    """Seconds a call by our loop and by torch's, in random order."""
    ours = runner(replace(ENGINE, stages=(Stage("call", lambda case: call),)))
    same = {"call": call, "start": ours.state}
    theirs = Timer("state = call(state)", setup="state = start", globals=same)
    ways = {
        "ours": lambda: (ours.make(2), ours.make(calls))[1][0] / calls,
        "theirs": lambda: theirs.timeit(calls).mean,
    }
    found = (in_random_order(ways, rng) for _ in range(PAIRS))
    return [[pair["ours"], pair["theirs"]] for pair in found]


def measure(seed: int) -> dict:
    """All that one process finds."""
    collect()
    rng = random.Random(seed)
    blocks = {name: partial(runner().make, CALLS + more) for name, more in SLOWER.items()}
    found = {"turns": turns(blocks, rng), "sequential": sequential(blocks)}
    return significant(found | {"overhead": overhead(rng)}, DIGITS)


if __name__ == "__main__":
    serve(measure)
