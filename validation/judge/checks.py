"""Runs every check of one candidate on one case."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from baselines.engine import State
from validation.claims import Agreement
from validation.inputs.variants import telling
from validation.judge.case_reference import Bench
from validation.judge.compare import compare, misfit, report
from validation.judge.distributions import distributions
from validation.judge.gradient_check import hold_gradients
from validation.judge.verdicts import CaseResult, LawFinding, Margin, Power
from validation.parallel.threads import workers
from validation.reference.trajectory import LAW_CELLS, SLACK, checkpoints
from validation.worker.client import Candidate
from validation.worker.memo import Remembered
from validation.worker.messages import CandidateFailed, Raised, Unfinished


class Between(ValueError):
    """A law asks for a state between two calls of a candidate that makes several steps in one."""


def hear(
    bench: Bench,
    agreement: Agreement,
    candidate: Candidate,
    asked: Remembered | None = None,
) -> CaseResult:
    """Every check of one candidate on this case; what ``asked`` remembers of it is not asked anew
    by comparisons and laws."""
    asked, result = asked or Remembered(candidate), CaseResult()
    try:
        with started_afresh(bench, agreement, candidate) as afresh:
            for check in bench.comparisons(agreement, asked):
                compare(agreement, result, check)
            if not result.broken:
                hold_to_laws(bench, agreement, asked, result)
            for part in (try_elsewhere, repeat, afresh, look_beyond):
                if not result.broken:
                    part(bench, agreement, candidate, result)
    except Unfinished as words:
        result.unfinished = str(words)
    except CandidateFailed as failure:
        report(result, str(failure))
    return result


def hold_to_laws(
    bench: Bench, agreement: Agreement, candidate: Candidate, result: CaseResult
) -> None:
    """Laws as experiments: other starts than the case's own, run by the candidate."""
    if max(t.numel() for t in bench.reference.start) > LAW_CELLS:
        return
    stride = agreement.engine.stride

    def run(state: State, steps: int) -> State:
        if steps % stride:
            raise Between(f"asks for {steps} steps, a call makes {stride}")
        return candidate.after(bench.name, state, [steps])[steps]

    for law in bench.base.laws:
        if not law.applies(bench.case):
            continue
        try:
            residual = law.residual(bench.case, bench.reference.start, run)
        except Between as words:
            result.declined.append(f"{law.name}: {words}")
            continue
        own = bench.own_residual(law.name)
        allowed = max(SLACK * own, agreement.budget.get(law.name, 0.0))
        finding = LawFinding(law=law.name, residual=residual, allowed=allowed, baseline=own)
        result.laws.append(finding)
        result.checks += 1
        if not finding.holds:
            text = f"law broken: {law.name} ({law.statement}): residual {residual:.3g}"
            report(result, f"{text}, allowed {allowed:.3g}")


def try_elsewhere(
    bench: Bench, agreement: Agreement, candidate: Candidate, result: CaseResult
) -> None:
    """Fresh starts, other memory, other shapes; the margin over fresh starts is kept."""
    if bench.name not in telling(bench.base, agreement, bench.full):
        return
    shares: dict[str, list[float]] = {}
    for trial in bench.chosen_trials(agreement):
        inner = CaseResult()
        try:
            for check in bench.checks_of(trial, agreement, candidate):
                compare(bench.held_to(trial, agreement), inner, check)
        except Raised as error:
            if not trial.optional:
                raise CandidateFailed(f"{trial.label}: {error}") from None
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


def repeat(bench: Bench, agreement: Agreement, candidate: Candidate, result: CaseResult) -> None:
    """The same run again: equal bits; and its gradients."""
    if bench.name not in telling(bench.base, agreement, bench.full):
        return
    at = checkpoints(bench.case, agreement.engine.stride)[0]
    one, two = (candidate.after(bench.name, bench.reference.start, [at])[at] for _ in range(2))
    result.checks += 1
    for name in differing(one, two):
        report(result, f"{name}: two runs of {at} steps from one start differ")
    hold_gradients(bench, agreement, candidate, result)


@contextmanager
def started_afresh(
    bench: Bench, agreement: Agreement, candidate: Candidate
) -> Iterator[Callable[..., None]]:
    """The same run in a new process, with two threads unless the claim says why not.

    It is asked at once and its answer taken when the rest was heard: a candidate that
    compiles takes its seconds meanwhile.
    """
    if [bench.name] != telling(bench.base, agreement, bench.full)[-1:]:
        yield lambda *_: None
        return
    threads, start = 1 if agreement.threads else 2, bench.reference.start
    at = checkpoints(bench.case, agreement.engine.stride)[0]

    def hold(bench: Bench, agreement: Agreement, candidate: Candidate, result: CaseResult):
        one, again = candidate.after(bench.name, start, [at])[at], asked.result()[at]
        result.checks += 1
        for name in differing(one, again):
            words = f"{name}: a new process with {threads} thread(s) gives other bits after"
            why = "" if agreement.threads else "; if that is right, say why: threads='…'"
            report(result, f"{words} {at} steps{why}")

    with candidate.another(threads) as other, workers(1) as beside:
        asked = beside.submit(other.after, bench.name, start, [at])
        try:
            yield hold
        finally:
            other.stop()  # whatever it is still at: nobody waits for it


def differing(one: State, other: State) -> list[str]:
    """Fields whose types, shapes or values are not the same."""
    pairs = zip(one._fields, one, other, strict=True)
    return [name for name, a, b in pairs if misfit(a, b) or not torch.equal(a, b)]


def look_beyond(
    bench: Bench, agreement: Agreement, candidate: Candidate, result: CaseResult
) -> None:
    """Where the comparison of values ends, and what takes its place there.

    An answer that kept to the sealed error, where that stays far below the field itself, was
    compared by its values to the end: nothing lies beyond.
    """
    if agreement.level == "exact":
        return
    result.degraded = degradation(result)
    if bench.foreseeable and not result.measured:
        return
    with bench.lock:
        around = bench.envelope
    if around is None:
        return
    result.power = Power(
        horizon=around.horizon,
        members=around.count,
        astray=around.count - min(around.decided.values()),
    )
    if any(n is not None for n in around.horizon.values()):
        distributions(bench, agreement, candidate, result)


def degradation(result: CaseResult) -> dict[str, float]:
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
