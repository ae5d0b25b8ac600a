"""One case on the judge's bench: what candidates are held to there, and the hearing itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from threading import RLock

import torch

from baselines.engine import Case, Engine, State, replace

from . import cache
from .beyond import distributions
from .claims import Agreement
from .envelope import FACTOR, ROUNDED, SENSITIVE, Envelope, envelope
from .errors import ZERO, Distance, widest
from .findings import Check, compare, misfit, refuse_vacuity, report, same_bits
from .gradients import hold_gradients
from .isolation import Candidate, Failed, Raised, Unfinished
from .seal import Answer
from .trajectory import (
    LAW_CELLS,
    Reference,
    after_one,
    checkpoints,
    departures,
    like,
    own_residuals,
)
from .trials import (
    COMPILED_VARIANTS,
    SMALL,
    VARIANTS,
    Trial,
    afforded,
    operators,
    telling,
    trials,
)
from .verdicts import CaseResult, LawFinding, Margin, Power

SLACK = 2.0  # of the sealed own error: two right answers lie on either side of the truth
BRIEF = 1 << 17  # elements; of larger states few are compared in everyday runs
WORK = 120_000  # operator calls that the envelope of a case's own run may take


class Between(ValueError):
    """A law asks for a state between two calls of a candidate that makes several steps in one."""


class Bench:
    """One case: the reference and the truth that candidates are held to there.

    ``answer`` is what was sealed; without one everything is measured on the spot.
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
        self.exact: dict[int, State] = {}  # one step from step n, in truth
        self.reference: Reference = cache.reference(base, case, base.initial(case))
        self.still = tuple(f for f in base.fixed if not self.reference.evolving(f))
        refuse_vacuity(base, name, self.reference)

    @property
    def brief(self) -> bool:
        """Whether few states of a long run are compared, because each is large."""
        return not self.full and self.large

    @property
    def large(self) -> bool:
        return max(t.numel() for t in self.reference.start) > BRIEF

    def checkpoints(self, stride: int) -> list[int]:
        """Steps after which the trajectory is compared."""
        at = checkpoints(self.case, stride)
        return sorted({at[len(at) // 2], at[-1]}) if self.brief else at

    def departures(self, stride: int) -> list[int]:
        """Steps of the baseline's trajectory from which single calls are compared."""
        return departures(self.case, stride)[: 1 if self.brief else None]

    @cached_property
    def truth(self) -> Reference:
        """The case's run in the widest type; only where a claim is not exact."""
        if self.case.is_truth:
            return self.reference
        wide = self.case.truth
        return cache.reference(self.base, wide, like(self.reference.start, self.base.initial(wide)))

    @cached_property
    def operators(self) -> int:
        return operators(self.base, self.case, self.reference.start)

    @cached_property
    def envelope(self) -> Envelope | None:
        """Of the case's own run: what the seal does not hold of it, where that is affordable."""
        at = checkpoints(self.case)
        sealed = self.answer is not None  # then its floor is known
        small = max(t.numel() for t in self.reference.start) <= SMALL
        if sealed and not (small and self.operators * self.case.steps * SENSITIVE <= WORK):
            return None

        def measure() -> Envelope:
            states, true = ({n: run.states[n] for n in at} for run in (self.reference, self.truth))
            run = (self.base, self.case, self.reference.start, states, true, self.still)
            return envelope(*run, SENSITIVE, 0 if sealed else ROUNDED)

        return cache.envelope(self.base, self.case, self.reference.start, at, measure)

    @cached_property
    def trials(self) -> list[Trial]:
        return trials(self.base, self.reference)

    @cached_property
    def afforded(self) -> list[Trial]:
        """Those for which an envelope is affordable."""
        return afforded(self.trials, self.operators)

    def hear(self, agreement: Agreement, candidate: Candidate) -> CaseResult:
        """Every check of one candidate on this case."""
        result = CaseResult()
        try:
            for check in self.comparisons(agreement, candidate):
                compare(agreement, result, check)
            for part in (self.hold_to_laws, self.try_elsewhere, self.repeat, self.look_beyond):
                if not result.broken:
                    part(agreement, candidate, result)
        except Unfinished as words:
            result.unfinished = str(words)
        except Failed as failure:
            report(result, str(failure))
        return result

    def comparisons(
        self, agreement: Agreement, candidate: Candidate, most: int | None = None
    ) -> Iterator[Check]:
        """Single calls from along the baseline's trajectory, then the whole trajectory.

        Where states are large, that much of it in calls, if ``most`` is given.
        """
        states, stride = self.reference.states, agreement.engine.stride
        for n in self.departures(stride):
            if not {n, n + stride} <= set(states):  # kept for single steps only
                continue
            got = candidate.after(self.name, states[n], [stride], guard=n == 0)[stride]
            yield self.check(f"from {n}", got, n + stride, self.after(n, stride))
        at = self.checkpoints(stride)
        if most and self.large:
            every = checkpoints(self.case, stride)
            at = [n for n in every if n <= most * stride][-1:] or every[:1]
        run = candidate.after(self.name, self.reference.start, at)
        for n in at:
            last = n == self.case.steps
            yield self.check(f"step {n}", run[n], n, lambda n=n: self.truth.states[n], last)

    def check(self, name: str, got: State, n: int, true, last: bool = False) -> Check:
        want = self.reference.states[n]
        allowed = self.allowance(name, n)
        return Check(
            name, got, want, self.locked(true), allowed, self.still, self.origin(name), last
        )

    def origin(self, check: str) -> str:
        """Where the allowance of a check comes from."""
        measured = f"{FACTOR:g} times the 0.9 quantile of {SENSITIVE} one-ulp starts"
        if self.answer is None:
            return f"{measured} and {ROUNDED} randomly rounded runs"
        sealed = f"{SLACK:g} times the sealed own error"
        wide = check.startswith("step") and "envelope" in self.__dict__ and self.envelope
        return f"{sealed}, or {measured}" if wide else sealed

    def locked(self, ask: Callable) -> Callable:
        """What is computed on first demand is computed once, however many ask."""

        def asked(*args):
            with self.lock:
                return ask(*args)

        return asked

    def after(self, n: int, stride: int) -> Callable[[], State]:
        """The true state one call after step n of the frozen run."""

        def true() -> State:
            if stride != 1:
                return self.reference.states[n + stride]
            if n not in self.exact:
                self.exact[n] = after_one(
                    self.base, self.case, self.reference, self.truth, n, cache.along
                )
            return self.exact[n]

        return true

    def allowance(self, check: str, n: int) -> Callable[[str], Distance]:
        """What a field may be off: the sealed own error, and the envelope measured here."""

        def allowed(field: str) -> Distance:
            sealed = ZERO
            if self.answer is not None:
                sealed = Distance(*self.answer.own_error[check][field]).scaled(SLACK)
            around = self.around(check, n)
            return widest(sealed, around.allowed[n].get(field, ZERO)) if around else sealed

        return self.locked(allowed)

    def around(self, check: str, n: int) -> Envelope | None:
        """The envelope that a check stands in: of the whole run, or of the one call."""
        if check.startswith("step"):
            return self.envelope
        return None if self.answer is not None else self.one_call(n)

    def one_call(self, n: int) -> Envelope:
        """How far right answers lie apart after one call to step n."""
        known = self.__dict__.setdefault("calls", {})
        if n not in known:
            base = {1: self.reference.states[n]}
            true = {1: self.after(n - 1, 1)()}
            start = self.reference.states[n - 1]
            one = envelope(self.base, self.case, start, base, true, self.still, sensitive=0)
            one.allowed[n] = one.allowed[1]
            known[n] = one
        return known[n]

    def hold_to_laws(self, agreement: Agreement, candidate: Candidate, result: CaseResult) -> None:
        """Laws as experiments: other starts than the case's own, run by the candidate."""
        if max(t.numel() for t in self.reference.start) > LAW_CELLS:
            return
        stride = agreement.engine.stride

        def run(state: State, steps: int) -> State:
            if steps % stride:
                raise Between(f"asks for {steps} steps, a call makes {stride}")
            return candidate.after(self.name, state, [steps])[steps]

        for law in self.base.laws:
            if not law.applies(self.case):
                continue
            try:
                residual = law.residual(self.case, self.reference.start, run)
            except Between as words:
                result.declined.append(f"{law.name}: {words}")
                continue
            own = self.own_residual(law.name)
            allowed = max(SLACK * own, agreement.budget.get(law.name, 0.0))
            finding = LawFinding(law=law.name, residual=residual, allowed=allowed, baseline=own)
            result.laws.append(finding)
            result.checks += 1
            if not finding.holds:
                text = f"law broken: {law.name} ({law.statement}): residual {residual:.3g}"
                report(result, f"{text}, allowed {allowed:.3g}")

    def own_residual(self, law: str) -> float:
        """What the frozen engine keeps of a law: as sealed, or measured here."""
        if self.answer is not None:
            return self.answer.laws[law]
        with self.lock:
            return self.residuals[law]

    @cached_property
    def residuals(self) -> dict[str, float]:
        return own_residuals(self.base, self.case, self.reference.start)

    def try_elsewhere(self, agreement: Agreement, candidate: Candidate, result: CaseResult):
        """Fresh starts, other memory, other shapes; the margin over fresh starts is kept."""
        if self.name not in telling(self.base, agreement, self.full):
            return
        shares: dict[str, list[float]] = {}
        for trial in self.chosen_trials(agreement):
            inner = CaseResult()
            try:
                for check in self.checks_of(trial, agreement, candidate):
                    compare(self.held_to(trial, agreement), inner, check)
            except Raised as error:
                if not trial.optional:
                    raise Failed(f"{trial.label}: {error}") from None
                result.declined.append(f"{trial.label}: {error}")
                continue
            result.tried.append(trial.label)
            result.checks += inner.checks
            for name, found in inner.closest.items():
                shares.setdefault(name, []).append(found.share)
            if inner.broken:
                result.broken += inner.broken
                break
        result.starts = {name: margin(found) for name, found in shares.items() if max(found) > 0}

    def chosen_trials(self, agreement: Agreement) -> list[Trial]:
        """As many as may be tried: shapes that compile are dear, and so are envelopes."""
        with self.lock:
            found = self.trials if agreement.level == "exact" else self.afforded
        most = COMPILED_VARIANTS if "compiler" in agreement.engine.needs else VARIANTS
        dear = [t for t in found if t.changes][most:]
        return [t for t in found if all(t is not d for d in dear)]

    def checks_of(self, trial: Trial, agreement: Agreement, candidate: Candidate):
        """What the candidate makes of a trial; exact claims are held to bits at thresholds too.

        But not from another layout: there torch itself sums in another order.
        """
        at = [n for n in trial.want if n % agreement.engine.stride == 0]
        if not at:
            return
        extra = {"changes": trial.changes, "layout": trial.layout}
        got = candidate.after(self.name, trial.start, at, **extra)
        for n in at:
            known = self.held_to(trial, agreement).level == "exact" or same_bits(
                got[n], trial.want[n]
            )
            if not known and not self.settled(trial, n):
                return
            name = f"{trial.label}, step {n}"
            allowed = self.locked(lambda f, n=n: trial.envelope.allowed[n].get(f, ZERO))
            true = self.locked(lambda n=n: trial.true[n])
            origin = "3 times the 0.9 quantile of 8 one-ulp starts and 4 randomly rounded runs"
            yield Check(name, got[n], trial.want[n], true, allowed, trial.still(), origin)

    def held_to(self, trial: Trial, agreement: Agreement) -> Agreement:
        """The claim, as it counts on a trial: bits are for equal memory layouts."""
        if trial.layout and agreement.level == "exact":
            return replace(agreement, level="rounding")
        return agreement

    def settled(self, trial: Trial, n: int) -> bool:
        with self.lock:
            return trial.envelope.settled(n)

    def repeat(self, agreement: Agreement, candidate: Candidate, result: CaseResult) -> None:
        """The same run again: equal bits; and in a fresh process with two threads."""
        if self.name not in telling(self.base, agreement, self.full):
            return
        at = [checkpoints(self.case, agreement.engine.stride)[0]]
        start = self.reference.start
        one = candidate.after(self.name, start, at)[at[0]]
        two = candidate.after(self.name, start, at)[at[0]]
        result.checks += 1
        for name, a, b in zip(one._fields, one, two, strict=True):
            if misfit(a, b) or not torch.equal(a, b):
                report(result, f"{name}: two runs of {at[0]} steps from one start differ")
        hold_gradients(self, agreement, candidate, result)
        if self.name == telling(self.base, agreement, self.full)[-1] and not result.broken:
            self.start_afresh(agreement, candidate, at, one, result)

    def start_afresh(self, agreement, candidate: Candidate, at: list[int], one: State, result):
        """The same run in a new process, with two threads unless the claim says why not."""
        threads = 1 if agreement.threads else 2
        with candidate.another(threads) as other:
            again = other.after(self.name, self.reference.start, at)[at[0]]
        result.checks += 1
        for name, a, b in zip(one._fields, one, again, strict=True):
            if misfit(a, b) or not torch.equal(a, b):
                words = f"{name}: a new process with {threads} thread(s) gives other bits after"
                why = "" if agreement.threads else "; if that is right, say why: threads='…'"
                report(result, f"{words} {at[0]} steps{why}")

    def look_beyond(self, agreement: Agreement, candidate: Candidate, result: CaseResult) -> None:
        """Where the comparison of values ends, and what takes its place there."""
        if agreement.level == "exact":
            return
        with self.lock:
            around = self.envelope
        if around is None:
            return
        result.power = Power(
            horizon=around.horizon,
            members=around.count,
            astray=around.count - min(around.decided.values()),
        )
        result.degraded = self.degradation(result)
        if any(n is not None for n in around.horizon.values()):
            distributions(self, agreement, candidate, result)

    def degradation(self, result: CaseResult) -> dict[str, float]:
        """The error at the end over what is allowed there, as a multiple of right answers' own."""
        return {
            name: found.rms / (found.allowed_rms / SLACK)
            for name, found in result.closest.items()
            if found.allowed_rms > 0 and found.rms > 0
        }


def margin(shares: list[float]) -> Margin:
    """Worst of the fresh starts, and an interval of the median share from its order statistics."""
    ordered = sorted(shares)
    return Margin(shares=shares, worst=ordered[-1], low=ordered[0], high=ordered[-1])
