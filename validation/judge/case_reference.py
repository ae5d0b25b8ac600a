"""Reference of one case: what candidates are compared with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property, partial
from itertools import chain
from threading import RLock

from baselines.engine import Case, Engine, State, fields, replace
from validation.claims import Agreement
from validation.golden import run_cache
from validation.golden.manifest import Answer
from validation.inputs.variants import (
    COMPILED_VARIANTS,
    SMALL,
    VARIANTS,
    InputVariant,
    Made,
    afforded,
    operators,
    telling,
    trials,
)
from validation.judge.branch_tracking import Orbit
from validation.judge.compare import Check, refuse_vacuity, same_bits
from validation.reference.branches import (
    Branches,
    branches,
    far,
    joined,
    leaving,
    on_branch,
    rounded_calls,
)
from validation.reference.distance import ZERO, Distance, widest
from validation.reference.envelope import (
    FACTOR,
    ROUNDED,
    SENSITIVE,
    Envelope,
    envelope,
    floating,
    unrelated,
)
from validation.reference.trajectory import (
    SLACK,
    Reference,
    after_one,
    checkpoints,
    departures,
    like,
    own_residuals,
)
from validation.worker.client import Candidate

SEALED = f"{SLACK:g} times the sealed own error"
FORESEEN = 1e-3  # of the distance of unrelated states: an error below it is far from chaos
BRIEF = 1 << 17  # elements; of larger states few are compared in everyday runs
WORK = 120_000  # operator calls that the envelope of a case's own run may take


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
        self.on_branches: dict[tuple[int, int], dict[str, Branches]] = {}  # of calls, by field
        self.reference: Reference = run_cache.reference(base, case, base.initial(case))
        self.still = tuple(f for f in base.fixed if not self.reference.evolving(f))
        refuse_vacuity(base, name, self.reference)

    @property
    def brief(self) -> bool:
        """Whether few states of a long run are compared, because each is large."""
        return not self.full and self.large

    @property
    def small(self) -> bool:
        """Whether frozen runs of its own may be measured at judge time."""
        return max(t.numel() for t in self.reference.start) <= SMALL

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
        return run_cache.reference(
            self.base, wide, like(self.reference.start, self.base.initial(wide))
        )

    @cached_property
    def operators(self) -> int:
        return operators(self.base, self.case, self.reference.start)

    @cached_property
    def affordable(self) -> bool:
        """Whether the envelope of its own run may be measured at judge time."""
        return self.small and self.operators * self.case.steps * SENSITIVE <= WORK

    @cached_property
    def foreseeable(self) -> bool:
        """Whether the sealed error stays so small to the end that values tell everything."""
        if self.answer is None:
            return False
        last, allowed = (
            self.reference.states[self.case.steps],
            self.sealed(f"step {self.case.steps}"),
        )
        scales = {f: FORESEEN * unrelated(getattr(last, f)) for f in floating(last)}
        return all(allowed(f).rms <= scale for f, scale in scales.items() if scale)

    @cached_property
    def envelope(self) -> Envelope | None:
        """Of the case's own run: what the seal does not hold of it, where that is affordable."""
        at = checkpoints(self.case)
        sealed = self.answer is not None  # then its floor is known
        if sealed and not self.affordable:
            return None

        def measure() -> Envelope:
            states, true = ({n: run.states[n] for n in at} for run in (self.reference, self.truth))
            run = (self.base, self.case, self.reference.start, states, true, self.still)
            return envelope(*run, SENSITIVE, 0 if sealed else ROUNDED)

        return run_cache.envelope(self.base, self.case, self.reference.start, at, measure)

    @cached_property
    def trials(self) -> Made:
        return Made(trials(self.base, self.reference))

    @cached_property
    def afforded(self) -> list[InputVariant]:
        """Those for which an envelope is affordable."""
        return afforded(self.trials, self.operators)

    def look_ahead(self, claims: list[Agreement]) -> None:
        """Make what these claims are certain to ask for, while others are being heard."""
        rounded = any(c.level != "exact" for c in claims)
        if rounded and not self.large:  # of large ones, what one case takes is enough
            _ = self.truth, [self.after(n, 1)() for n in self.departures(1)]
        tried = {c.level for c in claims if self.name in telling(self.base, c, self.full)}
        if "exact" in tried:
            list(self.trials)
        if tried - {"exact"}:
            [t.known() for t in self.afforded]

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
            true, to = self.after(n, stride), n + stride
            other = self.locked(partial(self.branches_of_call, n, to, true))
            yield self.check(f"from {n}", got, to, true, other)
        at = self.checkpoints(stride)
        if most and self.large:
            every = checkpoints(self.case, stride)
            at = [n for n in every if n <= most * stride][-1:] or every[:1]
        run = candidate.after(self.name, self.reference.start, at)
        orbit = Orbit(self, agreement, candidate)
        for n in at:
            other = partial(self.branches_of_run, orbit, n, run[n])
            yield self.check(f"step {n}", run[n], n, lambda n=n: self.truth.states[n], other)

    def check(
        self,
        name: str,
        got: State,
        n: int,
        true: Callable[[], State],
        other: Callable[[str], Branches],
    ) -> Check:
        """Of what a candidate gave after n steps, in a run or in a single call to there."""
        want, last = self.reference.states[n], name == f"step {self.case.steps}"
        return Check(
            name,
            got,
            want,
            self.locked(true),
            self.allowance(name, n),
            self.still,
            self.locked(lambda: self.origin(name)),
            last,
            self.sealed(name),
            SEALED,
            self.locked(lambda field: self.floor(name, n).get(field, ZERO)),
            f"{FACTOR:g} times the 0.9 quantile of {ROUNDED} randomly rounded runs",
            other,
        )

    def branches_of_call(self, n: int, to: int, true: Callable[[], State], field: str) -> Branches:
        """The right answers on other branches of a call from step n of the frozen run."""
        known = self.on_branches
        if (n, to) not in known:
            states, check = self.reference.states, f"from {n}"
            reach = self.allowance(check, to) if self.answer is None else self.sealed(check)
            most = dict.fromkeys(states[to]._fields, 0.0)
            most |= {f: reach(f).largest for f in floating(states[to])}
            wide, here = true(), states[to]
            held_to = fields(here) | {f: getattr(wide, f) for f in floating(here)}
            others = rounded_calls(self.base, self.case, states[n], to - n)
            known[n, to] = branches(held_to, chain((here, wide), others), most)
        return known[n, to][field]

    def branches_of_run(self, orbit: Orbit, n: int, got: State, field: str) -> Branches:
        """Where a run is right after n steps though it is far from the truth: as the frozen run is
        on this processor, and else on a branch of its own."""
        with self.lock:
            states = self.reference.states[n], self.truth.states[n], got
        here, true, ours = (getattr(state, field) for state in states)
        values = field in floating(got)
        held_to = true if values else here
        reach = self.allowance(f"step {n}", n)(field).largest if values else 0.0
        frozen = leaving(here, held_to, reach)
        if not far(ours, on_branch(ours, held_to, frozen, reach), reach):
            return frozen
        own = getattr(orbit.answer(n, got), field, None)
        return frozen if own is None else joined([frozen, leaving(own, held_to, reach)])

    def origin(self, check: str) -> str:
        """Where the allowance of a check comes from."""
        measured = f"{FACTOR:g} times the 0.9 quantile of {SENSITIVE} one-ulp starts"
        if self.answer is None:
            return f"{measured} and {ROUNDED} randomly rounded runs"
        wide = check.startswith("step") and self.affordable
        return f"{SEALED}, or {measured}" if wide else f"{SEALED}, and no more"

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
                    self.base, self.case, self.reference, self.truth, n, run_cache.along
                )
            return self.exact[n]

        return true

    def sealed(self, check: str) -> Callable[[str], Distance]:
        """What a field may be off by the seal alone."""

        def allowed(field: str) -> Distance:
            if self.answer is None:
                return ZERO
            return Distance(*self.answer.own_error[check][field]).scaled(SLACK)

        return allowed

    def allowance(self, check: str, n: int) -> Callable[[str], Distance]:
        """What a field may be off: the sealed own error, and the envelope measured here."""
        sealed = self.sealed(check)

        def allowed(field: str) -> Distance:
            around = self.around(check, n)
            if around is None:
                return sealed(field)
            return widest(sealed(field), around.allowed[n].get(field, ZERO))

        return self.locked(allowed)

    def around(self, check: str, n: int) -> Envelope | None:
        """The envelope that a check stands in: of the whole run, or of the one call."""
        if check.startswith("step"):
            return self.envelope
        return None if self.answer is not None else self.one_call(n)

    def floor(self, check: str, n: int) -> dict[str, Distance]:
        """What rounding alone makes of a check, measured anew; nothing where that is not sealed or
        not affordable."""
        if self.answer is None or not self.small:
            return {}
        if not check.startswith("step"):
            return self.one_call(n).allowed[n]
        return self.rounded.allowed[n] if self.affordable else {}

    @cached_property
    def rounded(self) -> Envelope:
        """The case's own run, every result rounded at random."""
        at = checkpoints(self.case)
        states, true = ({n: run.states[n] for n in at} for run in (self.reference, self.truth))
        return envelope(
            self.base, self.case, self.reference.start, states, true, self.still, sensitive=0
        )

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

    def own_residual(self, law: str) -> float:
        """What the frozen engine keeps of a law: as sealed, or measured here."""
        if self.answer is not None:
            return self.answer.laws[law]
        with self.lock:
            return self.residuals[law]

    @cached_property
    def residuals(self) -> dict[str, float]:
        return own_residuals(self.base, self.case, self.reference.start)

    def chosen_trials(self, agreement: Agreement) -> list[InputVariant]:
        """As many as may be tried: shapes that compile are dear, and so are envelopes."""
        with self.lock:
            found = list(self.trials) if agreement.level == "exact" else self.afforded
        most = COMPILED_VARIANTS if "compiler" in agreement.engine.needs else VARIANTS
        dear = [t for t in found if t.changes][most:]
        return [t for t in found if all(t is not d for d in dear)]

    def checks_of(self, trial: InputVariant, agreement: Agreement, candidate: Candidate):
        """What the candidate makes of a trial; exact claims are held to bits at thresholds too,
        but not from another layout: there torch itself sums in another order."""
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
            yield Check(name, got[n], trial.want[n], true, allowed, trial.still(), trial.origin)

    def held_to(self, trial: InputVariant, agreement: Agreement) -> Agreement:
        """The claim, as it counts on a trial: bits are for equal memory layouts."""
        if trial.layout and agreement.level == "exact":
            return replace(agreement, level="rounding")
        return agreement

    def settled(self, trial: InputVariant, n: int) -> bool:
        with self.lock:
            return trial.envelope.settled(n)
