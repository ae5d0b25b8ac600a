"""What the judge is going to ask of the frozen engine, made ahead in processes of their own.

Beside one candidate a processor is idle, and Python runs one thread at a time: made in a thread,
the frozen engine's runs keep the judge waiting. They come back through what is kept on file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from signal import SIG_IGN, SIGINT, signal

from validation.parallel.process_pool import end_with_parent

Wait = Callable[[str], None]


@contextmanager
def made_ahead(*parts: Iterable[str]) -> Iterator[Wait]:
    """Each of ``parts`` makes one thing after the other and names it; here each does so in a forked
    process, and what is handed out waits until the thing of that name is made.

    Processes that end early keep nobody waiting: what they have not made is made by whoever asks.
    """
    if not parts:
        yield lambda name: None
        return
    context = get_context("fork")
    done, finished = context.Pipe(duplex=False)
    processes = [context.Process(target=work, args=(p, finished), daemon=True) for p in parts]
    for process in processes:
        process.start()
    finished.close()
    made: set[str] = set()

    def wait(name: str) -> None:
        with suppress(EOFError):
            while name not in made:
                made.add(done.recv())

    try:
        yield wait
    finally:
        for process in processes:
            process.kill()
            process.join()
        done.close()


def work(parts: Iterable[str], finished) -> None:
    """In the forked process: the parent alone hears Ctrl-C, and whatever goes wrong here goes wrong
    again where it is asked for."""
    signal(SIGINT, SIG_IGN)
    end_with_parent()
    try:
        for name in parts:
            finished.send(name)
    except Exception:
        return
