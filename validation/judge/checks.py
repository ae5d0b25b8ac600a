"""Runs every check of one candidate on one case."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from baselines.engine import State
from validation.claims import Agreement
from validation.judge.case_checks import CaseChecks, claim_on
from validation.judge.compare import compare, misfit, report
from validation.judge.distributions import check_distributions
from validation.judge.findings import CaseResult, Power
from validation.judge.gradient_check import check_gradients
from validation.judge.law_check import check_laws
from validation.parallel.threads import workers
from validation.reference.trajectory import checkpoints
from validation.worker.client import Candidate
from validation.worker.memo import MemoizedCandidate
from validation.worker.messages import CandidateFailed, Raised, Unfinished


def run_checks(
    case: CaseChecks,
    claim: Agreement,
    candidate: Candidate,
    memoized: MemoizedCandidate | None = None,
) -> CaseResult:
    """Runs every check of one candidate on this case.

    Comparisons and laws take answers that ``memoized`` has; other checks ask the candidate again.
    """
    memoized, result = memoized or MemoizedCandidate(candidate), CaseResult()
    try:
        with run_in_new_process(case, claim, candidate) as compare_processes:
            for check in case.comparisons(claim, memoized):
                compare(claim, result, check)
            if not result.broken:
                check_laws(case.data, claim, memoized, result)
            for part in (check_variants, check_repetition, compare_processes, check_horizon):
                if not result.broken:
                    part(case, claim, candidate, result)
    except Unfinished as reason:
        result.unfinished = str(reason)
    except CandidateFailed as failure:
        report(result, str(failure))
    return result


def check_variants(
    case: CaseChecks, claim: Agreement, candidate: Candidate, result: CaseResult
) -> None:
    """Checks the candidate on fresh starts, other memory layouts and other shapes."""
    if case.data.name not in case.informative(claim):
        return
    for variant in case.chosen_variants(claim):
        inner = CaseResult()
        try:
            for check in case.of_variant(variant, claim, candidate):
                compare(claim_on(variant, claim), inner, check)
        except Raised as error:
            if not variant.optional:
                raise CandidateFailed(f"{variant.label}: {error}") from None
            result.declined.append(f"{variant.label}: {error}")
            continue
        result.tried.append(variant.label)
        result.checks += inner.checks
        for name, found in inner.closest.items():
            result.shares.setdefault(name, []).append(found.share)
        if inner.broken:
            result.broken += inner.broken
            break


def check_repetition(
    case: CaseChecks, claim: Agreement, candidate: Candidate, result: CaseResult
) -> None:
    """Checks that the same run gives the same bits again, and checks gradients."""
    if case.data.name not in case.informative(claim):
        return
    start, steps = case.data.reference.start, checkpoints(case.data.case, claim.engine.stride)[0]
    one, two = (candidate.after(case.data.name, start, [steps])[steps] for _ in range(2))
    result.checks += 1
    for name in differing(one, two):
        report(result, f"{name}: two runs of {steps} steps from one start differ")
    check_gradients(case.data, claim, candidate, result)


@contextmanager
def run_in_new_process(
    case: CaseChecks, claim: Agreement, candidate: Candidate
) -> Iterator[Callable[..., None]]:
    """Repeats the run in a new process, with two threads unless the claim says why not.

    The process starts at once and is compared after the other checks, so that a candidate that
    compiles does so in the meantime.
    """
    data = case.data
    if [data.name] != case.informative(claim)[-1:]:
        yield lambda *_: None
        return
    threads, start = 1 if claim.threads else 2, data.reference.start
    steps = checkpoints(data.case, claim.engine.stride)[0]

    def compare_processes(_: CaseChecks, claim: Agreement, candidate: Candidate, result) -> None:
        one = candidate.after(data.name, start, [steps])[steps]
        again = coming.result()[steps]
        result.checks += 1
        for name in differing(one, again):
            text = f"{name}: a new process with {threads} thread(s) gives other bits after"
            why = "" if claim.threads else "; if that is right, say why: threads='…'"
            report(result, f"{text} {steps} steps{why}")

    with candidate.another(threads) as other, workers(1) as beside:
        coming = beside.submit(other.after, data.name, start, [steps])
        try:
            yield compare_processes
        finally:
            other.stop()  # whatever it is still at: nobody waits for it


def differing(one: State, other: State) -> list[str]:
    """Fields whose types, shapes or values are not the same."""
    pairs = zip(one._fields, one, other, strict=True)
    return [name for name, a, b in pairs if misfit(a, b) or not torch.equal(a, b)]


def check_horizon(
    case: CaseChecks, claim: Agreement, candidate: Candidate, result: CaseResult
) -> None:
    """Finds where values stop being comparable, and compares distributions from there on.

    Nothing is done where the sealed error stays far below the field and the answer kept to it.
    """
    data, steps = case.data, case.data.case.steps
    if claim.level == "exact":
        return
    foreseen = data.tolerance.foresees(data.reference.states[steps], steps)
    if foreseen and not result.measured:
        return
    around = data.envelope
    if around is None:
        return
    result.power = Power(horizon=around.horizon)
    if any(n is not None for n in around.horizon.values()):
        check_distributions(data, candidate, result)
