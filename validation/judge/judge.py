"""Judges optimizations case by case, and writes their verdicts.

Single calls from states along the baseline's own trajectory come first, then the whole
trajectory, then the laws. Decisions (whole numbers, branches) are compared exactly.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack
from functools import partial

import torch

import baselines
from baselines.engine import Engine
from validation import machine
from validation.claims import Agreement, from_description
from validation.discovery import BrokenLeaf, kin
from validation.golden import manifest
from validation.inputs.variants import sizes
from validation.judge import checks, previous_tolerance, verdicts
from validation.judge.case_reference import Bench
from validation.judge.compare import Vacuous, exact_distance, refuse_vacuity
from validation.judge.divergence import Failure, investigate
from validation.judge.divergence import path as failure_path
from validation.judge.mutation_score import Score
from validation.judge.previous_tolerance import refusal
from validation.judge.verdicts import CaseResult, Mutation, Status, Verdict
from validation.parallel.process_pool import PROCESSES, Tell, portions, side_by_side
from validation.parallel.threads import workers
from validation.records import digests
from validation.records.base import BrokenRecord
from validation.tiers import Coverage
from validation.worker.client import Candidate
from validation.worker.memo import Remembered

__all__ = ["Bench", "Vacuous", "exact_distance", "judge", "refuse_vacuity"]


def judge(
    names: list[str],
    coverage=Coverage.EVERYDAY,
    tell: Tell = lambda name, line: None,
    file: bool = True,
) -> Iterator[Verdict]:
    """Judge the named optimizations and file their verdicts; yields each as it is ready."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(kin(name), []).append(name)
    parts = portions(groups)
    if len(parts) > 1:
        yield from side_by_side(partial(judge_group, file=file), parts, coverage, tell)
    for part in parts if len(parts) == 1 else ():
        yield from judge_group(part, coverage, tell, parallel=PROCESSES, file=file)


def judge_group(
    names: list[str], coverage: Coverage, tell: Tell, parallel: int = 1, file: bool = True
) -> Iterator[Verdict]:
    """Judge some optimizations; those of one engine share what is made of it for each case.

    Not even a claim is imported here: every candidate says it from its own process.
    """
    code = {name: verdicts.code_of(name) for name in names}  # before anything of it is loaded
    with ExitStack() as stack:
        rooms = {name: stack.enter_context(Candidate(name)) for name in names}
        warm_up()  # while they start
        claims = {name: stated(room) for name, room in rooms.items()}
        for engine in sorted({c.engine.name for c in claims.values()}):
            group = {name: c for name, c in claims.items() if c.engine.name == engine}
            for verdict in judge_engine(engine, group, rooms, code, coverage, tell, parallel):
                yield verdict.file() if file else verdict


def warm_up() -> None:
    """What naming the worst cell makes torch import when it is first asked, a second of modules."""
    torch.unravel_index(torch.tensor(0), (1,))


def stated(room: Candidate) -> Agreement:
    """The claim of a candidate.

    Raises:
        BrokenLeaf: it does not load, or claims what there is not.
    """
    try:
        return from_description(room.claim())
    except (ValueError, LookupError) as error:
        raise BrokenLeaf(f"optimizations/{room.name}: {error}") from None


def judge_engine(
    engine: str,
    claims: dict[str, Agreement],
    rooms: dict[str, Candidate],
    code: dict[str, dict[str, str]],
    coverage: Coverage,
    tell: Tell,
    parallel: int,
) -> Iterator[Verdict]:
    """Judge the optimizations of one engine, case by case."""
    torch.set_num_threads(1)
    base = baselines.load(engine)
    before = {name: verdicts.foundations(name, engine) | {"files": code[name]} for name in claims}
    manifest.check_sources(engine, manifest.manifest(engine))
    standards = {name: previous_tolerance.last(name) for name in claims}
    refused = {n: words for n, c in claims.items() if (words := refusal(c, standards[n]))}
    able = {
        n: c for n, c in claims.items() if n not in refused and not machine.missing(c.engine.needs)
    }
    cases = {name: claim.covered_of(base, coverage) for name, claim in able.items()}
    results: dict[str, dict[str, CaseResult]] = {name: {} for name in able}
    scores = {name: Score(c) for name, c in able.items() if c.expected == "verified"}
    with workers(parallel) as pool:
        for bench in benches(base, able, cases, coverage):
            case_name = bench.name
            asked = [n for n, c in able.items() if case_name in cases[n] and goes_on(results[n])]

            def hear(name, bench=bench, case_name=case_name):
                tell(name, case_name)
                room = Remembered(rooms[name])
                result = checks.hear(bench, able[name], rooms[name], room)
                look_into(name, able[name], bench, result, rooms[name], before[name])
                if result.broken or result.unfinished:
                    scores.pop(name, None)
                if name in scores:
                    scores[name].hear(bench, room)
                return name, result

            for name, result in pool.map(hear, asked):
                results[name][case_name] = result
    for name, agreement in claims.items():
        found = results.get(name, {})
        mutation = scores[name].result() if name in scores and found else None
        status, reason = conclude(agreement, found, mutation)
        if name in refused:
            status, reason = Status.REJECTED, refused[name]
        held_to = standards[name] if name in refused else previous_tolerance.of(agreement)
        ran = rooms[name].loaded()
        rests_on = verdicts.foundations(name, engine, ran)
        if changed := changed_meanwhile(before[name], rests_on, ran):
            status, reason = Status.STALE, f"{changed} changed while it was judged; judge again"
        yield Verdict(
            optimization=name,
            engine=engine,
            level=agreement.level,
            because=agreement.because,
            expected=agreement.expected,
            status=status,
            reason=reason,
            coverage=coverage,
            standard=held_to.model_dump(),
            loosened=agreement.loosened,
            needs=list(agreement.engine.needs),
            **rests_on,
            cases={case: found[case] for case in cases.get(name, ()) if case in found},
            mutation=mutation,
        )


def changed_meanwhile(before: dict, after: dict, ran: dict[str, str]) -> str:
    """What is no longer as it was when the candidate was started, or when it loaded a file."""
    files = after["files"]
    moved = [p for p, d in (before["files"] | ran).items() if files.get(p) != d]
    moved += [key for key in ("baseline", "torch", "modified") if before[key] != after[key]]
    return moved[0] if moved else ""


def goes_on(found: dict[str, CaseResult]) -> bool:
    """Whether there is more to hear: a process that was stopped says nothing, and the first
    refusal, on the smallest case that shows it, is the last."""
    return not any(result.unfinished or result.broken for result in found.values())


def look_into(name, agreement: Agreement, bench: Bench, result: CaseResult, room, rests_on):
    """File the smallest run that shows a refusal; one that was expected and is filed stays."""
    if not result.broken or room.process.poll() is not None:
        return
    try:
        known = Failure.read(failure_path(name))
    except (FileNotFoundError, BrokenRecord):
        known = None
    if known is not None and known.rests_on == digests.of_plain(rests_on):
        return
    investigate(name, agreement, bench, result, room, rests_on)


def benches(
    base: Engine,
    able: dict[str, Agreement],
    cases: dict[str, list[str]],
    coverage: Coverage,
) -> Iterator[Bench]:
    """The reference of every case that is asked for. While one is used, a thread makes its input
    variants and the next reference."""
    names = cheapest_first(base, {name for asked in cases.values() for name in asked})
    answers, full = manifest.manifest(base.name).answers, coverage is Coverage.FULL

    def bench_of(name: str) -> Bench:
        return Bench(base, name, base.cases[name], answers[name], full)

    def make_variants(coming: Future[Bench]) -> None:
        bench = coming.result()
        with bench.lock:  # whoever asks for a variant waits for all of them
            bench.look_ahead([c for n, c in able.items() if bench.name in cases[n]])

    with workers(1) as pool:

        def ready(name: str) -> Future[Bench]:
            coming = pool.submit(bench_of, name)
            pool.submit(make_variants, coming)
            return coming

        coming = ready(names[0]) if names else None
        for after in [*names[1:], None][: len(names)]:
            bench = coming.result()
            coming = ready(after) if after else None
            yield bench


def cheapest_first(base: Engine, names: Iterable[str]) -> list[str]:
    """Cases by the cells and steps of their trajectory, those of every day first."""

    def cost(name: str) -> tuple[bool, int]:
        case = base.cases[name]
        return not case.quick, case.steps * sum(sizes(base.name, name))

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
    for case_name, result in found.items():
        if result.unfinished:
            return Status.INCONCLUSIVE, f"{case_name}: {result.unfinished}"
    if not found:
        return Status.INCONCLUSIVE, "the claim covers no case that was judged"
    if mutation and mutation.survived:
        return Status.INCONCLUSIVE, (
            f"{len(mutation.survived)} of {mutation.applied} mutants survive "
            f"({', '.join(mutation.survived)}): these cases cannot tell right from wrong; "
            "let the claim cover more of the baseline's"
        )
    if mutation and not mutation.applied:
        return Status.INCONCLUSIVE, "no mutant changes anything on these cases: they tell nothing"
    return Status.VERIFIED, ", ".join(said(found, mutation))


def said(found: dict[str, CaseResult], mutation: Mutation | None) -> Iterator[str]:
    """What a verdict that holds rests on."""
    yield f"{sum(result.checks for result in found.values())} comparisons on {len(found)} cases"
    cells = sum(sum(result.otherwise.values()) for result in found.values())
    if cells:
        yield f"{cells} cells as another rounding decides them"
    if mutation:
        yield str(mutation)
