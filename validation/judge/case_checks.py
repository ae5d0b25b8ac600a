"""Check generator of one case: asks a candidate for states, and pairs each with its reference."""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain

from groundspeed.baselines.engine import State, fields, replace
from groundspeed.validation.claims import Agreement
from groundspeed.validation.inputs.variants import (
    COMPILED_VARIANTS,
    VARIANTS,
    InputVariant,
    Made,
    afforded,
    informative_cases,
    input_variants,
    racing_cases,
)
from groundspeed.validation.judge.branch_tracking import FollowedRun
from groundspeed.validation.judge.case_reference import CaseReference
from groundspeed.validation.judge.compare import Check, same_bits
from groundspeed.validation.parallel.threads import shared
from groundspeed.validation.reference.allowance import Allowance
from groundspeed.validation.reference.branches import (
    Branches,
    branches,
    far,
    joined,
    leaving,
    on_branch,
)
from groundspeed.validation.reference.distance import floating
from groundspeed.validation.reference.envelope import rounded_calls
from groundspeed.validation.reference.trajectory import States, checkpoints
from groundspeed.validation.worker.messages import StateSource


class CaseChecks:
    """Asks candidates for states on one case and yields the checks of their answers."""

    def __init__(self, data: CaseReference):
        self.data, self.lock = data, data.lock

    @shared
    def variants(self) -> Made:
        """Inputs other than the case's own."""
        return Made(input_variants(self.data.base, self.data.reference))

    @shared
    def afforded(self) -> list[InputVariant]:
        """The variants whose envelope is affordable."""
        return afforded(self.variants, self.data.operators)

    def racing(self, claim: Agreement) -> list[str]:
        """Names of the cases on which races are sought."""
        return racing_cases(self.data.base, claim, self.data.full)

    def informative(self, claim: Agreement) -> list[str]:
        """Names of the cases on which this claim is tried with input variants."""
        return informative_cases(self.data.base, claim, self.data.full)

    def comparisons(
        self, claim: Agreement, candidate: StateSource, most: int | None = None
    ) -> Iterator[Check]:
        """Single calls from states along the baseline's trajectory, then the whole trajectory.

        Where states are large, ``most`` limits the trajectory to that many calls.
        """
        data, stride = self.data, claim.engine.stride
        states = data.reference.states
        for n in data.departures(stride):
            to = n + stride
            if not {n, to} <= set(states):  # kept for single steps only
                continue
            got = candidate.after(data.name, states[n], [stride])[stride]
            other = partial(self.branches_of_call, n, to)
            yield self.check(f"from {n}", got, to, partial(data.true_after, n, stride), other)
        at = data.checkpoints(stride)
        if most and data.large:
            at = self.first_checkpoints(claim, most)[-1:]
        run = candidate.after(data.name, data.reference.start, at)
        yield from self.of_run(claim, candidate, run)

    def first_checkpoints(self, claim: Agreement, most: int) -> list[int]:
        """Steps within so many calls after which the trajectory is compared; one at least."""
        every = checkpoints(self.data.case, claim.engine.stride)
        return [n for n in every if n <= most * claim.engine.stride] or every[:1]

    def of_run(self, claim: Agreement, candidate: StateSource, run: States) -> Iterator[Check]:
        """The checks of a candidate's states along the trajectory."""
        data, followed = self.data, FollowedRun(self.data, claim, candidate)
        for n, got in run.items():
            other = partial(self.branches_of_run, followed, n, got)
            yield self.check(f"step {n}", got, n, lambda n=n: data.truth.states[n], other)

    def check(
        self,
        name: str,
        got: State,
        n: int,
        true: Callable[[], State],
        other: Callable[[str], Branches],
    ) -> Check:
        """The check of a state after n steps of a run, or after a single call to there."""
        data = self.data
        want, last = data.reference.states[n], name == f"step {data.case.steps}"
        return Check(name, got, want, true, data.tolerance.at(name, n), data.still, last, other)

    def branches_of_call(self, n: int, to: int, field: str) -> Branches:
        """Right answers on other branches of a single call from step n of the baseline's run."""
        data = self.data

        def find() -> dict[str, Branches]:
            states, check, rule = data.reference.states, f"from {n}", data.tolerance
            reach = rule.allowed(check, to) if data.answer is None else rule.sealed(check)
            here, wide = states[to], data.true_after(n, to - n)
            most = dict.fromkeys(here._fields, 0.0) | {f: reach(f).largest for f in floating(here)}
            held_to = fields(here) | {f: getattr(wide, f) for f in floating(here)}
            others = rounded_calls(data.base, data.case, states[n], to - n)
            return branches(held_to, chain((here, wide), others), most)

        return data.once(("branches", n, to), find)[field]

    def branches_of_run(self, followed: FollowedRun, n: int, got: State, field: str) -> Branches:
        """Right answers on other branches of a run after n steps: the baseline's on this processor,
        else those of the candidate's own branches."""
        data = self.data
        states = data.reference.states[n], data.truth.states[n], got
        here, true, ours = (getattr(state, field) for state in states)
        values = field in floating(got)
        held_to = true if values else here
        reach = data.tolerance.allowed(f"step {n}", n)(field).largest if values else 0.0
        frozen = leaving(here, held_to, reach)
        if not far(ours, on_branch(ours, held_to, frozen, reach), reach):
            return frozen
        own = getattr(followed.answer(n, got), field, None)
        return frozen if own is None else joined([frozen, leaving(own, held_to, reach)])

    def chosen_variants(self, claim: Agreement) -> list[InputVariant]:
        """The variants to try: each new shape of a compiling candidate costs seconds."""
        with self.lock:
            found = list(self.variants) if claim.level == "exact" else self.afforded
        most = COMPILED_VARIANTS if "compiler" in claim.engine.needs else VARIANTS
        omitted = [id(t) for t in found if t.changes][most:]
        return [t for t in found if id(t) not in omitted]

    def of_variant(
        self, variant: InputVariant, claim: Agreement, candidate: StateSource
    ) -> Iterator[Check]:
        """The checks of the candidate's answers to a variant. Where rounding changes a decision of
        the baseline itself, only exact claims and identical answers are compared."""
        at = [n for n in variant.want if n % claim.engine.stride == 0]
        if not at:
            return
        how = {"changes": variant.changes, "layout": variant.layout}
        got = candidate.after(self.data.name, variant.start, at, **how)
        exact = claim_on(variant, claim).level == "exact"
        for n in at:
            same = exact or same_bits(got[n], variant.want[n])
            if not same and not variant.envelope.settled(n):
                continue
            allowed = Allowance(partial(variant.allowed, n), variant.origin)
            true, name = partial(variant.true_after, n), f"{variant.label}, step {n}"
            yield Check(name, got[n], variant.want[n], true, allowed, variant.still())


def claim_on(variant: InputVariant, claim: Agreement) -> Agreement:
    """The claim as it applies to a variant. An exact claim is held to rounding on another memory
    layout, because torch itself sums in another order there."""
    if variant.layout and claim.level == "exact":
        return replace(claim, level="rounding")
    return claim
