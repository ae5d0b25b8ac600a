"""What the judge is going to ask of the frozen engine, made ahead in a process of its own.

Beside one candidate a processor is idle, and Python runs one thread at a time: made in a thread,
the frozen engine's runs keep the judge waiting. They come back through what is kept on file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from signal import SIG_IGN, SIGINT, signal

from .processes import end_with_parent

Wait = Callable[[str], None]


@contextmanager
def made_ahead(parts: Iterable[str]) -> Iterator[Wait]:
    """``parts`` makes one thing after the other and names it; here that is done in a forked
    process, and what is handed out waits until the thing of that name is made.

    A process that ends early keeps nobody waiting: what it has not made is made by whoever asks.
    """
    if parts == ():
        yield lambda name: None
        return
    context = get_context("fork")
    done, finished = context.Pipe(duplex=False)
    process = context.Process(target=work, args=(parts, finished), daemon=True)
    process.start()
    finished.close()
    made: set[str] = set()
    ended = False

    def wait(name: str) -> None:
        nonlocal ended
        try:
            while not ended and name not in made:
                made.add(done.recv())
        except EOFError:
            ended = True

    try:
        yield wait
    finally:
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
