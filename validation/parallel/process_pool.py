"""Process pool of the judge: batches of one engine, side by side."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import active_children, get_context, parent_process
from signal import SIG_IGN, SIGINT, SIGKILL, signal
from threading import Thread

from validation.tiers import Coverage
from validation.worker import allocator
from validation.worker.forkserver import environment, get_ready

PROCESSES = 2  # that judge at once: memory is bounded by what two cases take
PORTION = 4  # optimizations that share what is made of a case; the rest is kept on disk
LISTENING_S = 0.2

Tell = Callable[[str, str], None]
speak: Tell = lambda name, line: None  # noqa: E731  (to the parent, in a process of its own)


def portions(groups: dict[str, list[str]]) -> list[list[str]]:
    """Names by engine, a few at a time, the engines taking turns: what one portion makes of
    the frozen engine is on file when the next one comes."""
    cut = []
    for engine, names in sorted(groups.items()):
        count = -(-len(names) // PORTION)
        cut += [(turn, engine, names[turn::count]) for turn in range(count)]
    return [names for _, _, names in sorted(cut)]


def side_by_side(
    work: Callable, parts: list[list[str]], coverage: Coverage, tell: Tell
) -> Iterator:
    """What ``work(names, coverage, tell)`` yields for each part, in processes of their own.

    Raises:
        RuntimeError: a process was killed; what was finished is on file.
    """
    context, others = get_context("spawn"), active_children()
    said = context.SimpleQueue()
    names = [name for part in parts for name in part]
    pool = ProcessPoolExecutor(PROCESSES, context, initializer=listen_to, initargs=(said, names))
    try:
        with environment(
            **allocator.LARGE_PAGES
        ):  # all of the pool's processes start with the first
            waiting = {pool.submit(through, work, names, coverage) for names in parts}
        while waiting:
            done, waiting = wait(waiting, LISTENING_S, FIRST_COMPLETED)
            while not said.empty():
                tell(*said.get())
            for one in done:
                yield from one.result()
    except BrokenProcessPool:
        raise RuntimeError("a judging process was killed (out of memory?); run it again") from None
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in active_children():
            if process not in others:
                process.kill()


def listen_to(said, names: list[str]) -> None:
    """In the new process: the parent alone hears Ctrl-C, and hears what is at work."""
    global speak
    signal(SIGINT, SIG_IGN)
    end_with_parent()
    allocator.keep_freed()
    get_ready(names)
    speak = lambda name, line: said.put((name, line))  # noqa: E731


def end_with_parent() -> None:
    """This process does not outlive the one that started it, however that ends."""

    def watch() -> None:
        parent_process().join()
        os.kill(os.getpid(), SIGKILL)

    Thread(target=watch, daemon=True).start()


def through(work: Callable, names: list[str], coverage: Coverage) -> list:
    """In the new process: all of a part."""
    return list(work(names, coverage, speak))
