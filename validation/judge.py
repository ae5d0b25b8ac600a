"""The judge: holds an optimization to its frozen baseline, case by case, field by field.

Single calls from states along the baseline's own trajectory come first, then the whole
trajectory, then the laws. Decisions (whole numbers, branches) are compared exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import Lock

import torch
from torch.testing import assert_close

from baselines.engine import Case, Engine, State, fields

from . import digests, machine, seal, verdicts
from .claims import Agreement
from .errors import ZERO, Distance, distance
from .isolation import Candidate, Failed
from .leaves import BrokenLeaf, claim
from .saboteurs import Score
from .trajectory import (
    LAW_CELLS,
    Reference,
    after_one,
    checkpoints,
    departures,
    reference,
    truth,
)
from .verdicts import CaseResult, Finding, LawFinding, Mutation, Status, Verdict

SLACK = 2.0  # two right answers lie on either side of the truth
SHOWN = 4  # failures kept of each case
PARALLEL = 2  # candidates at work at once

Tell = Callable[[str, str], None]


class Vacuous(ValueError):
    """A case on which any candidate would pass."""


def judge(names: list[str], full: bool = False, tell: Tell = lambda name, line: None):
    """Judge the named optimizations and write their verdicts; yields each as it is ready."""
    claims: dict[str, Agreement] = {}
    for name in names:
        try:
            claims[name] = claim(name)
        except (BrokenLeaf, ValueError, LookupError) as error:
            raise BrokenLeaf(str(error)) from None
    engines = sorted({c.engine.name for c in claims.values()})
    for engine in engines:
        group = {name: c for name, c in claims.items() if c.engine.name == engine}
        yield from judge_group(engine, group, full, tell)


def judge_group(
    engine: str, claims: dict[str, Agreement], full: bool, tell: Tell
) -> Iterator[Verdict]:
    """Judge the optimizations of one engine: each case's reference is computed once."""
    torch.set_num_threads(1)
    base = next(iter(claims.values())).baseline
    before = {name: verdicts.foundations(name, engine) for name in claims}
    seal.check_sources(engine, seal.manifest(engine))
    able = {n: c for n, c in claims.items() if not machine.missing(c.engine.needs)}
    results: dict[str, dict[str, CaseResult]] = {name: {} for name in able}
    scores = {name: Score(c) for name, c in able.items() if c.expected == "verified"}
    with ExitStack() as stack, ThreadPoolExecutor(PARALLEL) as pool:
        rooms = {name: stack.enter_context(Candidate(name)) for name in able}
        wanted = {case: None for c in able.values() for case in c.covered(full)}
        for case_name in cheapest_first(base, wanted):
            case = base.cases[case_name]
            asked = [n for n, c in able.items() if case_name in c.covered(full)]
            bench = Bench(base, case_name, case)

            def hear(name, bench=bench, case_name=case_name):
                tell(name, case_name)
                result = bench.hear(able[name], rooms[name])
                if result.broken:
                    scores.pop(name, None)
                if name in scores:
                    scores[name].hear(bench, rooms[name])
                return name, result

            for name, result in pool.map(hear, asked):
                results[name][case_name] = result
    for name, agreement in claims.items():
        found = results.get(name, {})
        mutation = scores[name].result() if name in scores and found else None
        status, reason = conclude(agreement, found, mutation)
        if verdicts.foundations(name, engine) != before[name]:
            status, reason = Status.STALE, "files changed while they were judged; judge again"
        yield Verdict(
            optimization=name,
            engine=engine,
            level=agreement.level,
            because=agreement.because,
            expected=agreement.expected,
            status=status,
            reason=reason,
            full=full,
            digests=before[name],
            cases={case: found[case] for case in agreement.covered(full) if case in found},
            mutation=mutation,
        ).write(verdicts.path(name))


def cheapest_first(base: Engine, names: Iterable[str]) -> list[str]:
    """Cases by the cells and steps of their trajectory, those of every day first."""

    def cost(name: str) -> tuple[bool, int]:
        case = base.cases[name]
        return not case.quick, case.steps * sum(t.numel() for t in base.initial(case))

    return sorted(names, key=cost)


def conclude(
    agreement: Agreement, found: dict[str, CaseResult], mutation: Mutation | None = None
) -> tuple[Status, str]:
    """The status that the findings add up to, and why."""
    lacking = machine.missing(agreement.engine.needs)
    if lacking:
        return Status.UNAVAILABLE, f"this machine lacks {'; '.join(lacking)}"
    for case_name, result in found.items():
        if result.broken:
            return Status.REJECTED, f"{case_name}: {result.broken[0]}"
    if not found:
        return Status.INCONCLUSIVE, "the claim covers no case that was judged"
    if mutation and mutation.survived:
        return Status.INCONCLUSIVE, (
            f"{len(mutation.survived)} of {mutation.applied} saboteurs survive "
            f"({', '.join(mutation.survived)}): these cases cannot tell right from wrong; "
            "let the claim cover more of the baseline's"
        )
    checks = sum(result.checks for result in found.values())
    words = f"{checks} comparisons on {len(found)} cases"
    return Status.VERIFIED, f"{words}, {mutation}" if mutation else words


class Bench:
    """One case: the reference and the truth that candidates are held to there."""

    def __init__(self, base: Engine, name: str, case: Case):
        self.base, self.name, self.case = base, name, case
        self.seal = seal.manifest(base.name)
        self.reference = reference(base, case)
        self.truth = self.reference if case.is_truth else truth(base, case, self.reference.start)
        self.exact: dict[int, State] = {}  # one step from step n, in truth
        self.lock = Lock()
        refuse_vacuity(base, name, self.reference)

    def hear(self, agreement: Agreement, candidate: Candidate) -> CaseResult:
        """Every check of one candidate on this case."""
        result = CaseResult()
        try:
            for check, got, want, true in self.comparisons(agreement, candidate):
                self.compare(agreement, result, check, got, want, true)
            if not result.broken:
                self.hold_to_laws(candidate, result)
        except Failed as failure:
            result.broken.append(str(failure))
        return result

    def comparisons(self, agreement: Agreement, candidate: Candidate):
        """(check, got, want, truth) for single calls first, then the whole trajectory."""
        states, stride = self.reference.states, agreement.engine.stride
        for n in departures(self.case, stride):
            if not {n, n + stride} <= set(states):  # kept for single steps only
                continue
            got = candidate.after(self.name, states[n], [stride], guard=n == 0)[stride]
            true = self.truth_after(n, stride, agreement)
            yield f"from {n}", got, states[n + stride], true
        at = checkpoints(self.case, stride)
        run = candidate.after(self.name, self.reference.start, at)
        for n in at:
            yield f"step {n}", run[n], states[n], self.truth.states[n]

    def truth_after(self, n: int, stride: int, agreement: Agreement) -> State:
        if agreement.level == "exact" or stride != 1:
            return self.reference.states[n + stride]
        with self.lock:
            if n not in self.exact:
                self.exact[n] = after_one(self.base, self.case, self.reference, self.truth, n)
            return self.exact[n]

    def compare(self, agreement: Agreement, result: CaseResult, check, got, want, true) -> None:
        """Field by field: decisions exactly, fixed fields untouched, values as claimed."""
        for name in want._fields:
            ours, theirs = getattr(got, name), getattr(want, name)
            result.checks += 1
            wrong = misfit(ours, theirs)
            if wrong:
                report(result, f"{name} {check}: {wrong}")
                continue
            if theirs.numel() == 0:
                continue
            finding = self.finding(agreement, check, name, ours, theirs, getattr(true, name))
            worst = result.closest.get(name)
            if worst is None or finding.share >= worst.share:
                result.closest[name] = finding
            if check == f"step {self.case.steps}":
                same = finding.share == 0 and agreement.level == "exact"
                result.relative_rms[name] = 0.0 if same else relative(ours, theirs)
            if not finding.holds:
                report(result, str(finding))

    def finding(self, agreement: Agreement, check, name, ours, theirs, true) -> Finding:
        """How far ``ours`` is off, and how far it may be."""
        floating = ours.is_floating_point() or ours.is_complex()
        fixed = name in self.base.fixed and not self.reference.evolving(name)
        if agreement.level == "exact" or not floating or fixed:
            # the library's comparison decides; ours puts a number on it
            off, allowed = exact_distance(ours, theirs), ZERO
            held_to = theirs
        elif agreement.level == "approximate":
            off, held_to = distance(ours, theirs), theirs
            norm = distance(theirs, torch.zeros_like(theirs)).rms
            rms = agreement.budget.get(name, 0.0) * norm
            allowed = Distance(rms, float("inf"), float("inf"))
        else:
            off, held_to = distance(ours, true), true
            allowed = Distance(*self.seal.allowed(self.name, check, name)).scaled(SLACK)
        share = off.over(allowed)
        if 0 < share <= 1 and allowed.largest < float("inf"):
            agree(ours, held_to, allowed.largest)
        cell = worst_cell(ours, held_to) if share else [0] * ours.ndim
        return Finding(
            check=check,
            field=name,
            **off._asdict(),
            **{f"allowed_{key}": value for key, value in allowed._asdict().items()},
            share=share,
            cell=cell,
            got=number(ours, cell),
            want=number(held_to, cell),
        )

    def hold_to_laws(self, candidate: Candidate, result: CaseResult) -> None:
        """Laws as experiments: other starts than the case's own, run by the candidate."""
        if max(t.numel() for t in self.reference.start) > LAW_CELLS:
            return
        for law in self.base.laws:
            if not law.applies(self.case):
                continue

            def run(state: State, steps: int) -> State:
                return candidate.after(self.name, state, [steps])[steps]

            residual = law.residual(self.case, self.reference.start, run)
            allowed = SLACK * self.seal.answers[self.name].laws[law.name]
            finding = LawFinding(law=law.name, residual=residual, allowed=allowed)
            result.laws.append(finding)
            result.checks += 1
            if not finding.holds:
                text = f"law broken: {law.name} ({law.statement}): residual {residual:.3g}"
                report(result, f"{text}, allowed {allowed:.3g}")


def refuse_vacuity(base: Engine, name: str, run: Reference) -> None:
    """Raise where a candidate that does nothing, or gives zeros, would pass."""
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


def misfit(ours: torch.Tensor, theirs: torch.Tensor) -> str:
    """What is wrong with type or shape, or with values that are no numbers."""
    if ours.dtype != theirs.dtype:
        return f"got {ours.dtype}, want {theirs.dtype}"
    if ours.shape != theirs.shape:
        return f"got shape {tuple(ours.shape)}, want {tuple(theirs.shape)}"
    bad = ~torch.isfinite(ours)
    if bad.any():
        cell = bad.nonzero()[0].tolist()
        return f"got {ours[tuple(cell)].item()} at {cell}, allowed: finite values"
    return ""


def exact_distance(ours: torch.Tensor, theirs: torch.Tensor) -> Distance:
    """Zero where every bit is equal, and else at least the smallest number there is."""
    if torch.equal(digests.bits(ours), digests.bits(theirs)):
        return ZERO
    least = torch.finfo(torch.float64).tiny  # a zero of the other sign is off by this much
    return Distance(*(max(x, least) for x in distance(ours, theirs)))


def agree(ours: torch.Tensor, theirs: torch.Tensor, allowed: float) -> None:
    """torch's own comparison must say the same as ours."""
    assert_close(ours.to(theirs.dtype), theirs, rtol=0.0, atol=allowed)


def worst_cell(ours: torch.Tensor, theirs: torch.Tensor) -> list[int]:
    """Index of the largest difference."""
    if ours.ndim == 0:
        return []
    gap = (ours.to(theirs.dtype) - theirs).abs() if ours.dtype != torch.bool else ours ^ theirs
    flat = int(gap.reshape(-1).to(torch.float64).argmax())
    return [int(i) for i in torch.unravel_index(torch.tensor(flat), ours.shape)]


def number(tensor: torch.Tensor, cell: list[int]) -> float:
    """The value there; of a complex number, its absolute value."""
    value = tensor[tuple(cell)].item()
    return abs(value) if isinstance(value, complex) else float(value)


def relative(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    """RMS of the difference over the RMS of the reference."""
    norm = distance(theirs, torch.zeros_like(theirs)).rms
    return distance(ours, theirs).rms / norm if norm else 0.0


def report(result: CaseResult, line: str) -> None:
    if len(result.broken) < SHOWN:
        result.broken.append(line)
