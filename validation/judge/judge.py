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
from groundspeed.validation import discovery, machine
from groundspeed.validation.claims import Agreement, from_description
from groundspeed.validation.discovery import BrokenLeaf, engine_family
from groundspeed.validation.golden import manifest
from groundspeed.validation.golden.coverage import never_reached
from groundspeed.validation.inputs.frozen_variants import INPUTS, frozen_variants, never_moved
from groundspeed.validation.inputs.variants import sizes
from groundspeed.validation.judge import checks, previous_tolerance, verdicts
from groundspeed.validation.judge.case_checks import CaseChecks
from groundspeed.validation.judge.case_reference import CaseReference
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
from groundspeed.validation.worker.forkserver import COMPILERS
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
            for verdict in judge_engine(engine, group, clients, code, coverage, tell, parallel):
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


def judge_engine(
    engine: str,
    claims: dict[str, Agreement],
    clients: dict[str, Candidate],
    code: dict[str, dict[str, str]],
    coverage: Coverage,
    tell: Tell,
    parallel: int,
) -> Iterator[Verdict]:
    """Judge the optimizations of one engine, case by case."""
    torch.set_num_threads(1)
    base = baselines.load(engine)
    before = {name: verdicts.provenance(name, engine) | {"files": code[name]} for name in claims}
    answers = manifest.manifest(engine).answers
    manifest.check_sources(engine, manifest.manifest(engine))
    previous = {name: previous_tolerance.last(name) for name in claims}
    refused = {
        n: why for n, c in claims.items() if (why := previous_tolerance.refusal(c, previous[n]))
    }
    able = {
        n: c for n, c in claims.items() if n not in refused and not machine.missing(c.engine.needs)
    }
    cases = {name: claim.covered_of(base, coverage) for name, claim in able.items()}
    results: dict[str, dict[str, CaseResult]] = {name: {} for name in able}
    scores = {name: Score(c) for name, c in able.items() if c.expected == "verified"}

    def run(case: CaseChecks, name: str) -> CaseResult:
        tell(name, case.data.name)
        memoized = MemoizedCandidate(clients[name])
        result = checks.run_checks(case, able[name], clients[name], memoized)
        keep_failure(name, able[name], case, result, clients[name], before[name])
        if result.broken or result.unfinished:
            scores.pop(name, None)
        if name in scores:
            scores[name].try_case(case, memoized)
        return result

    with workers(parallel) as pool:
        for case_name in cheapest_first(base, {c for covered in cases.values() for c in covered}):
            asked = [n for n in able if case_name in cases[n] and continues(results[n])]
            if not asked:
                continue
            full, sealed = coverage is Coverage.FULL, answers[case_name]
            data = CaseReference(base, case_name, base.cases[case_name], sealed, full)
            found = pool.map(partial(run, CaseChecks(data)), asked)
            for name, result in zip(asked, found, strict=True):
                results[name][case_name] = result
        others = VariantChecks(base, frozen_variants(engine), never_moved(engine))
        passed = [n for n in able if continues(results[n]) and results[n]]
        found = pool.map(partial(try_variants, others, able, clients, before, coverage), passed)
        variants = dict(zip(passed, found, strict=True))
    for name, claim in claims.items():
        found, other = results.get(name, {}), variants.get(name)
        mutation = scores[name].result() if name in scores and found else None
        status, reason = conclude(claim, found, mutation, other)
        asked = [*found, INPUTS] if other and other.tried else found
        if status is Status.VERIFIED and (unreached := never_reached(engine, asked)):
            reason = f"{reason}, {unreached}"
        if status is Status.VERIFIED:
            status, reason = of_process(claim, clients[name], reason)
        if name in refused:
            status, reason = Status.REJECTED, Coded(refused[name], Code.LOOSENED)
        tolerance = previous[name] if name in refused else previous_tolerance.of(claim)
        ran = clients[name].loaded()
        rests_on = verdicts.provenance(name, engine, ran)
        if changed := changed_meanwhile(before[name], rests_on, ran):
            words = f"{changed} changed while it was judged; judge again"
            status, reason = Status.STALE, Coded(words, Code.STALE)
        yield Verdict(
            optimization=name,
            engine=engine,
            level=claim.level,
            because=claim.because,
            expected=claim.expected,
            status=status,
            reason=reason,
            refusal=getattr(reason, "code", ""),
            coverage=coverage,
            standard=tolerance.model_dump(),
            loosened=claim.loosened,
            needs=list(claim.engine.needs),
            **rests_on,
            cases={case: found[case] for case in cases.get(name, ()) if case in found},
            mutation=mutation,
            variants=other,
        )


def try_variants(
    variants: VariantChecks,
    claims: dict[str, Agreement],
    clients: dict[str, Candidate],
    before: dict[str, dict],
    coverage: Coverage,
    name: str,
) -> VariantsResult:
    """What an optimization makes of the inputs that are frozen with its engine."""
    result, failed = variants.check(claims[name], clients[name], coverage)
    if failed is not None and result.broken and not failure_on_file(name, before[name]):
        file_variant(name, claims[name], failed, clients[name], result.broken, before[name])
    return result


def of_process(claim: Agreement, client: Candidate, reason: str) -> tuple[Status, str]:
    """What follows from what the candidate's process loaded, compiled and called."""
    if outside := client.outside():
        return Status.REJECTED, Coded(
            f"it loaded {outside[0]}, which no verdict covers: neither of the project nor "
            "installed; allowed: files below the folder that groundspeed.toml names as code, or an "
            "installed package",
            Code.ELSEWHERE,
        )
    if idle := idle_compiler(claim, client):
        return Status.REJECTED, Coded(idle, Code.COMPILER)
    calls = client.calls()
    return of_substitutes(calls, reason) if calls else (Status.VERIFIED, reason)


def idle_compiler(claim: Agreement, client: Candidate) -> str:
    """Why a claim is refused that needs a compiler and compiled nothing on any case; "" if not."""
    called = discovery.mentioned([client.name], COMPILERS)
    idle = {need for word, need in COMPILERS.items() if word in called}
    idle &= set(claim.engine.needs) & set(client.idle_compilers())
    if not idle:
        return ""
    return (
        f"it says that it needs {min(idle)!r}, and nothing was compiled on these cases; allowed: "
        "compiled code is seen to run; compile, or leave that out of needs"
    )


def of_substitutes(calls: dict[str, int], reason: str) -> tuple[Status, str]:
    """What follows from how often functions ran that stand in for ones of a user's program: one
    that never ran shows nothing."""
    for name, count in calls.items():
        if count == 0:
            return Status.REJECTED, Coded(
                f"{name} was replaced and never called in a step, so nothing of it was compared; "
                "allowed: a function that the step calls from Python; name another",
                Code.UNCALLED,
            )
    told = [f"{name} in place" + f", called {n} times" * (n > 0) for name, n in calls.items()]
    return Status.VERIFIED, f"{reason}, {', '.join(told)}"


def changed_meanwhile(before: dict, after: dict, ran: dict[str, str]) -> str:
    """The first file or version that changed since the candidate was started; "" if none did."""
    files = after["files"]
    moved = [p for p, d in (before["files"] | ran).items() if files.get(p) != d]
    moved += [key for key in ("baseline", "torch", "modified") if before[key] != after[key]]
    return moved[0] if moved else ""


def continues(found: dict[str, CaseResult]) -> bool:
    """Whether to judge another case: stop after the first failure or timeout."""
    return not any(result.unfinished or result.broken for result in found.values())


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


def conclude(
    claim: Agreement,
    found: dict[str, CaseResult],
    mutation: Mutation | None = None,
    variants: VariantsResult | None = None,
) -> tuple[Status, str]:
    """The status that follows from the findings, and the reason."""
    lacking = machine.missing(claim.engine.needs)
    if lacking:
        words = f"this machine lacks {'; '.join(lacking)}"
        return Status.UNAVAILABLE, Coded(words, Code.UNAVAILABLE)
    for case_name, result in found.items():
        if result.broken:
            words, codes = f"{case_name}: {result.broken[0]}", [*result.codes, Code.REJECTED]
            return Status.REJECTED, Coded(words, codes[0])
    if variants and variants.broken:
        return Status.REJECTED, Coded(variants.broken, variants.code or Code.REJECTED)
    for case_name, result in found.items():
        if result.unfinished:
            words = f"{case_name}: {result.unfinished}"
            return Status.INCONCLUSIVE, Coded(words, Code.UNFINISHED)
    if variants and variants.unfinished:
        return Status.INCONCLUSIVE, Coded(variants.unfinished, Code.UNFINISHED)
    if not found:
        words = "the claim covers no case that was judged"
        return Status.INCONCLUSIVE, Coded(words, Code.UNCOVERED)
    if mutation and mutation.survived:
        return Status.INCONCLUSIVE, Coded(
            f"{len(mutation.survived)} of {mutation.applied} mutants survive "
            f"({', '.join(mutation.survived)}): these cases cannot tell right from wrong; "
            "let the claim cover more of the baseline's",
            Code.MUTANTS,
        )
    if mutation and not mutation.applied:
        words = "no mutant changes anything on these cases: they tell nothing"
        return Status.INCONCLUSIVE, Coded(words, Code.BLIND)
    return Status.VERIFIED, ", ".join(summary(found, mutation, variants))


def summary(
    found: dict[str, CaseResult], mutation: Mutation | None, variants: VariantsResult | None
) -> Iterator[str]:
    """What a VERIFIED verdict is based on."""
    yield f"{sum(result.checks for result in found.values())} comparisons on {len(found)} cases"
    if variants:
        yield str(variants) if variants.frozen else "no frozen variants"
    cells = sum(sum(result.otherwise.values()) for result in found.values())
    if cells:
        yield f"{cells} cells as another rounding decides them"
    if mutation:
        yield str(mutation)
