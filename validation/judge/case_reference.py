"""Reference data of one case: runs of the baseline that candidates are compared with."""

from collections.abc import Callable
from functools import cached_property
from threading import RLock

import torch

from groundspeed.baselines.engine import Case, Engine, State, fields
from groundspeed.validation.golden import run_cache
from groundspeed.validation.golden.manifest import Answer
from groundspeed.validation.judge.tolerance import Tolerance
from groundspeed.validation.parallel.threads import shared
from groundspeed.validation.reference.envelope import (
    ROUNDED,
    SENSITIVE,
    Envelope,
    envelope,
    sensitivity,
)
from groundspeed.validation.reference.operator_count import operators
from groundspeed.validation.reference.trajectory import (
    Reference,
    after_one,
    checkpoints,
    departures,
    like,
    own_residuals,
)

MEASURABLE = 1 << 13  # elements of the largest field, up to which runs of its own may be measured
BRIEF = 1 << 17  # elements; of larger states few are compared in everyday runs
WORK = 120_000  # operator calls that the envelope of a case's own run may take


class Vacuous(ValueError):
    """A case on which any candidate would pass."""


class CaseReference:
    """Reference data of one case: baseline run, high-precision run, and their envelopes.

    Expensive values are computed on first use, once.

    Args:
        answer: the sealed answer; without it everything is measured now.
        full: whether all states of a large case are compared.
    """

    def __init__(
        self,
        base: Engine,
        name: str,
        case: Case,
        answer: Answer | None = None,
        full: bool = True,
    ):
        self.base, self.name, self.case, self.answer, self.full = base, name, case, answer, full
        self.lock = RLock()
        self.made: dict[tuple, object] = {}
        self.reference: Reference = run_cache.reference(base, case, base.initial(case))
        self.still = tuple(f for f in base.fixed if not self.reference.evolving(f))
        self.elements = max(t.numel() for t in self.reference.start)
        refuse_vacuity(base, name, self.reference)

    @property
    def small(self) -> bool:
        """Whether baseline runs may be measured at judge time."""
        return self.elements <= MEASURABLE

    @property
    def large(self) -> bool:
        return self.elements > BRIEF

    @property
    def brief(self) -> bool:
        """Whether only a few states of a long run are compared, because each is large."""
        return not self.full and self.large

    def checkpoints(self, stride: int) -> list[int]:
        """Steps after which the trajectory is compared."""
        at = checkpoints(self.case, stride)
        return sorted({at[len(at) // 2], at[-1]}) if self.brief else at

    def departures(self, stride: int) -> list[int]:
        """Steps of the baseline's trajectory from which single calls are compared."""
        return departures(self.case, stride)[: 1 if self.brief else None]

    def once(self, key: tuple, make: Callable):
        """``make()``, computed once for each key."""
        with self.lock:
            if key not in self.made:
                self.made[key] = make()
            return self.made[key]

    @shared
    def truth(self) -> Reference:
        """The high-precision reference: the same run in the widest type."""
        if self.case.is_truth:
            return self.reference
        wide = self.case.truth
        start = like(self.reference.start, self.base.initial(wide))
        return run_cache.reference(self.base, wide, start)

    def true_after(self, n: int, stride: int) -> State:
        """The high-precision state one call after step n of the baseline's run."""
        if stride != 1:
            return self.reference.states[n + stride]

        def run() -> State:
            return after_one(self.base, self.case, self.reference, self.truth, n, run_cache.along)

        return self.once(("true", n), run)

    @shared
    def operators(self) -> int:
        return operators(self.base, self.case, self.reference.start)

    @shared
    def affordable(self) -> bool:
        """Whether the envelope of the whole run may be measured at judge time."""
        return self.small and self.operators * self.case.steps * SENSITIVE <= WORK

    @shared
    def envelope(self) -> Envelope | None:
        """Envelope of the whole run; None where the sealed error must suffice."""
        sealed = self.answer is not None  # then its floor is known
        if sealed and not self.affordable:
            return None

        def measure() -> Envelope:
            return self.measured_run(SENSITIVE, 0 if sealed else ROUNDED)

        at = checkpoints(self.case)
        return run_cache.envelope(self.base, self.case, self.reference.start, at, measure)

    @shared
    def rounded_envelope(self) -> Envelope:
        """Envelope of the whole run under random rounding alone."""
        return self.measured_run(sensitive=0, rounded=ROUNDED)

    def measured_run(self, sensitive: int, rounded: int) -> Envelope:
        """Measures the envelope of the whole run with so many members of each kind."""
        at = checkpoints(self.case)
        states, true = ({n: run.states[n] for n in at} for run in (self.reference, self.truth))
        run = (self.base, self.case, self.reference.start, states, true, self.still)
        return envelope(*run, sensitive, rounded)

    def call_envelope(self, n: int) -> Envelope:
        """Envelope of the single call that ends at step n."""

        def measure() -> Envelope:
            base, true = {1: self.reference.states[n]}, {1: self.true_after(n - 1, 1)}
            start = self.reference.states[n - 1]
            one = envelope(self.base, self.case, start, base, true, self.still, sensitive=0)
            one.allowed[n] = one.allowed[1]
            return one

        return self.once(("call", n), measure)

    @shared
    def ends(self) -> list[State]:
        """Final states of runs from starts that differ in the last place."""
        case, steps = self.case, self.case.steps
        runs = sensitivity(self.base, case, self.reference.start, [steps], self.still)
        return [run[steps] for run in runs]

    @shared
    def residuals(self) -> dict[str, float]:
        """The baseline's residual of each law: sealed, or measured now."""
        if self.answer is not None:
            return self.answer.laws
        return own_residuals(self.base, self.case, self.reference.start)

    @cached_property
    def tolerance(self) -> Tolerance:
        return Tolerance(self)


def refuse_vacuity(base: Engine, name: str, run: Reference) -> None:
    """Raise Vacuous if a candidate that does nothing, or returns zeros, would pass."""
    for field, tensor in fields(run.start).items():
        if not torch.isfinite(tensor).all():
            raise Vacuous(f"{base.name}/{name}: {field} is not finite at the start")
        if tensor.numel() == 0 or (field in base.fixed and not run.evolving(field)):
            continue
        if not run.evolving(field):
            raise Vacuous(
                f"{base.name}/{name} is vacuous: {field} never changes, so anything passes; "
                "give it a start that moves, or list the field as fixed"
            )
        if not fields(run.states[run.case.steps])[field].any():
            raise Vacuous(
                f"{base.name}/{name} is vacuous: {field} is zero at the end, so zeros pass; "
                "give it another start or length"
            )
