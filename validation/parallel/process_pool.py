"""Pool of fresh processes, and the judge's batches in one."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import active_children, get_context, parent_process
from signal import SIG_IGN, SIGINT, SIGKILL, signal
from threading import Thread

from groundspeed.validation.tiers import Coverage
from groundspeed.validation.worker import allocator
from groundspeed.validation.worker.forkserver import environment, get_ready

PROCESSES = 2  # that judge at once: memory is bounded by what two cases take
PORTION = 4  # optimizations that share what is made of a case; the rest is kept on disk
LISTENING_S = 0.2

Tell = Callable[[str, str], None]
speak: Tell = lambda name, line: None  # noqa: E731  (to the parent, in a process of its own)


def batches(groups: dict[str, list[str]]) -> list[list[str]]:
    """Names by engine, a few at a time, the engines taking turns: what one portion makes of
    the baseline is on file when the next one comes."""
    cut = []
    for engine, names in sorted(groups.items()):
        count = -(-len(names) // PORTION)
        cut += [(turn, engine, names[turn::count]) for turn in range(count)]
    return [names for _, _, names in sorted(cut)]


@contextmanager
def processes(
    work: str, count: int, prepare: Callable[..., object] | None = None, *given
) -> Iterator[ProcessPoolExecutor]:
    """A pool of so many processes that ends with the block and with this process.

    Each begins with ``prepare(*given)``; this process alone hears Ctrl-C.

    Raises:
        RuntimeError: a process was killed; what was finished is on file.
    """
    others = active_children()
    pool = ProcessPoolExecutor(count, get_context("spawn"), begin, (prepare, given))
    try:
        yield pool
    except BrokenProcessPool:
        raise RuntimeError(f"a {work} process was killed (out of memory?); run it again") from None
    finally:
        for process in active_children():
            if process not in others:
                process.kill()
        # else the interpreter, where it ends, may write into a pipe that the pool's thread closes
        pool.shutdown(wait=True, cancel_futures=True)


def begin(prepare: Callable[..., object] | None, given: tuple) -> None:
    """In the new process, which does not outlive the one that started it, however that ends."""

    def watch() -> None:
        parent_process().join()
        os.kill(os.getpid(), SIGKILL)

    signal(SIGINT, SIG_IGN)
    Thread(target=watch, daemon=True).start()
    if prepare:
        prepare(*given)


def side_by_side(
    work: Callable, parts: list[list[str]], coverage: Coverage, tell: Tell
) -> Iterator:
    """What ``work(names, coverage, tell)`` yields for each part, in processes of their own."""
    messages = get_context("spawn").SimpleQueue()
    names = [name for part in parts for name in part]
    with processes("judging", PROCESSES, get_ready_to_judge, messages, names) as pool:
        with environment(**allocator.LARGE_PAGES):  # all of them start with the first
            waiting = {pool.submit(through, work, names, coverage) for names in parts}
        while waiting:
            done, waiting = wait(waiting, LISTENING_S, FIRST_COMPLETED)
            while not messages.empty():
                tell(*messages.get())
            for one in done:
                yield from one.result()


def get_ready_to_judge(messages, names: list[str]) -> None:
    """In the new process: the parent hears what is at work."""
    global speak
    allocator.keep_freed()
    get_ready(names)
    speak = lambda name, line: messages.put((name, line))  # noqa: E731


def through(work: Callable, names: list[str], coverage: Coverage) -> list:
    """In the new process: all of a part."""
    return list(work(names, coverage, speak))
