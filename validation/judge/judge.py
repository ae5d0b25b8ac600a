"""Judges optimizations case by case, and writes their verdicts.

Single calls from states along the baseline's own trajectory come first, then the whole
trajectory, then the laws. Decisions (whole numbers, branches) are compared exactly.
"""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from functools import partial

import torch

from groundspeed import baselines
from groundspeed.baselines.engine import Engine
from groundspeed.validation import machine
from groundspeed.validation.claims import Agreement, from_description
from groundspeed.validation.discovery import BrokenLeaf, engine_family
from groundspeed.validation.golden import manifest
from groundspeed.validation.golden.coverage import never_reached
from groundspeed.validation.inputs.frozen_variants import INPUTS, frozen_variants, never_moved
from groundspeed.validation.inputs.variants import sizes
from groundspeed.validation.judge import checks, previous_tolerance, verdicts
from groundspeed.validation.judge.case_checks import CaseChecks
from groundspeed.validation.judge.case_reference import CaseReference
from groundspeed.validation.judge.conclusions import (
    changed_meanwhile,
    conclude,
    continues,
    of_process,
)
from groundspeed.validation.judge.divergence import Failure, file_variant, investigate
from groundspeed.validation.judge.divergence import path as failure_path
from groundspeed.validation.judge.findings import CaseResult, Mutation, VariantsResult
from groundspeed.validation.judge.mutation_score import Score
from groundspeed.validation.judge.variant_checks import VariantChecks
from groundspeed.validation.judge.verdicts import Status, Verdict
from groundspeed.validation.parallel.process_pool import PROCESSES, Tell, batches, side_by_side
from groundspeed.validation.parallel.threads import workers
from groundspeed.validation.records import digests
from groundspeed.validation.records.base import BrokenRecord
from groundspeed.validation.records.codes import Code, Coded
from groundspeed.validation.tiers import Coverage
from groundspeed.validation.worker.client import Candidate
from groundspeed.validation.worker.memo import MemoizedCandidate


def judge(
    names: list[str],
    coverage=Coverage.EVERYDAY,
    tell: Tell = lambda name, line: None,
    file: bool = True,
) -> Iterator[Verdict]:
    """Judges the named optimizations and files their verdicts; yields each when it is ready."""
    machine.unset_compiler_switches()
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(engine_family(name), []).append(name)
    parts = batches(groups)
    if len(parts) > 1:
        yield from side_by_side(partial(judge_group, file=file), parts, coverage, tell)
    for part in parts if len(parts) == 1 else ():
        yield from judge_group(part, coverage, tell, parallel=PROCESSES, file=file)


def judge_group(
    names: list[str], coverage: Coverage, tell: Tell, parallel: int = 1, file: bool = True
) -> Iterator[Verdict]:
    """Judges optimizations that share reference data.

    No claim is imported here: each candidate states its own from its process.
    """
    code = {name: verdicts.code_of(name) for name in names}  # before anything of it is loaded
    with ExitStack() as stack:
        clients = {name: stack.enter_context(Candidate(name)) for name in names}
        warm_up()  # while they start
        claims = {name: claim_of(client) for name, client in clients.items()}
        for engine in sorted({c.engine.name for c in claims.values()}):
            group = {name: c for name, c in claims.items() if c.engine.name == engine}
            judged = EngineGroup(engine, group, clients, code, coverage, tell)
            for verdict in judged.judge(parallel):
                yield verdict.file() if file else verdict


def warm_up() -> None:
    """Makes torch import modules that it needs to name the worst cell, which takes a second."""
    torch.unravel_index(torch.tensor(0), (1,))


def claim_of(client: Candidate) -> Agreement:
    """The claim of a candidate.

    Raises:
        BrokenLeaf: it does not load, or names an unknown level or case.
    """
    try:
        return from_description(client.claim())
    except (ValueError, LookupError) as error:
        raise BrokenLeaf(f"optimizations/{client.name}: {error}") from None


class EngineGroup:
    """Optimizations of one engine while they are judged.

    Args:
        claims: by optimization, as the candidates state them.
        clients: a process for each.
        code: digests of what each consists of, taken before anything of it was loaded.
    """

    def __init__(
        self,
        engine: str,
        claims: dict[str, Agreement],
        clients: dict[str, Candidate],
        code: dict[str, dict[str, str]],
        coverage: Coverage,
        tell: Tell,
    ):
        self.engine, self.claims, self.clients = engine, claims, clients
        self.coverage, self.tell = coverage, tell
        self.base, self.manifest = baselines.load(engine), manifest.manifest(engine)
        self.before = {n: verdicts.provenance(n, engine) | {"files": code[n]} for n in claims}
        self.previous = {name: previous_tolerance.last(name) for name in claims}
        self.refused = {
            name: why
            for name, claim in claims.items()
            if (why := previous_tolerance.refusal(claim, self.previous[name]))
        }
        self.able = {
            name: claim
            for name, claim in claims.items()
            if name not in self.refused and not machine.missing(claim.engine.needs)
        }
        self.cases = {name: c.covered_of(self.base, coverage) for name, c in self.able.items()}
        self.found: dict[str, dict[str, CaseResult]] = {name: {} for name in self.able}
        self.scores = {n: Score(c) for n, c in self.able.items() if c.expected == "verified"}
        self.variants: dict[str, VariantsResult] = {}

    def judge(self, parallel: int) -> Iterator[Verdict]:
        """Judge case by case, then on the frozen variants; yields the verdicts at the end.

        Raises:
            Sealed: the baseline is not what was frozen.
        """
        torch.set_num_threads(1)
        manifest.check_sources(self.engine, self.manifest)
        with workers(parallel) as pool:
            for case in cheapest_first(self.base, {c for own in self.cases.values() for c in own}):
                asked = [n for n in self.able if case in self.cases[n] and continues(self.found[n])]
                if not asked:
                    continue
                full, sealed = self.coverage is Coverage.FULL, self.manifest.answers[case]
                data = CaseReference(self.base, case, self.base.cases[case], sealed, full)
                results = pool.map(partial(self.try_case, CaseChecks(data)), asked)
                for name, result in zip(asked, results, strict=True):
                    self.found[name][case] = result
            passed = [n for n in self.able if continues(self.found[n]) and self.found[n]]
            known = frozen_variants(self.engine), never_moved(self.engine)
            results = pool.map(partial(self.try_variants, VariantChecks(self.base, *known)), passed)
            self.variants = dict(zip(passed, results, strict=True))
        yield from map(self.verdict, self.claims)

    def try_case(self, case: CaseChecks, name: str) -> CaseResult:
        """What one optimization makes of one case, and what its mutants do."""
        self.tell(name, case.data.name)
        claim, client = self.able[name], self.clients[name]
        memoized = MemoizedCandidate(client)
        result = checks.run_checks(case, claim, client, memoized)
        keep_failure(name, claim, case, result, client, self.before[name])
        if result.broken or result.unfinished:
            self.scores.pop(name, None)
        if name in self.scores:
            self.scores[name].try_case(case, memoized)
        return result

    def try_variants(self, variants: VariantChecks, name: str) -> VariantsResult:
        """What an optimization makes of the inputs that are frozen with its engine."""
        claim, client, before = self.able[name], self.clients[name], self.before[name]
        result, failed = variants.check(claim, client, self.coverage)
        if failed is not None and result.broken and not failure_on_file(name, before):
            file_variant(name, claim, failed, client, result.broken, before)
        return result

    def outcome(self, name: str, mutation: Mutation | None) -> tuple[Status, str]:
        """The status that follows from all that was found, and the reason."""
        if name in self.refused:
            return Status.REJECTED, Coded(self.refused[name], Code.LOOSENED)
        claim, found, variants = self.claims[name], self.found_of(name), self.variants.get(name)
        status, reason = conclude(claim, found, mutation, variants)
        if status is not Status.VERIFIED:
            return status, reason
        asked = [*found, INPUTS] if variants and variants.tried else found
        if unreached := never_reached(self.engine, asked):
            reason = f"{reason}, {unreached}"
        return of_process(claim, self.clients[name], reason)

    def found_of(self, name: str) -> dict[str, CaseResult]:
        """Findings by case, in the order of the claim."""
        found = self.found.get(name, {})
        return {case: found[case] for case in self.cases.get(name, ()) if case in found}

    def verdict(self, name: str) -> Verdict:
        """What is filed."""
        claim, found, before = self.claims[name], self.found_of(name), self.before[name]
        mutation = self.scores[name].result() if name in self.scores and found else None
        status, reason = self.outcome(name, mutation)
        refused = name in self.refused
        tolerance = self.previous[name] if refused else previous_tolerance.of(claim)
        ran = self.clients[name].loaded()
        rests_on = verdicts.provenance(name, self.engine, ran)
        if changed := changed_meanwhile(before, rests_on, ran):
            words = f"{changed} changed while it was judged; judge again"
            status, reason = Status.STALE, Coded(words, Code.STALE)
        return Verdict(
            optimization=name,
            engine=self.engine,
            level=claim.level,
            because=claim.because,
            expected=claim.expected,
            status=status,
            reason=reason,
            refusal=getattr(reason, "code", ""),
            coverage=self.coverage,
            standard=tolerance.model_dump(),
            loosened=claim.loosened,
            needs=list(claim.engine.needs),
            **rests_on,
            cases=found,
            mutation=mutation,
            variants=self.variants.get(name),
        )


def keep_failure(name, claim: Agreement, case: CaseChecks, result: CaseResult, client, rests_on):
    """Files the smallest run that shows a failure, unless it is on file."""
    if not result.broken or client.process.poll() is not None:
        return
    if not failure_on_file(name, rests_on):
        investigate(name, claim, case, result, client, rests_on)


def failure_on_file(name: str, rests_on: dict) -> bool:
    """Whether a failure of this very code is filed already."""
    try:
        return Failure.read(failure_path(name)).rests_on == digests.of_plain(rests_on)
    except (FileNotFoundError, BrokenRecord):
        return False


def cheapest_first(base: Engine, names: Iterable[str]) -> list[str]:
    """Cases by cells times steps, everyday cases first."""

    def cost(name: str) -> tuple[bool, int]:
        case = base.cases[name]
        return not case.quick, case.steps * sum(sizes(base.name, name))

    return sorted(names, key=cost)
