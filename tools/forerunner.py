"""Compiling ahead of the judge: a second process of a candidate goes through its cases backwards.

What torch compiles is compiled anew for each shape, one after the other, while the second
processor of the machine is idle. Torch keeps it by its contents, so what one process compiles
another finds. Nothing that this process answers is looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Thread

from validation import leaves

CALL = "torch.compile("
CALLS = 2  # a step may take another way from a start than later on


@contextmanager
def compiled_ahead(name: str) -> Iterator[Thread | None]:
    """Meanwhile the last of its small cases is compiled, then the one before, and so on: all but
    the first, with which the judge begins. Yields the thread that asks for them, if any does."""
    if not leaves.mentioned([name], [CALL]):
        yield None
        return
    from validation.isolation import Candidate  # late: torch

    with Candidate(name) as ahead:
        thread = Thread(target=go_through, args=(ahead,), daemon=True)
        thread.start()
        try:
            yield thread
        finally:
            ahead.stop()
            thread.join()


def go_through(ahead) -> None:
    """A few calls on each; whatever goes wrong here goes wrong again before the judge."""
    import baselines
    from validation.claims import from_description
    from validation.coverage import Coverage

    with suppress(Exception):
        claim = from_description(ahead.claim())
        base, steps = baselines.load(claim.engine.name), CALLS * claim.engine.stride
        cases = claim.covered_of(base, Coverage.SMALL)
        for name in list(cases)[:0:-1]:
            ahead.after(name, base.initial(cases[name]), [steps])
