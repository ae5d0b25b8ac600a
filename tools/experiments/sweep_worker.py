"""One process of a sweep: checks and times optimizations at any size.

    python -m tools.experiments.sweep_worker ENGINE THREADS

Reads requests, one JSON object a line, and answers likewise. A size that no verdict covers is
compared with the baseline on the spot, at the level that the optimization claims, before a
clock is started: a speed whose answer was not looked at is never shown.
"""

from __future__ import annotations

import gc
import json
import random
import sys
import warnings
from dataclasses import replace
from functools import lru_cache
from time import perf_counter

import torch

import baselines
from baselines.engine import Case, Engine, State
from tools.experiments.sweep_sizes import case_at
from tools.timing.interleaved import fewest
from tools.timing.intervals import within
from tools.timing.runners import Contender
from validation import discovery
from validation.claims import Agreement
from validation.records import digests
from validation.reference.distance import Distance, distance, least, widest
from validation.reference.trajectory import SLACK, own_error, reference, truth

CHECKED = 2  # calls of the candidate that are compared
BLOCK_S = 2e-3
MOST = 60  # rounds
KEPT = 2  # sizes, of which the optimizations of an engine share start and reference


class Wrong(RuntimeError):
    """The candidate computed something else there."""


@lru_cache(maxsize=KEPT)
def case_of(engine: str, size: str, dtype: str) -> Case:
    return case_at(baselines.load(engine), size, dtype)


@lru_cache(maxsize=KEPT)
def start_of(engine: str, size: str, dtype: str) -> State:
    return baselines.load(engine).initial(case_of(engine, size, dtype))


def answer(request: dict) -> dict:
    """The ratio candidate / baseline in one scenario, or why there is none."""
    claim = discovery.claim(request["optimization"])
    where = (claim.engine.name, request["size"], request["dtype"])
    try:
        case, start = case_of(*where), start_of(*where)
        checked = compare(claim, where, case)
        return checked | timed(claim, case, start, request["budget_s"])
    except Wrong as wrong:
        return {"reason": f"computes something else here: {wrong}"}
    except Exception as error:
        first = (str(error).splitlines() or [""])[0]
        return {"reason": f"refused: {type(error).__name__}: {first[:160]}"}


@lru_cache(maxsize=KEPT)
def known(engine: str, size: str, dtype: str, steps: int):
    """The baseline's state after some steps, the truth, and how far right answers may lie."""
    base, case = baselines.load(engine), replace(case_of(engine, size, dtype), steps=steps)
    run = reference(base, case)
    true = run if case.is_truth else truth(base, case, run.start)
    return run.states[steps], true.states[steps]


@lru_cache(maxsize=KEPT)
def allowed(engine: str, size: str, dtype: str, steps: int) -> dict[str, Distance]:
    base, case = baselines.load(engine), replace(case_of(engine, size, dtype), steps=steps)
    return own_error(base, case)[f"step {steps}"]


def compare(claim: Agreement, where: tuple, case: Case) -> dict[str, str]:
    """Some calls of the candidate against the baseline, at the level that it claims.

    Raises:
        Wrong: naming the field that is off.
    """
    engine = claim.engine
    steps = min(CHECKED * engine.stride, case.steps // engine.stride * engine.stride)
    base, true = known(*where, steps)
    ours = engine.runner(case)(start_of(*where), steps)
    for name, got, want, exact in zip(base._fields, ours, base, true, strict=True):
        floating = want.is_floating_point() or want.is_complex()
        if got.shape != want.shape or got.dtype != want.dtype:
            raise Wrong(f"{name} has another shape or type")
        if torch.equal(digests.bits(got), digests.bits(want)):
            continue
        if claim.level == "exact" or not floating:
            raise Wrong(f"{name} is not the same bit for bit after {steps} steps")
        limit = widest(allowed(*where, steps)[name].scaled(SLACK), least(want))
        share = distance(got, exact).over(limit)
        if not share <= 1:
            raise Wrong(f"{name} is {share:.3g} times as far off as it may be after {steps} steps")
    return {"checked": f"{steps} steps, {claim.level}"}


def timed(claim: Agreement, case: Case, start: State, budget_s: float) -> dict[str, float]:
    """Paired blocks in random order; by processor time on one thread, else by wall clock."""
    base, ours = (Contender(e, case, start) for e in (claim.baseline, claim.engine))
    steps = block(base, claim.engine, case)
    clock = 0 if torch.get_num_threads() > 1 else 1
    rng, rows, made = random.Random(0), [], 0
    began = perf_counter()
    for side in (base, ours):
        side.restart()
    needed = fewest(base.once_s * steps)
    while len(rows) < needed or (len(rows) < MOST and perf_counter() - began < budget_s):
        if made + steps > case.steps:
            made = 0
            base.restart()
            ours.restart()
        order = rng.sample((base, ours), 2)
        found = {id(side): side.make(steps)[clock] / steps for side in order}
        rows.append((found[id(base)], found[id(ours)]))
        made += steps
    ratio = within([b / max(a, 1e-12) for a, b in rows])
    seconds = [sorted(column)[len(rows) // 2] for column in zip(*rows, strict=True)]
    return {
        "ratio": ratio.value,
        "low": ratio.low,
        "high": ratio.high,
        "baseline_s": seconds[0],
        "candidate_s": seconds[1],
        "rounds": len(rows),
    }


def block(base: Contender, engine: Engine, case: Case) -> int:
    """Steps of a block: whole calls, long enough for the clock, within the trajectory."""
    wanted = max(1, round(BLOCK_S / max(base.once_s, 1e-7)))
    return max(1, min(wanted, case.steps) // engine.stride) * engine.stride


def main() -> None:
    torch.set_num_threads(int(sys.argv[2]))
    warnings.simplefilter("ignore")
    gc.disable()
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)
        gc.collect()


if __name__ == "__main__":
    main()
