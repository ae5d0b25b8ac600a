"""The clock: what an optimization is worth, taken turn about in fresh processes.

It refuses whatever has no fresh VERIFIED verdict: a speed without one is not a number.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from statistics import median

import baselines
from tools import statistics
from tools.conditions import changes, conditions
from tools.freshness import Refused, clock_digest, timed_cases
from tools.records import Measurement, Timing
from validation import digests, verdicts
from validation.judge import SLACK
from validation.seal import manifest
from validation.trajectory import checkpoints
from validation.verdicts import Status, Verdict

PROCESSES = 4  # fresh ones, for an everyday number
PUBLISHED = 10  # for one that others are to believe
BUDGET_S = 0.6  # of rounds, for each case in each process
PATIENCE_S = 900
CONTROL_OFF = math.log(1.10)  # a run whose control is further from 1 is discarded

Tell = Callable[[str], None]


def allowed_to_run(name: str, dirty: bool) -> Verdict:
    """The fresh VERIFIED verdict that a measurement needs.

    Raises:
        Refused: there is none, or the tree differs from the commit.
    """
    status, verdict, reason = verdicts.standing(name)
    if status is not Status.VERIFIED or verdict is None:
        raise Refused(f"{name} is {status}: {reason}")
    changed = [] if dirty else changes()
    if changed:
        raise Refused(
            f"the tree differs from the commit in {len(changed)} files ({changed[0]}, …): a number "
            "would be filed under code that did not produce it; commit, or say --dirty"
        )
    return verdict


def measure(
    name: str,
    *,
    full: bool = False,
    dirty: bool = False,
    processes: int = PROCESSES,
    budget_s: float = BUDGET_S,
    tell: Tell = lambda line: None,
) -> Measurement:
    """Time the optimization beside its baseline; the record, not yet written.

    Raises:
        Refused: no fresh VERIFIED verdict, a dirty tree, a candidate that computed something
            else while it was timed, or a control that is off.
    """
    verdict = allowed_to_run(name, dirty)
    cases = timed_cases(verdict, full)
    if not cases:
        raise Refused(f"{name} covers no timed case; mark one as timed in its baseline's cases")
    before = conditions()
    rows: dict[str, list[dict]] = {case: [] for case in cases}
    for number in range(processes):
        tell(f"process {number + 1} of {processes}")
        for row in run_process(name, number, budget_s, cases):
            refuse_wrong_answers(name, verdict, row)
            rows[row["case"]].append(row)
    return Measurement(
        optimization=name,
        engine=verdict.engine,
        level=verdict.level,
        verdict=verdict.seal,
        verdict_digests=verdict.digests,
        clock=clock_digest(),
        conditions=before,
        cases={case: timing(name, case, rows[case]) for case in cases},
    )


def run_process(name: str, seed: int, budget_s: float, cases: list[str]) -> list[dict]:
    """One fresh process over all cases."""
    only = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
    done = subprocess.run(
        [sys.executable, "-m", "tools.stopwatch", name, str(seed), str(budget_s), *cases],
        cwd=digests.ROOT,
        env=os.environ | dict.fromkeys(only, "1") | {"PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise Refused(f"{name}: the timing process ended with {done.returncode}: {last}")
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def refuse_wrong_answers(name: str, verdict: Verdict, row: dict) -> None:
    """The timed calls themselves must have computed the right thing."""
    case = baselines.load(verdict.engine).cases[row["case"]]
    seal = manifest(verdict.engine)
    for made, apart in row["ends"]:
        mark = next(n for n in checkpoints(case) if n >= made)
        for field, off in apart.items():
            allowed = 0.0
            if verdict.level == "rounding":
                # both sides may lie on either side of the truth
                allowed = 2 * SLACK * seal.allowed(row["case"], f"step {mark}", field)[1]
            if not off <= allowed:
                raise Refused(
                    f"{name}/{row['case']}: {field} was {off:.3g} off after {made} timed steps, "
                    f"allowed {allowed:.3g}; it computes something else while it is timed"
                )


def timing(name: str, case: str, rows: list[dict]) -> Timing:
    """What the rounds of all processes add up to."""
    processes = [row["rounds"] for row in rows]
    wall, cpu, control, control_cpu = (
        [statistics.within(ratios(rounds, who, clock)) for rounds in processes]
        for who, clock in (("candidate", 0), ("candidate", 1), ("control", 0), ("control", 1))
    )
    ratio, cpu_ratio, noise, noise_cpu = (
        statistics.between([i.value for i in found]) for found in (wall, cpu, control, control_cpu)
    )
    floor = min(abs(math.log(i.value)) for i in (noise, noise_cpu))
    if floor > CONTROL_OFF:
        raise Refused(
            f"{name}/{case}: the baseline against itself came out at {noise.value:.3f}, allowed "
            "0.909 to 1.1; the machine is too busy: wait and measure again"
        )
    base, ours = (middle(processes, who) for who in ("baseline", "candidate"))
    stream = rows[0]["stream_bytes"] / middle(processes, "stream")
    least = rows[0]["least_bytes"]
    first, base_first = (
        median(row["first_call_s"][who] for row in rows) for who in ("candidate", "baseline")
    )
    return Timing(
        ratio=ratio.value,
        low=ratio.low,
        high=ratio.high,
        cpu_ratio=cpu_ratio.value,
        cpu_low=cpu_ratio.low,
        cpu_high=cpu_ratio.high,
        ratios=[i.value for i in wall],
        within_width=median(i.width for i in wall),
        control=noise.value,
        control_low=noise.low,
        control_high=noise.high,
        word=statistics.verdict(ratio, cpu_ratio, floor),
        baseline_s=base,
        candidate_s=ours,
        first_call_s=first,
        pays_back_after=(first - base_first) / (base - ours) if base > ours else None,
        peak_bytes={who: rows[0]["peak_bytes"][who] for who in ("baseline", "candidate")},
        stream_gb_s=stream / 1e9,
        share_of_limit=least / stream / ours if least else None,
        steps=rows[0]["steps"],
        processes=processes,
    )


def ratios(rounds: list[dict], who: str, clock: int) -> list[float]:
    """who / baseline of every round, by wall clock (0) or processor time (1)."""
    return [r[who][clock] / max(r["baseline"][clock], 1e-12) for r in rounds]


def middle(processes: list[list[dict]], who: str) -> float:
    """Median seconds a step, over all rounds of all processes."""
    return median(r[who][1] for rounds in processes for r in rounds)
