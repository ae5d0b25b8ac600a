"""Messages between the judge and a candidate's process."""

from typing import Protocol

from groundspeed.baselines.engine import State
from groundspeed.validation.records.codes import Code
from groundspeed.validation.records.errors import WithCode

CLAIM, FILES = "its claim", "its files"  # asked for in the place of a case


class CandidateFailed(WithCode, RuntimeError):
    """The candidate died, hung, raised, or did what it must not do; the code says which."""


class Unfinished(CandidateFailed):
    """The candidate was still working when its time was up: its answer is unknown."""

    code = Code.UNFINISHED


class Raised(CandidateFailed):
    """The candidate raised an error: neither a right nor a wrong answer.

    Args:
        declined: whether it is a ValueError that somebody raised on purpose.
    """

    code = Code.RAISED

    def __init__(self, words: str, declined: bool = False):
        super().__init__(words)
        self.declined = declined


class StateSource(Protocol):
    """Gives states after numbers of steps: a candidate's process, or an object like it."""

    def after(self, case: str, state: State, at: list[int], **how) -> dict[int, State]: ...
