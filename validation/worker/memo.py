"""Memoizes the answers of a candidate on small states, except where a check repeats a run on
purpose.

The comparisons, the laws and the mutants' yardstick ask for the same runs from the same starts.
Whether a candidate answers alike twice is asked on purpose, of the candidate itself. Several may
ask at a time; the candidate hears one after the other.
"""

from threading import Lock

from groundspeed.baselines.engine import State
from groundspeed.validation.records import digests

SMALL = 1 << 16  # elements of a state whose answers are kept


class MemoizedCandidate:
    """A candidate on one case whose plain answers are memoized."""

    def __init__(self, candidate):
        self.candidate, self.one_at_a_time = candidate, Lock()
        self.known: dict[tuple, dict[int, State]] = {}

    def __getattr__(self, name: str):
        return getattr(self.candidate, name)

    def after(
        self, case: str, state: State, at: list[int], guard: bool = True, **others
    ) -> dict[int, State]:
        """`Candidate.after`, memoized unless more than plain steps is asked."""
        with self.one_at_a_time:
            if any(others.values()) or sum(t.numel() for t in state) > SMALL:
                return self.candidate.after(case, state, at, guard=guard, **others)
            key = case, digests.of_state(state), tuple(at)
            if key not in self.known:
                self.known[key] = self.candidate.after(case, state, at, guard=guard)
            return self.known[key]
