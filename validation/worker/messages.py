"""Messages between the judge and a candidate's process."""

from __future__ import annotations

from typing import Protocol

from baselines.engine import State

CLAIM, FILES = "its claim", "its files"  # asked for in the place of a case


class CandidateFailed(RuntimeError):
    """The candidate died, hung, raised, or did what a candidate may not do."""


class Unfinished(CandidateFailed):
    """The candidate was still at work when its time was up: nothing is known of its answer."""


class Raised(CandidateFailed):
    """The candidate raised an error: it gave no answer, and no wrong one either."""


class StateSource(Protocol):
    """Whatever gives states after numbers of steps: a candidate's process, or one like it."""

    def after(self, case: str, state: State, at: list[int], **how) -> dict[int, State]: ...


def hashable(value: object) -> object:
    """Cases hold tuples; JSON has lists."""
    return tuple(map(hashable, value)) if isinstance(value, list) else value
