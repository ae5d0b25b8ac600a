"""Runs every check of one candidate on one case."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from groundspeed.baselines.engine import State, replace
from groundspeed.validation.claims import Agreement
from groundspeed.validation.judge.case_checks import CaseChecks, claim_on
from groundspeed.validation.judge.compare import compare, misfit, report
from groundspeed.validation.judge.distributions import check_distributions
from groundspeed.validation.judge.findings import CaseResult, Power
from groundspeed.validation.judge.gradient_check import check_gradients
from groundspeed.validation.judge.law_check import check_laws
from groundspeed.validation.machine import cores
from groundspeed.validation.parallel.threads import workers
from groundspeed.validation.records.codes import Code
from groundspeed.validation.reference.trajectory import checkpoints
from groundspeed.validation.worker.client import Candidate
from groundspeed.validation.worker.memo import MemoizedCandidate
from groundspeed.validation.worker.messages import CandidateFailed, Raised, Unfinished

RACED_CALLS = 5  # of a run in which a race is sought


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
            parts = (
                check_variants,
                check_repetition,
                compare_processes,
                check_races,
                check_horizon,
            )
            for part in parts:
                if not result.broken:
                    part(case, claim, candidate, result)
    except Unfinished as reason:
        result.unfinished = str(reason)
    except CandidateFailed as failure:
        report(result, failure.code, str(failure))
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
                raise CandidateFailed(f"{variant.label}: {error}", error.code) from None
            result.declined.append(f"{variant.label}: {error}")
            continue
        result.tried.append(variant.label)
        result.checks += inner.checks
        for name, found in inner.closest.items():
            result.shares.setdefault(name, []).append(found.share)
        if inner.broken:
            result.broken += inner.broken
            result.codes += inner.codes
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
        words = f"{name}: two runs of {steps} steps from one start differ"
        report(result, Code.REPEAT, words)
    check_gradients(case.data, claim, candidate, result)


@contextmanager
def run_in_new_process(
    case: CaseChecks, claim: Agreement, candidate: Candidate
) -> Iterator[Callable[..., None]]:
    """Repeats the run in a new process, with two threads unless the claim says why not.

    The process starts at once and is compared after the other checks, so that a candidate that
    compiles does so in the meantime. With as many threads as before the bits must be the same;
    with two the answer is held to the claim, since sums may be split among threads.
    """
    data = case.data
    if [data.name] != case.informative(claim)[-1:]:
        yield lambda *_: None
        return
    threads, start = 1 if claim.threads else 2, data.reference.start
    steps = checkpoints(data.case, claim.engine.stride)[0]

    def compare_processes(_: CaseChecks, claim: Agreement, candidate: Candidate, result) -> None:
        again = coming.result()
        if threads == 1:
            one = candidate.after(data.name, start, [steps])[steps]
            result.checks += 1
            for name in differing(one, again[steps]):
                words = f"{name}: a new process gives other bits after {steps} steps"
                report(result, Code.PROCESS, words)
            return
        inner = CaseResult()
        for check in case.of_run(claim, other, again):
            compare(claim, inner, check)
        add(
            result,
            inner,
            Code.THREADS,
            "a new process with 2 threads",
            "; if that is right, say why: threads='…'",
        )

    with candidate.another(threads) as other, workers(1) as beside:
        coming = beside.submit(other.after, data.name, start, [steps])
        try:
            yield compare_processes
        finally:
            other.stop()  # whatever it is still at: nobody waits for it


def check_races(
    case: CaseChecks, claim: Agreement, candidate: Candidate, result: CaseResult
) -> None:
    """Seeks races of a candidate that can use threads: several runs in more than there are
    processors, on small cases, where threads wake together, and on the largest."""
    if case.data.name not in case.racing(claim) or not candidate.uses_threads():
        return
    exact, threads = claim.level == "exact", candidate.crowded.threads
    held_to = replace(claim, level="rounding") if claim.threads and exact else claim
    steps, inner = case.first_checkpoints(claim, RACED_CALLS)[-1], CaseResult()
    for got in candidate.crowded.repeated(case.data.name, case.data.reference.start, steps):
        for check in case.of_run(held_to, candidate.crowded, {steps: got}):
            compare(held_to, inner, check)
    add(result, inner, Code.RACE, f"{threads} threads on {cores()} processors")


def add(result: CaseResult, inner: CaseResult, code: Code, where: str, advice: str = "") -> None:
    """Counts the checks of a process of its own, and says where they failed."""
    result.checks += inner.checks
    for said in inner.broken:
        report(result, code, f"{where}: {said}{advice}")


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
