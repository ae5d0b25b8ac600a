"""Selects the variants of an engine, measures them, and freezes them beside its seal."""

from collections.abc import Callable, Iterable

from groundspeed import baselines
from groundspeed.baselines.engine import Engine
from groundspeed.validation.golden import coverage, manifest
from groundspeed.validation.inputs.aimed import EQUAL, from_own
from groundspeed.validation.inputs.frozen_variants import (
    INPUTS,
    FrozenVariant,
    FrozenVariants,
    allowances,
    place,
    read,
    wide_run,
)
from groundspeed.validation.inputs.selection import selected
from groundspeed.validation.inputs.tried import Tried
from groundspeed.validation.records import digests
from groundspeed.validation.records.errors import BrokenRecord
from groundspeed.validation.reference import case_fields
from groundspeed.validation.reference.case_fields import Changes
from groundspeed.validation.reference.limits import reached_by
from groundspeed.validation.reference.places import Limits


def freeze(name: str, tell: Callable[[str], None] = lambda line: None) -> FrozenVariants:
    """Selects the variants of a frozen engine and files them beside its seal."""
    engine, seal = baselines.load(name), manifest.manifest(name)
    manifest.check_sources(name, seal)
    chosen, beyond = selected(engine, tell)
    tell(f"inputs: what may be off on {len(chosen)} of them")
    found = [measured(one) for one in chosen]
    tell("inputs: what they reach")
    reached = Limits()
    for one in chosen:
        reached |= reached_by(engine, one.case, max(one.want), from_own(one))
    coverage.add(name, {INPUTS: reached, coverage.BEYOND: beyond})
    return FrozenVariants(
        engine=name,
        baseline=seal.seal,
        unmoved=unmoved(engine, (v.changes for v in found)),
        variants=found,
    ).write(place(name))


def lacking(name: str) -> bool:
    """Whether an engine is sealed, and no variants belong to that seal."""
    try:
        return read(place(name)).baseline != manifest.manifest(name).seal
    except (FileNotFoundError, BrokenRecord):
        return manifest.place(name).joinpath("manifest.json").exists()


def unmoved(engine: Engine, changes: Iterable[Changes]) -> list[str]:
    """Fields of the named cases, nested ones included, that none of the changes moves; entries of
    a tuple are no fields of their own."""
    moved = {outline(path) for change in changes for path in change}
    held = {
        outline(path) for case in engine.cases.values() for path, _ in case_fields.everything(case)
    }

    def stands_still(path: str) -> bool:
        within = (m for m in moved if f"{m}.".startswith(f"{path}.") or path.startswith(f"{m}."))
        return not any(within)

    return sorted(filter(stands_still, held))


def outline(path: str) -> str:
    """The path without the places in tuples: "bodies.position" of "bodies.position.1.0"."""
    return ".".join(name for name in path.split(".") if not name.isdigit())


def measured(one: Tried) -> FrozenVariant:
    """What the engine answers, and how far right answers may be off."""
    of, run = one.proposal, one.want
    allowed = {}
    if of.aim != EQUAL:
        true = run if one.case.is_truth else wide_run(one.engine, one.case, one.start, list(run))
        allowed = allowances(one.engine, one.case, one.start, run, true)
    return FrozenVariant(
        kind=of.kind,
        case=of.case,
        changes=of.changes,
        begin=of.begin,
        start=digests.of_state(one.start),
        answers={n: digests.of_state(state) for n, state in run.items()},
        allowed={n: {f: tuple(d) for f, d in by_field.items()} for n, by_field in allowed.items()},
    )
