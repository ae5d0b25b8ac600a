"""The clock: what an optimization is worth, taken turn about in fresh processes.

It refuses whatever has no fresh VERIFIED verdict: a speed without one is not a number.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median

import torch

from tools import phases, statistics
from tools.conditions import changes, conditions
from tools.freshness import Refused, clock_digest, timed_cases
from tools.records import Measurement, Timing
from validation import digests, verdicts
from validation.isolation import scratch_folder
from validation.verdicts import Status, Verdict

PROCESSES = 4  # fresh ones, for an everyday number
PUBLISHED = 10  # for one that others are to believe
BUDGET_S = 0.6  # of rounds, for each case in each process
PATIENCE_S = 900
HIDDEN = 0.25  # of the baseline's block: work that a state's reading may add to it, at most
CEILING = 1.5  # times the in-place stream: no mix of loads and stores runs faster
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
        for row in checked_process(verdict, number, budget_s, cases):
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


def checked_process(verdict: Verdict, seed: int, budget_s: float, cases: list[str]) -> list[dict]:
    """One fresh process, and what it computed held to the frozen engine once it has ended."""
    folder = scratch_folder()
    try:
        rows = run_process(verdict, seed, budget_s, cases, folder)
        for row in rows:
            refuse_wrong_answers(verdict, row)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return rows


def run_process(
    verdict: Verdict, seed: int, budget_s: float, cases: list[str], folder: Path
) -> list[dict]:
    """One fresh process over all cases; whole states are left in the folder."""
    name = verdict.optimization
    only = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
    words = [name, str(seed), str(budget_s), verdict.level, str(folder), *cases]
    done = subprocess.run(
        [sys.executable, "-m", "tools.stopwatch", *words],
        cwd=digests.ROOT,
        env=os.environ | dict.fromkeys(only, "1") | {"PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    if done.returncode or [row["case"] for row in rows] != cases:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise Refused(f"{name}: the timing process ended with {done.returncode}: {last}")
    return rows


def refuse_wrong_answers(verdict: Verdict, row: dict) -> None:
    """The timed calls themselves must have computed the right thing, inside the window."""
    name = f"{verdict.optimization}/{row['case']}"
    torch.set_num_threads(1)
    if row["changed"]:
        raise Refused(f"{name}: changed global state while timed: {', '.join(row['changed'])}")
    try:
        row["moved"] = phases.check(verdict, row)
    except phases.WrongAnswer as wrong:
        raise Refused(f"{name}: {wrong}; it computes something else while it is timed") from None
    base, ours = (row["steps"] * middle([row["rounds"]], w) for w in ("baseline", "candidate"))
    if row["observing_s"] > max(ours, HIDDEN * base):
        raise Refused(
            f"{name}: reading the state takes {row['observing_s']:.3g} s longer after a block than "
            f"before it, allowed {max(ours, HIDDEN * base):.3g} s; the work is put off until the "
            "clock has stopped: finish it in the step"
        )


def timing(name: str, case: str, rows: list[dict]) -> Timing:
    """What the rounds of all processes add up to."""
    refuse_impossible_speed(name, case, rows)
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


def refuse_impossible_speed(name: str, case: str, rows: list[dict]) -> None:
    """More bytes a second than the machine's own stream over as much memory: not computed.

    A step must move at least ``least_bytes``, of which only the share of cells that a block
    changes is certain; and one pass of memory may serve all steps of a call.
    """
    if rows[0]["least_bytes"] is None:
        return
    shares = []
    for row in rows:
        stream = row["stream_bytes"] / min(r["stream"][0] for r in row["rounds"])
        needed = row["least_bytes"] * row["moved"] / row["stride"]
        shares.append(needed / stream / max(middle([row["rounds"]], "candidate"), 1e-12))
    share = statistics.between([max(s, 1e-12) for s in shares]) if len(shares) > 1 else None
    low = share.low if share else shares[0]
    if low > CEILING:
        raise Refused(
            f"{name}/{case}: {median(shares):.3g} times the speed at which this machine streams "
            f"the same bytes ({low:.3g} at the least), allowed {CEILING}; no step can do that: "
            "look for work that is skipped, remembered, or done outside the step"
        )


def ratios(rounds: list[dict], who: str, clock: int) -> list[float]:
    """who / baseline of every round, by wall clock (0) or processor time (1)."""
    return [r[who][clock] / max(r["baseline"][clock], 1e-12) for r in rounds]


def middle(processes: list[list[dict]], who: str) -> float:
    """Median seconds a step, over all rounds of all processes."""
    return median(r[who][1] for rounds in processes for r in rounds)
