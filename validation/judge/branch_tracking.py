"""Baseline calls along the branches of a candidate's run.

A cell that rounding decides otherwise moves others in the steps that follow, and no run of the
frozen engine gives what is right there. With F the frozen call, in truth, and x_0, x_1, … the
candidate's run, what is right is y_0 = x_0 and y_n = F(y_{n−1}), but for cells in which x_n is

    at what random rounding makes of that call (`branches`), or
    at F(x_{n−1}), if x_{n−1} is right and F *leaps* between it and y_{n−1}: some decision is
    another one, or some value off by ``LEAP`` times what the run may be off,

by no more than the run may be off. Of two states that rounding cannot tell apart F has then made
two that differ, and what one of them comes to is as right as what the other does. An error that
grows, or adds up, comes in smaller steps than a leap, and y does not follow it. So y shadows x,
decision by decision, and is made of frozen calls alone; x is held to it as to any frozen run.

S. M. Hammel, J. A. Yorke, C. Grebogi, J. Complexity 3, 136 (1987),
doi:10.1016/0885-064X(87)90024-0.
"""

from collections.abc import Callable
from functools import cached_property

from groundspeed.baselines.engine import Case, State, fields
from groundspeed.validation.claims import Agreement
from groundspeed.validation.golden import run_cache
from groundspeed.validation.judge.compare import Check, compare, same_bits
from groundspeed.validation.judge.findings import CaseResult
from groundspeed.validation.reference.allowance import Allowance
from groundspeed.validation.reference.branches import leaving, own_branch, reaches
from groundspeed.validation.reference.distance import Distance, floating
from groundspeed.validation.reference.envelope import rounded_calls
from groundspeed.validation.reference.trajectory import States, along, checkpoints, like
from groundspeed.validation.worker.messages import StateSource

LEAP = 10.0  # times what a value may be off
WORK = 1_000_000  # operator calls of the frozen engine that following a run may take
RUNS = 5  # of the frozen engine beside it: rounded ones are asked for few calls


class FollowedRun:
    """A candidate's run, and what is right on its branches, followed as far as it is asked for.

    Args:
        of: reference data of the case (`validation.judge.case_reference`).
        case, start: of the run; the reference's own if none are given.
        how: what else `Candidate.after` is told of that run.
    """

    def __init__(
        self,
        of,
        agreement: Agreement,
        candidate: StateSource,
        case: Case | None = None,
        start: State | None = None,
        **how,
    ):
        self.of, self.agreement, self.candidate, self.how = of, agreement, candidate, how
        self.case = case or of.case
        self.start = of.reference.start if start is None else start
        self.run: States = {0: self.start}  # the candidate's, from the last call that was followed
        self.here, self.kept = 0, True

    @property
    def stride(self) -> int:
        return self.agreement.engine.stride

    @cached_property
    def last(self) -> int:
        """The last step that is followed."""
        calls = WORK // (RUNS * max(self.of.operators, 1))
        return min(self.case.steps, calls)

    def answer(self, n: int, got: State) -> State | None:
        """The right state after n steps, values in the widest type. None if the run is too long to
        follow, or if the candidate does not reproduce ``got``."""
        if n not in self.run and not self.ask(n):
            return None
        while self.here < n:
            self.follow(self.here + self.stride)
        return self.right if same_bits(self.run[n], got) else None

    def ask(self, n: int) -> bool:
        """Asks for the candidate's states from here to n; False if they are too many."""
        at = list(range(self.here + self.stride, n + 1, self.stride))
        if n > self.last or not run_cache.keeps(self.start, at):
            return False
        found = self.candidate.after(self.of.name, self.start, at, **self.how)
        self.run = {self.here: self.run[self.here]} | found
        return True

    def follow(self, n: int) -> None:
        """Follow the run by one call."""
        before, ours = self.run[n - self.stride], self.run[n]
        past = self.right if self.here else self.start
        narrow, allowed = like(past, self.start), self.allowed(n)
        here, true = self.next(narrow), self.wide(past)
        values = {name: getattr(true, name) for name in floating(here)}
        held_to, reach = here._replace(**values), reaches(allowed, here)

        def others() -> list[State]:
            rounded = rounded_calls(self.of.base, self.case, narrow, self.stride)
            own = [self.wide(before), self.next(before)] if self.kept else []
            return [*rounded, *(one for one in own if leaps(one, held_to, reach))]

        self.right = own_branch(ours, held_to, reach, others)
        want = self.right._replace(**{name: getattr(here, name) for name in values})
        check = Check(
            f"step {n}", ours, want, lambda: self.right, Allowance(allowed), self.of.still
        )
        compare(self.agreement, result := CaseResult(), check)
        self.here, self.kept = n, not result.broken

    def next(self, state: State) -> State:
        """One baseline call from a state."""
        return along(self.of.base, self.case, state, [self.stride])[self.stride]

    def wide(self, state: State) -> State:
        """The same call in the widest type."""
        start = like(state, self.of.truth.start)
        return along(self.of.base, self.case.truth, start, [self.stride])[self.stride]

    def allowed(self, n: int) -> Callable[[str], Distance]:
        """The tolerance at the next check of the case's trajectory."""
        case = self.of.case
        n = min((c for c in checkpoints(case) if c >= n), default=case.steps)
        return self.of.tolerance.allowed(f"step {n}", n)


def leaps(one: State, other: State, reach: dict[str, float]) -> bool:
    """Whether the two are further apart than growth explains: a decision, or a value by far."""
    pairs = fields(one).items()
    gaps = (leaving(t, getattr(other, f), LEAP * reach.get(f, 0.0)) for f, t in pairs)
    return any(len(gap.cells) for gap in gaps)
