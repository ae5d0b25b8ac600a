"""Checks one candidate on the inputs that are frozen beside its engine's seal.

One after the other in their order, up to the first that fails. A claim that names its cases is
asked only for what occurs in these: their choices, options, types and numbers of axes. A candidate
that is compiled takes seconds for each new shape and is tried on the first few.
"""

from collections.abc import Iterator, Sequence
from functools import cached_property, partial

import torch

from groundspeed.baselines.engine import Case, Engine
from groundspeed.validation.claims import Agreement
from groundspeed.validation.inputs.frozen_variants import FrozenVariant, VariantRun
from groundspeed.validation.judge.compare import Check, compare
from groundspeed.validation.judge.findings import CaseResult, VariantsResult
from groundspeed.validation.reference import case_fields
from groundspeed.validation.reference.allowance import Allowance
from groundspeed.validation.reference.distance import Distance
from groundspeed.validation.reference.trajectory import States
from groundspeed.validation.tiers import Coverage
from groundspeed.validation.worker.messages import CandidateFailed, Raised, StateSource, Unfinished

SMOKE = 75  # of the variants, where a few cases are judged
FEW = 3  # values of a whole number that is a choice
COMPILED = 8  # of them, where each shape is compiled anew, for seconds
ByStep = dict[int, dict[str, Distance]]  # what a field may be off, by the number of steps
ORIGIN = "4 times the worst of frozen, one-ulp and randomly rounded runs"


class VariantChecks:
    """The frozen variants of an engine, made ready once for all candidates.

    Args:
        base: the engine.
        frozen: its variants, in their order.
        unmoved: fields of its cases that none of them moves.
    """

    def __init__(self, base: Engine, frozen: list[FrozenVariant], unmoved: Sequence[str] = ()):
        self.base, self.frozen, self.unmoved = base, frozen, list(unmoved)
        self.runs: dict[tuple[int, int], VariantRun] = {}

    def run(self, place: int, stride: int) -> VariantRun:
        return self.runs.setdefault(
            (place, stride), VariantRun(self.base, self.frozen[place], stride)
        )

    def chosen(self, claim: Agreement, coverage: Coverage, result: VariantsResult) -> Iterator[int]:
        """Places of the variants that this claim is asked for; notes in the result what is not."""
        asked = range(len(self.frozen))
        if claim.level == "approximate":
            leave(result, "its budget is of the named cases", len(asked))
            return
        fits = [n for n in asked if not claim.cases or self.occurs(claim, n)]
        leave(result, "the claim's cases have nothing of that kind", len(asked) - len(fits))
        if claim.level != "exact":
            settled = [n for n in fits if self.frozen[n].allowed]
            leave(result, "rounding decides there", len(fits) - len(settled))
            fits = settled
        most, why = len(fits), ""
        if coverage is Coverage.SMALL:
            most, why = SMOKE, "few cases are judged"
        if "compiler" in claim.engine.needs:
            most, why = COMPILED, "each shape is compiled anew"
        leave(result, why, len(fits) - most)
        yield from fits[:most]

    def occurs(self, claim: Agreement, place: int) -> bool:
        """Whether each choice of the variant's case occurs in a case that the claim names."""
        variant = self.frozen[place]
        if variant.case not in claim.cases:
            return False
        covered = [choices(self.base.cases[name], self.counts) for name in claim.cases]
        own = choices(self.run(place, 1).case, self.counts)
        return all(any(other.get(path) == kind for other in covered) for path, kind in own.items())

    @cached_property
    def counts(self) -> set[str]:
        """Whole numbers of a case that take so few values in all cases that they are a choice."""
        held: dict[str, set[int]] = {}
        for case in self.base.cases.values():
            for name, value in case_fields.parts(case):
                if type(value) is int and name not in ("seed", *case_fields.WORKING):
                    held.setdefault(name, set()).add(value)
        return {name for name, values in held.items() if len(values) <= FEW}

    def check(
        self, claim: Agreement, candidate: StateSource, coverage: Coverage
    ) -> tuple[VariantsResult, VariantRun | None]:
        """What the candidate makes of the variants, and the one on which it failed."""
        result = VariantsResult(frozen=len(self.frozen), unmoved=self.unmoved)
        for place in self.chosen(claim, coverage, result):
            run = self.run(place, claim.engine.stride)
            try:
                if not run.at:
                    continue
                self.check_one(run, claim, candidate, result)
            except Unfinished as reason:
                result.unfinished = f"{run.label}: {reason}"
            except Raised as error:
                if not (run.may_be_refused or error.declined):
                    result.broken, result.code = f"{run.label}: {error}", error.code
                result.declined += 1
                result.refusals.append(f"{run.label}: {error}")
            except CandidateFailed as failure:
                result.broken, result.code = f"{run.label}: {failure}", failure.code
            if result.broken or result.unfinished:
                return result, run
        return result, None

    def check_one(
        self, run: VariantRun, claim: Agreement, candidate: StateSource, result: VariantsResult
    ) -> None:
        """Compares the candidate's answers to one variant; a refusal by a few members of what
        rounding does is asked again of many."""
        how = {"changes": run.frozen.changes}
        got = candidate.after(run.frozen.case, run.start, run.at, **how)
        if claim.level == "exact":
            found = compared(run, claim, got, dict.fromkeys(run.at, {}))
        else:
            found = compared(run, claim, got, run.allowed)
            if found.broken:
                found = compared(run, claim, got, run.allowed_by_many)
        result.tried += 1
        result.checks += found.checks
        for name, finding in found.closest.items():
            known = result.closest.get(name)
            if known is None or finding.share > known.share:
                result.closest[name] = finding.model_copy(
                    update={"check": f"{run.label}, {finding.check}"}
                )
        if found.broken:
            result.broken, result.code = f"{run.label}: {found.broken[0]}", found.codes[0]


def compared(run: VariantRun, claim: Agreement, got: States, allowed: ByStep) -> CaseResult:
    """The answers after each number of steps, up to where rounding decides."""
    found = CaseResult()
    for n in run.at:
        if n not in allowed:
            break
        check = Check(
            f"step {n}",
            got[n],
            run.want[n],
            lambda n=n: run.true[n],
            Allowance(partial(dict.get, allowed[n]), lambda: ORIGIN),
            run.still,
        )
        compare(claim, found, check)
    return found


def leave(result: VariantsResult, why: str, count: int) -> None:
    if count > 0:
        result.left_out[why] = count


def choices(case: Case, counts: set[str]) -> dict[str, str]:
    """What of a case is chosen and not a size or a number: options, names, types, lengths."""
    found = {}
    for path, value in case_fields.everything(case):
        if isinstance(value, bool | str | None | torch.dtype) or path in counts:
            found[path] = str(value)
        elif isinstance(value, tuple):
            found[path] = f"{len(value)} entries"
        elif not isinstance(value, int | float):
            found[path] = type(value).__name__
    return found
