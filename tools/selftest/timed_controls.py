"""Controls that only the clock can reject: they are wrong only while they are timed."""

import atexit
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from shutil import rmtree
from time import perf_counter

from groundspeed import baselines
from groundspeed.validation.judge.verdicts import CaseSummary, Summary
from groundspeed.validation.worker.client import scratch_folder

ROUNDS = 20  # blocks of timed calls for a control that the clock judges
BLOCK = 8  # steps of a block, or as many as half the trajectory has
PATIENCE_S = 60.0
PROCESSES = 3
GAIN = 0.8  # of the frozen engine's time: below it a control gets a number


def timed(part: str, entry) -> str:
    """Why the clock gives a control no gain; empty if it gives one in each of several processes,
    as a number needs them."""
    return next(filter(None, (one_process(part, entry) for _ in range(PROCESSES))), "")


def one_process(part: str, entry) -> str:
    """What one process shows of it."""
    from groundspeed.tools.timing import aggregate, sanity, session

    folder = scratch_folder()
    try:
        found = in_a_fork(f"{part}/{entry.name}", entry.engine, folder)
        if lost := found.row["lost"].get(entry.name):
            return f"{entry.name}: {lost}"
        right = session.right_answers(entry.engine, found.row, {})
        own = aggregate.part(found.row, entry.name)
        own |= {"moved": right.moved, "written": right.written}
        about = {"optimization": entry.name, "engine": entry.engine, "level": entry.level}
        verdict = Summary.model_construct(**about, cases={entry.case: CaseSummary()})
        where = f"{entry.name}/{entry.case}"
        ratio = max(aggregate.medians([own["rounds"]], "candidate", clock)[0] for clock in (0, 1))
        return (
            sanity.wrong_answers(verdict, own, right)
            or sanity.slowing(where, [found.isolated_pairs])
            or sanity.impossible_speed(entry.name, entry.case, [own])
            or (f"{where}: takes {ratio:.3g} times as long, no gain" if ratio > GAIN else "")
        )
    finally:
        rmtree(folder, ignore_errors=True)


def in_a_fork(key: str, engine: str, folder: Path):
    """The case as the parent hears of it (`tools.timing.worker_client.TimedCase`), timed in a
    forked process."""
    from groundspeed.tools.timing.worker_client import TimedCase, follow

    context = get_context("forkserver")
    context.set_forkserver_preload(
        [
            "groundspeed.validation.worker.server",
            "groundspeed.validation.corpus.must_reject",
            __name__,
        ]
    )
    ours, theirs = context.Pipe()
    process = context.Process(target=time_entry, args=(key, folder, theirs))
    process.start()
    theirs.close()

    def messages() -> Iterator[tuple[float, dict]]:
        while ours.poll(PATIENCE_S):
            yield perf_counter(), ours.recv()

    heard, isolated = [], isolated_baseline(engine)
    isolated.follow(process.pid)
    with suppress(EOFError):
        for found in follow(messages(), ours.send, isolated):
            heard.append(found)
    process.kill()
    process.join()
    if heard:
        return heard[0]
    died = f"the timing process ended with {process.exitcode}"
    return TimedCase({"lost": {key.partition("/")[2]: died}})


@cache
def isolated_baseline(engine: str):
    """One for all controls of an engine: none of them ever enters its process."""
    from groundspeed.tools.timing.isolated_baseline import IsolatedBaseline

    made = IsolatedBaseline(engine)
    atexit.register(made.close)
    return made


def time_entry(key: str, folder: Path, parent) -> None:
    """In the forked process: a fixed number of blocks and steps, however busy the machine is."""
    import torch

    from groundspeed.tools.timing import prepared_case, runners, worker_client
    from groundspeed.validation import corpus

    def tell(words: dict) -> object:
        parent.send(words)
        return parent.recv() if worker_client.waits(words) else None

    torch.set_num_threads(1)
    runners.collect()
    entry = corpus.find(key)
    steps = max(1, min(BLOCK, baselines.load(entry.engine).cases[entry.case].steps // 2))
    prepared = prepared_case.prepare({entry.name: entry.candidate()}, entry.case, steps)
    words = ([entry.name], 1, 0.0, tell, folder)
    tell(prepared.measure(*words, rounds=ROUNDS, memory=False))
