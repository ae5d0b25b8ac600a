"""Compiling ahead of the judge: a second process of a candidate makes what it will wait for.

While a candidate compiles, the second processor of the machine is idle. What was compiled is kept,
by torch by its contents and by numba under the digest of all sources, so what one process compiles
another finds. Nothing that this process answers is looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Thread
from typing import TYPE_CHECKING

from validation import discovery

if TYPE_CHECKING:  # torch, which is imported while the server of forks starts
    from baselines.engine import Case

TORCH, NUMBA = "torch.compile(", "numba"  # by what text calls them
CALLS = 2  # a step may take another way from a start than later on


@contextmanager
def compiled_ahead(name: str) -> Iterator[Thread | None]:
    """Meanwhile a second process makes a few steps of some cases: `in_front`. Yields the thread
    that asks for them, if any does."""
    compilers = discovery.mentioned([name], [TORCH, NUMBA])
    if not compilers:
        yield None
        return
    from validation.worker.client import Candidate  # late: torch

    with Candidate(name) as ahead:
        thread = Thread(target=go_through, args=(ahead, compilers), daemon=True)
        thread.start()
        try:
            yield thread
        finally:
            ahead.stop()
            thread.join()


def go_through(ahead, compilers: set[str]) -> None:
    """A few calls on each; whatever goes wrong here goes wrong again before the judge."""
    import baselines
    from validation.claims import from_description
    from validation.tiers import Coverage

    with suppress(Exception):
        claim = from_description(ahead.claim())
        base, steps = baselines.load(claim.engine.name), CALLS * claim.engine.stride
        small, everyday = (
            claim.covered_of(base, how) for how in (Coverage.SMALL, Coverage.EVERYDAY)
        )
        for name in in_front(compilers, small, everyday):
            ahead.after(name, base.initial(base.cases[name]), [steps])


def in_front(compilers: set[str], small: dict[str, Case], everyday: dict[str, Case]) -> list[str]:
    """Cases that do not compile the same things at the same time as the judge, which begins with
    the first.

    Torch compiles anew for each shape: the small cases from the last on. numba compiles each
    function once, in the order in which a step calls them: cases whose step is another part.
    """
    if TORCH in compilers:
        return list(small)[:0:-1]
    parts: dict[str | None, str] = {}
    for name, case in everyday.items():
        parts.setdefault(getattr(case, "part", None), name)
    return list(parts.values())[1:]
