"""One process of a sweep: checks and times optimizations at any size.

    python -m groundspeed.tools.experiments.sweep_worker

Reads requests, one JSON object a line, and answers likewise. A size that no verdict covers is
compared with the baseline on the spot, at the level that the optimization claims, before a
clock is started: a speed whose answer was not looked at is never shown.
"""

import random
from dataclasses import replace
from functools import lru_cache
from statistics import median

import torch

from groundspeed import baselines
from groundspeed.baselines.engine import Case, State
from groundspeed.tools.experiments.sweep_sizes import case_at
from groundspeed.tools.process import serve
from groundspeed.tools.timing.aggregate import ratios
from groundspeed.tools.timing.interleaved import ALONE, block_length, fewest, rounds
from groundspeed.tools.timing.intervals import within
from groundspeed.tools.timing.runners import Runner, collect
from groundspeed.validation import discovery
from groundspeed.validation.claims import Agreement
from groundspeed.validation.judge.compare import Check, compare
from groundspeed.validation.judge.findings import CaseResult
from groundspeed.validation.reference.allowance import Allowance
from groundspeed.validation.reference.distance import Distance
from groundspeed.validation.reference.trajectory import SLACK, own_error, reference, truth

CHECKED = 2  # calls of the candidate that are compared
MOST = 60  # rounds
KEPT = 2  # sizes, of which the optimizations of an engine share start and reference


@lru_cache(maxsize=KEPT)
def place(engine: str, size: str, dtype: str) -> tuple[Case, State]:
    """The case of that size, and its start."""
    base = baselines.load(engine)
    case = case_at(base, size, dtype)
    return case, base.initial(case)


@lru_cache(maxsize=KEPT)
def known(engine: str, case: Case) -> tuple[State, State]:
    """The baseline's state at the end of a case, and the truth."""
    run = reference(baselines.load(engine), case)
    return run.states[case.steps], truth(baselines.load(engine), run).states[case.steps]


@lru_cache(maxsize=KEPT)
def allowed(engine: str, case: Case) -> dict[str, Distance]:
    """How far right answers may lie from the truth there."""
    return own_error(baselines.load(engine), case)[f"step {case.steps}"]


def answer(request: dict) -> dict:
    """The ratio candidate / baseline in one scenario, or why there is none."""
    collect()
    claim = discovery.claim(request["optimization"])
    where = (claim.engine.name, request["size"], request["dtype"])
    try:
        steps, wrong = first_calls(claim, where)
        if wrong:
            return {"reason": f"computes something else here: {wrong}"}
        found = timed(claim, *place(*where), request["budget_s"])
        return {"checked": f"{steps} steps, {claim.level}"} | found
    except Exception as error:
        first = (str(error).splitlines() or [""])[0]
        return {"reason": f"refused: {type(error).__name__}: {first[:160]}"}


def first_calls(claim: Agreement, where: tuple[str, str, str]) -> tuple[int, str]:
    """The steps that the candidate's first calls make, and what is wrong after them at the level
    that it claims."""
    engine, (case, start), found = claim.engine, place(*where), CaseResult()
    steps = min(CHECKED * engine.stride, case.steps // engine.stride * engine.stride)
    short = replace(case, steps=steps)
    want, true = known(engine.name, short)
    got = engine.runner(case)(start, steps)
    allowance = Allowance(lambda field: allowed(engine.name, short)[field].scaled(SLACK))
    compare(claim, found, Check(f"step {steps}", got, want, lambda: true, allowance, still=()))
    return steps, (found.broken or [""])[0]


def timed(claim: Agreement, case: Case, start: State, budget_s: float) -> dict[str, float]:
    """Paired blocks in random order; by processor time on one thread, else by wall clock."""
    engines = {"baseline": claim.baseline, "candidate": claim.engine}
    sides = {who: Runner(engine, case, start) for who, engine in engines.items()}
    steps = block_length(sides["baseline"], claim.engine.stride)
    limits = (max(ALONE, fewest(sides["baseline"].once_s * steps)), MOST)
    found = rounds(sides, steps, random.Random(0), limits, budget_s)
    clock = 0 if torch.get_num_threads() > 1 else 1
    ratio, low, high = within(ratios(found, "candidate", clock))
    seconds = {f"{who}_s": median(row[who][clock] for row in found) for who in sides}
    return {"ratio": ratio, "low": low, "high": high, "rounds": len(found)} | seconds


if __name__ == "__main__":
    serve(answer)
