"""Controls that only the clock can reject: they are wrong only while they are timed."""

import os
from contextlib import closing, suppress
from multiprocessing import get_context
from pathlib import Path
from shutil import rmtree

import baselines
from validation.judge.verdicts import CaseSummary, Summary
from validation.worker.client import scratch_folder

ROUNDS = 20  # blocks of timed calls for a control that the clock judges
BLOCK = 8  # steps of a block, or as many as half the trajectory has
PATIENCE_S = 60.0


def timed(part: str, entry) -> str:
    """Why the clock rejects a control; empty if it accepts it."""
    from tools.timing import aggregate, sanity, session

    folder = scratch_folder()
    try:
        whole = in_a_fork(f"{part}/{entry.name}", folder)
        if lost := whole["lost"].get(entry.name):
            return f"{entry.name}: {lost}"
        right = session.right_answers(entry.engine, whole, entry.level, {})
        own = aggregate.part(whole, entry.name)
        about = {"optimization": entry.name, "engine": entry.engine, "level": entry.level}
        verdict = Summary.model_construct(**about, cases={entry.case: CaseSummary()})
        return (
            sanity.wrong_answers(verdict, own, right)
            or sanity.work_put_off(entry.name, entry.case, [own])
            or sanity.slowing(f"{entry.name}/{entry.case}", [isolated_pairs(entry, whole)])
        )
    finally:
        rmtree(folder, ignore_errors=True)


def isolated_pairs(entry, whole: dict) -> list[list[float]]:
    """Baseline time beside the control over its time alone, block by block."""
    from tools.timing.isolated_baseline import IsolatedBaseline

    words = {"frozen": entry.case, "steps": whole["steps"], "level": entry.level, "device": "cpu"}
    with closing(IsolatedBaseline(entry.engine)) as isolated:
        isolated.follow(os.getpid())
        isolated.begin(words | {"rounds": [ROUNDS, ROUNDS + 1]})
        for _ in whole["rounds"]:
            isolated.round_over()
        return isolated.end(whole["rounds"])


def in_a_fork(key: str, folder: Path) -> dict:
    """What the timing worker measures of the control, in a forked process."""
    context = get_context("forkserver")
    context.set_forkserver_preload(
        ["validation.worker.server", "validation.corpus.must_reject", __name__]
    )
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=time_entry, args=(key, folder, theirs))
    process.start()
    theirs.close()
    with suppress(EOFError):
        if ours.poll(PATIENCE_S):
            return ours.recv()
    process.kill()
    process.join()
    died = f"the timing process ended with {process.exitcode}"
    return {"lost": {key.partition("/")[2]: died}}


def time_entry(key: str, folder: Path, answer) -> None:
    """In the forked process: a fixed number of blocks and steps, however busy the machine is."""
    import torch

    from tools.timing import runners, worker
    from validation import corpus

    torch.set_num_threads(1)
    runners.collect()
    entry = corpus.find(key)
    steps = max(1, min(BLOCK, baselines.load(entry.engine).cases[entry.case].steps // 2))
    words = ({entry.name: entry.candidate()}, entry.case, 1, 0.0, lambda said: None, entry.level)
    answer.send(worker.measure_case(*words, folder, (ROUNDS, steps), memory=False))
