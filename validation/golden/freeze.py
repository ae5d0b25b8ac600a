"""Golden data: a baseline's answers, frozen once."""

from collections.abc import Callable

import torch

from groundspeed import baselines
from groundspeed.baselines.engine import Case, Engine, State, describe
from groundspeed.validation import machine
from groundspeed.validation.golden import coverage, run_cache
from groundspeed.validation.golden.decision_flips import allowed_flips, decisions, flips
from groundspeed.validation.golden.golden_values import (
    beyond_rounding,
    described,
    excerpt,
    golden_data,
)
from groundspeed.validation.golden.manifest import (
    Answer,
    Manifest,
    Sealed,
    check_sources,
    manifest,
    place,
    source_digests,
)
from groundspeed.validation.records import digests, tensor_files
from groundspeed.validation.reference.trajectory import (
    errors,
    own_error,
    own_residuals,
    reference,
    stops,
    truth,
)


def freeze(name: str, tell: Callable[[str], None] = lambda line: None) -> Manifest:
    """Seal the answers of an engine, once; to what is sealed cases may be added, and what they
    reach of its conditions and limits where that was never measured.

    Raises:
        Sealed: it is frozen already and has no new case, or a sealed case gives other bits.
    """
    folder, engine = place(name), baselines.load(name)
    torch.set_num_threads(1)
    if coverage.measured(name) is None and is_whole(name, engine):
        coverage.write(name, tell)
        return manifest(name)
    kept, answers = sealed_before(name, engine, tell)
    for case_name, case in engine.cases.items():
        if case_name in answers:
            continue
        tell(case_name)
        answers[case_name], arrays = answer(engine, case)
        kept |= {f"{case_name}/{key}": value for key, value in arrays.items()}
    folder.mkdir(exist_ok=True)
    golden = folder / "golden.safetensors"
    tensor_files.save(golden, kept, {"torch": machine.torch_version(), "engine": name})
    seal = Manifest(
        engine=name,
        sources=source_digests(name),
        golden=digests.of_file(golden),
        golden_bytes=golden.stat().st_size,
        machine=machine.machine(),
        threads=1,
        answers=answers,
    ).write(folder / "manifest.json")
    coverage.write(name, tell)
    return seal


def is_whole(name: str, engine: Engine) -> bool:
    """Whether every case is sealed, and the sources are those that were."""
    if not (place(name) / "manifest.json").exists():
        return False
    seal = manifest(name)
    if not set(engine.cases) <= set(seal.answers):
        return False
    check_sources(name, seal)
    return True


def sealed_before(name: str, engine: Engine, tell) -> tuple[dict, dict[str, Answer]]:
    """The arrays and answers on file, where a case joins them: each must still come out bit for
    bit, and keeps what was measured of it."""
    if not (place(name) / "manifest.json").exists():
        return {}, {}
    seal = manifest(name)
    if set(engine.cases) <= set(seal.answers):
        raise Sealed(
            f"{name} is frozen and has no new case; new physics is a new version (copy it to the "
            f"next _v number); to seal again on purpose, delete baselines/{name}/frozen first"
        )
    golden = golden_data(place(name), seal)
    for case_name in seal.answers:
        if case_name not in engine.cases:
            raise Sealed(
                f"{name}/{case_name} is sealed and not among the cases any more; put it back, "
                "or make the next _v number"
            )
        tell(case_name)
        if not check_case(name, engine, case_name, seal, golden):
            raise Sealed(
                f"{name}/{case_name} gives other bits than the sealed ones; cases are added on the "
                "machine that sealed it, and new physics is a new version"
            )
    return golden, dict(seal.answers)


def answer(engine: Engine, case: Case) -> tuple[Answer, dict[str, torch.Tensor]]:
    """Run one case; its answer, and the arrays that are kept of it."""
    run = reference(engine, case)
    end = run.states[case.steps]
    record = Answer(
        case=describe(case),
        start=digests.of_state(run.start),
        end=digests.of_state(end),
        own_error=own_error(engine, case),
        float64_error=errors(end, truth(engine, run).states[case.steps]),
        laws=own_residuals(engine, case, run.start),
    )
    return record, excerpt(case, end)


def check(name: str, full: bool = False) -> str:
    """Verify seals and golden data of a baseline; what there is to say about it.

    Raises:
        Sealed: naming the file or case that is not what was sealed.
    """
    seal = manifest(name)
    check_sources(name, seal)
    golden = golden_data(place(name), seal)
    engine = baselines.load(name)
    torch.set_num_threads(seal.threads)
    if set(engine.cases) != set(seal.answers):
        raise Sealed(f"{name} has cases {sorted(engine.cases)}, sealed: {sorted(seal.answers)}")
    chosen = [case_name for case_name, case in engine.cases.items() if case.quick or full]
    equal = [check_case(name, engine, case_name, seal, golden) for case_name in chosen]
    made, now = seal.machine["torch"], machine.torch_version()
    if made == now and all(equal):
        return f"{len(equal)} cases bit for bit"
    found = f"{sum(equal)} of {len(equal)} cases bit for bit, the rest within their own rounding"
    if made != now:
        return f"golden data made by torch {made}, this is {now}: {found}"
    return f"sealed on {seal.machine['processor']} ({seal.machine['capability']}): {found}"


def check_case(name, engine: Engine, case_name: str, seal: Manifest, golden: dict) -> bool:
    """Whether the case comes out bit for bit; raises where it is not even within rounding."""
    case, sealed = engine.cases[case_name], seal.answers[case_name]
    if described(case) != sealed.case:
        raise Sealed(f"{name}/{case_name} describes another run than the sealed one")
    start = engine.initial(case)
    if run_cache.keeps(start, stops(case)):  # what the judge will ask for on the way
        end = run_cache.reference(engine, case, start, again=True).states[case.steps]
    else:
        end = engine.runner(case)(start, case.steps)
    if digests.of_state(start) == sealed.start and digests.of_state(end) == sealed.end:
        return True
    kept = excerpt(case, end)
    then = {field: golden[f"{case_name}/{field}"] for field in kept}
    check_decisions(f"{name}/{case_name}", engine, case, end, then)
    for field, apart, limit in beyond_rounding(case, sealed, kept, then):
        raise Sealed(
            f"{name}/{case_name}: {field} is {apart:.3g} from the sealed answer, allowed "
            f"{limit:.3g}; this torch or machine computes something else"
        )
    return False


def check_decisions(shown: str, engine: Engine, case: Case, end: State, sealed: dict) -> None:
    """Raises where more of them are other than the sealed ones than rounding decides."""
    apart = {
        field: count
        for field, now in decisions(excerpt(case, end)).items()
        if (count := flips(now, sealed[field]))
    }
    allowed = allowed_flips(engine, case, end, lambda state: excerpt(case, state)) if apart else {}
    for field, count in apart.items():
        if count > allowed[field]:
            raise Sealed(
                f"{shown}: {field} is not the sealed one in {count} of {sealed[field].numel()} "
                f"kept values, where rounding moves {allowed[field]} at most; this torch or "
                "machine computes something else"
            )
