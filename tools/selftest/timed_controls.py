"""Controls that only the clock can reject: they are wrong only while they are timed."""

from __future__ import annotations

import gc
import json
import os
from contextlib import closing
from multiprocessing import get_context
from pathlib import Path
from shutil import rmtree

import baselines
from validation.judge.verdicts import CaseSummary, Status, Summary
from validation.protocol import JUDGE
from validation.records.errors import NotMeasured
from validation.tiers import Coverage
from validation.worker.client import scratch_folder

ROUNDS = 20  # blocks of timed calls for a control that the clock judges
BLOCK = 8  # steps of a block, or as many as half the trajectory has


def timed(part: str, entry) -> str:
    """Why the clock rejects a control; empty if it accepts it."""
    from tools.timing import aggregate, sanity, session

    folder = scratch_folder()
    try:
        whole = in_a_fork(part, entry.name, folder)
        if whole["lost"]:
            raise NotMeasured(f"{entry.name}: {whole['lost'][entry.name]}")
        right = session.right_answers(entry.engine, whole, {entry.level}, {})
        own = aggregate.part(whole, entry.name)
        sanity.refuse_wrong_answers(unsealed(entry), own, right)
        sanity.refuse_work_put_off(entry.name, entry.case, [own])
        if words := sanity.slowing(entry.case, [witnessed(entry, whole)]):
            raise NotMeasured(f"{entry.name}/{words}")
    except NotMeasured as refused:
        return str(refused)
    finally:
        rmtree(folder, ignore_errors=True)
    return ""


def witnessed(entry, whole: dict) -> list[list[float]]:
    """Baseline time beside the control over its time alone, block by block."""
    from tools.timing.isolated_baseline import Witness

    words = {"frozen": entry.case, "steps": whole["steps"], "level": entry.level, "device": "cpu"}
    with closing(Witness(entry.engine)) as witness:
        witness.follow(os.getpid())
        witness.begin(words | {"rounds": [ROUNDS, ROUNDS + 1]})
        for _ in whole["rounds"]:
            witness.round_over()
        return witness.end(whole["rounds"])


def in_a_fork(part: str, name: str, folder: Path) -> dict:
    """What the timing worker measures of the control, in a forked process."""
    context = get_context("forkserver")
    context.set_forkserver_preload(
        ["validation.worker.server", "validation.corpus.must_reject", __name__]
    )
    process = context.Process(target=time_entry, args=(f"{part}/{name}", folder))
    process.start()
    process.join(60.0)
    process.kill()
    try:
        return json.loads((folder / "row").read_text())
    except (FileNotFoundError, ValueError):
        raise NotMeasured(f"{name}: the timing process ended with {process.exitcode}") from None


def time_entry(key: str, folder: Path) -> None:
    """In the forked process: a fixed number of blocks and steps, however busy the machine is."""
    import torch

    from tools.timing import worker
    from validation import corpus

    torch.set_num_threads(1)
    entry = corpus.find(key)
    steps = max(1, min(BLOCK, baselines.load(entry.engine).cases[entry.case].steps // 2))
    gc.disable()
    candidates = {entry.name: entry.candidate()}
    words = (
        candidates,
        entry.case,
        1,
        0.0,
        lambda said: None,
        entry.level,
        folder,
        (ROUNDS, steps),
    )
    partial = folder / "row.tmp"
    partial.write_text(json.dumps(worker.measure_case(*words, (ROUNDS, steps))))
    os.replace(partial, folder / "row")


def unsealed(entry) -> Summary:
    """A verdict for the clock, of a control that has no folder."""
    return Summary(
        optimization=entry.name,
        engine=entry.engine,
        level=entry.level,
        because=entry.name,
        expected="verified",
        status=Status.VERIFIED,
        reason="",
        coverage=Coverage.SMALL,
        protocol=JUDGE.number,
        cases={entry.case: CaseSummary()},
    )
