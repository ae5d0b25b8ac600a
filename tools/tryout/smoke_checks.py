"""The judge's comparisons of an optimization, as many as a few seconds allow.

What is compared is compared by the judge's own rules, and nothing more is allowed. Fewer things are
compared: some cases, single calls and the first steps of their trajectories, and some frozen
variants. What the baseline answers is kept from one look to the next.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from time import perf_counter
from typing import TypeVar

import torch

from groundspeed import baselines
from groundspeed.baselines.engine import Engine
from groundspeed.tools.console import Tell
from groundspeed.tools.tryout.answer import Look
from groundspeed.validation import machine
from groundspeed.validation.claims import Agreement
from groundspeed.validation.golden import manifest
from groundspeed.validation.inputs.frozen_variants import FrozenVariant, frozen_variants
from groundspeed.validation.inputs.variants import sizes
from groundspeed.validation.judge import previous_tolerance, verdicts
from groundspeed.validation.judge.case_checks import CaseChecks
from groundspeed.validation.judge.case_reference import CaseReference
from groundspeed.validation.judge.compare import compare
from groundspeed.validation.judge.conclusions import conclude, idle_compiler, of_substitutes
from groundspeed.validation.judge.findings import CaseResult, VariantsResult
from groundspeed.validation.judge.judge import cheapest_first, claim_of
from groundspeed.validation.judge.variant_checks import VariantChecks, leave
from groundspeed.validation.records.errors import BrokenLeaf
from groundspeed.validation.reference.trajectory import checkpoints
from groundspeed.validation.tiers import Coverage
from groundspeed.validation.worker.client import Candidate
from groundspeed.validation.worker.memo import MemoizedCandidate
from groundspeed.validation.worker.messages import CandidateFailed, Unfinished

CASES_S, FEWEST_CASES = 0.6, 2  # of smoke cases; so many however slow they are
VARIANTS_S, FEWEST_VARIANTS = 0.4, 8
CALLS_S = 0.2  # of a case's trajectory

T = TypeVar("T")


def as_time_allows(things: Iterable[T], fewest: int, seconds: float) -> Iterator[T]:
    """The first of them, at least so many, until the time is up."""
    began = perf_counter()
    for count, one in enumerate(things):
        if count >= fewest and perf_counter() - began > seconds:
            return
        yield one


class FirstSteps(CaseReference):
    """Reference data of a case whose trajectory is compared for so many calls only."""

    calls = 1

    def checkpoints(self, stride: int) -> list[int]:
        every = checkpoints(self.case, stride)
        return [n for n in every if n <= self.calls * stride] or every[:1]


class SomeVariants(VariantChecks):
    """Frozen variants, tried until the time is up."""

    def __init__(self, base: Engine, frozen: list[FrozenVariant]):
        super().__init__(base, frozen)
        self.known: dict[tuple, bool] = {}

    def occurs(self, claim: Agreement, place: int) -> bool:
        key = claim.cases, place
        if key not in self.known:
            self.known[key] = super().occurs(claim, place)
        return self.known[key]

    def chosen(self, claim: Agreement, coverage: Coverage, result: VariantsResult) -> Iterator[int]:
        places, tried = list(super().chosen(claim, coverage, result)), 0
        for place in as_time_allows(places, FEWEST_VARIANTS, VARIANTS_S):
            tried += 1
            yield place
        leave(result, "a first look", len(places) - tried)


class ImpatientCandidate(Candidate):
    """A candidate whose requests have a time limit of their own."""

    def __init__(self, name: str, patience_s: float):
        super().__init__(name)
        self.patience_s = patience_s

    def ask(self, request: dict, patience_s: float) -> dict:
        return super().ask(request, min(patience_s, self.patience_s))


class SmokeChecks:
    """Looks at one candidate after the other; what the baseline answers is computed once.

    Args:
        patience_s: for one request to a candidate.
    """

    def __init__(self, patience_s: float):
        self.patience_s = patience_s
        self.cases: dict[tuple[str, str], CaseChecks] = {}
        self.variants: dict[tuple[str, str], SomeVariants] = {}
        self.client: Candidate | None = None

    def stop(self) -> None:
        """End the candidate's process, whatever it is at."""
        if client := self.client:
            client.stop()

    def look(self, name: str, asked: str, tell: Tell) -> Look:
        """What is found of it in a new process, on its smoke cases or on the case asked for;
        ``tell`` hears what is at work.

        Raises:
            LookupError: the baseline has no such case.
            Sealed: the baseline is not what was frozen.
        """
        found = Look()
        try:
            found.files = verdicts.code_of(name)
            with ImpatientCandidate(name, self.patience_s) as self.client:
                try:
                    self.judge(self.client, asked, found, tell)
                finally:
                    found.files |= self.client.loaded()
        except BrokenLeaf as why:
            found.reject(why, broken=True)
        return found

    def judge(self, client: Candidate, asked: str, found: Look, tell: Tell) -> None:
        """Its claim, then what it computes."""
        found.claim = claim = claim_of(client)
        base = baselines.load(claim.engine.name)
        manifest.check_sources(base.name, manifest.manifest(base.name))
        found.smoke, found.timed = chosen_cases(base, claim, asked)
        if why := previous_tolerance.refusal(claim, previous_tolerance.last(client.name)):
            return found.reject(why)
        try:
            if not machine.missing(claim.engine.needs):
                self.compare_all(base, asked, client, found, tell)
        except Unfinished as why:
            found.reason = str(why)
            return None
        except CandidateFailed as why:
            return found.reject(why, broken=True)
        found.status, found.reason = conclude(claim, found.cases, None, found.variants)
        if found.right and (idle := idle_compiler(claim, client)):
            found.reject(idle)
        if found.right and (calls := client.calls()):
            found.status, found.reason = of_substitutes(calls, "")
        return None

    def compare_all(
        self, base: Engine, asked: str, client: Candidate, found: Look, tell: Tell
    ) -> None:
        """Smoke cases, the one that is timed, then variants, up to the first failure."""
        others = (case for case in found.smoke if case != found.timed)
        for case in (*as_time_allows(others, FEWEST_CASES, CASES_S), found.timed):
            tell(f"{client.name} on {case}")
            result = found.cases[case] = CaseResult()
            steps = compare_case(self.checks(base, case), found.claim, client, result)
            found.steps[case] = steps
            if result.broken:
                return
        tell(f"{client.name} on other inputs")
        variants = self.variants_of(base, asked)
        found.variants, _ = variants.check(found.claim, client, Coverage.SMALL)

    def checks(self, base: Engine, name: str) -> CaseChecks:
        """Those of a case."""
        key = base.name, name
        if key not in self.cases:
            torch.set_num_threads(1)
            answer = manifest.manifest(base.name).answers[name]
            data = FirstSteps(base, name, base.cases[name], answer, full=False)
            self.cases[key] = CaseChecks(data)
        return self.cases[key]

    def variants_of(self, base: Engine, asked: str) -> SomeVariants:
        """Those of the engine, or of the case asked for."""
        key = base.name, asked
        if key not in self.variants:
            every = frozen_variants(base.name)
            chosen = [v for v in every if not asked or v.case == asked]
            self.variants[key] = SomeVariants(base, chosen)
        return self.variants[key]


def chosen_cases(base: Engine, claim: Agreement, asked: str) -> tuple[list[str], str]:
    """The cases that a smoke test judges, cheapest first, and the one that is timed: the smallest
    that is meant for the clock.

    Raises:
        LookupError: the baseline has no such case.
        BrokenLeaf: the claim covers none, or not that one.
    """
    every = claim.covered_of(base, Coverage.FULL)
    if asked:
        if asked not in base.cases:
            raise LookupError(f"no case {asked!r} in {base.name}; have {list(base.cases)}")
        if asked not in every:
            raise BrokenLeaf(f"its claim covers {list(every)}, and not {asked}")
        return [asked], asked
    smoke = cheapest_first(base, claim.covered_of(base, Coverage.SMALL) or every)
    daily = claim.covered_of(base, Coverage.EVERYDAY)
    timed = [name for name, case in daily.items() if case.timed] or smoke[-1:]
    return smoke, min(timed, key=lambda case: sum(sizes(base.name, case)))


def compare_case(
    checks: CaseChecks, claim: Agreement, client: Candidate, result: CaseResult
) -> int:
    """Single calls, then as much of the trajectory as their speed lets expect in time.

    Returns the last step that was compared.
    """
    data, last, fastest = checks.data, perf_counter(), float("inf")
    data.calls = 1
    for check in checks.comparisons(claim, MemoizedCandidate(client)):
        if check.name.startswith("from"):
            fastest = min(fastest, perf_counter() - last)
            data.calls = int(CALLS_S / fastest)
        compare(claim, result, check)
        if result.broken:
            break
        last = perf_counter()
    return data.checkpoints(claim.engine.stride)[-1]
