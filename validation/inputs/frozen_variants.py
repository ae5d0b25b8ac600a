"""Variants that are frozen beside an engine's seal: what they are, what comes out, what is allowed.

A claim at level "rounding" is held to the truth of that very variant. Its fields may be off, in
RMS, in the largest cell and in the worst block, by

    WIDE · max {d_i} + WIDE · ulp of the largest value

with d_i the distance from the truth of the frozen run, of two runs from starts one unit in the last
place away, and of two randomly rounded runs. The unit is that of the coarser of the field's and the
case's type. Where a member decides otherwise than the frozen run, the variant says nothing from
there on, but to exact claims.

On another processor the frozen run may give other bits; what is allowed is then measured anew.
Few members see a rare flip of a cell by chance alone, so a refusal gets a second look, with `MANY`
randomly rounded runs: what they show is what holds.
"""

from __future__ import annotations

from pathlib import Path
from threading import RLock

import torch

from groundspeed.baselines.engine import Case, Engine, State
from groundspeed.validation.golden import manifest, run_cache
from groundspeed.validation.inputs import starts
from groundspeed.validation.inputs.moves import COUNTER, LIMIT, Proposal
from groundspeed.validation.inputs.tried import AT, case_of
from groundspeed.validation.parallel.threads import shared
from groundspeed.validation.records import digests
from groundspeed.validation.records.base import Part, Record
from groundspeed.validation.records.errors import BrokenRecord, Sealed
from groundspeed.validation.reference.distance import Distance, distance, floating, least, widest
from groundspeed.validation.reference.envelope import perturbed, same_decisions
from groundspeed.validation.reference.trajectory import Reference, States, along, like, rounded_run

MEMBERS = 2  # of each kind
MANY = 24  # randomly rounded runs of a second look: a flip in one of eight is missed by 4 %
WIDE = 4.0
INPUTS = "frozen variants"  # as coverage names what they reach together
ByField = dict[str, tuple[float, float, float]]  # rms, largest, worst block


class FrozenVariant(Part):
    """One input, and what the frozen engine makes of it."""

    kind: str
    case: str
    changes: dict = {}
    begin: dict = {}
    start: str  # digest
    answers: dict[int, str]  # digests, by the number of steps
    allowed: dict[int, ByField]  # only of steps at which no rounding decides otherwise

    @property
    def proposal(self) -> Proposal:
        return Proposal(self.kind, self.case, self.changes, self.begin)


class FrozenVariants(Record):
    """The variants of an engine, in the order in which they are tried."""

    engine: str
    baseline: str  # seal of the manifest that they belong to
    unmoved: list[str] = []  # fields that matter and could not be moved
    variants: list[FrozenVariant]


def place(engine: str) -> Path:
    return manifest.place(engine) / "variants.json"


def allowances(
    engine: Engine, case: Case, start: State, run: States, true: States, members: int = MEMBERS
) -> dict[int, dict[str, Distance]]:
    """What each field may be off after each number of steps, up to where rounding decides.

    Args:
        members: randomly rounded runs among those that are compared.
    """
    at, found = sorted(run), {}
    unmoved = starts.still(engine, case, start)
    moved = [along(engine, case, perturbed(start, 1 + i, unmoved), at) for i in range(MEMBERS)]
    rounded = [rounded_run(engine, case, start, at, seed) for seed in range(members)]
    for n in at:
        if not all(same_decisions(member[n], run[n]) for member in (*moved, *rounded, true)):
            break
        own = [run[n], *(member[n] for member in (*moved, *rounded))]
        found[n] = {name: allowance(name, own, true[n], case) for name in floating(run[n])}
    return found


def allowance(name: str, members: list[State], true: State, case: Case) -> Distance:
    """What a field may be off, from its errors in the members; the first is the frozen run."""
    held, target = getattr(members[0], name), getattr(true, name)
    off = widest(*(distance(getattr(member, name), target) for member in members))
    unit = least(held.to(case.dtype) if coarser(case.dtype, held.dtype) else held).largest
    units = Distance(unit, WIDE * unit, WIDE * unit)
    return Distance(*(WIDE * d + u for d, u in zip(off, units, strict=True)))


def coarser(one: torch.dtype, other: torch.dtype) -> bool:
    alike = one.is_complex == other.is_complex
    return alike and torch.finfo(one).eps > torch.finfo(other).eps


class VariantRun:
    """A frozen variant made ready on this machine, for candidates of ``stride`` steps a call.

    Its start and answers are computed on first use, once; a few milliseconds each.
    """

    def __init__(self, engine: Engine, frozen: FrozenVariant, stride: int = 1):
        self.engine, self.frozen, self.stride = engine, frozen, stride
        self.lock = RLock()

    @property
    def label(self) -> str:
        return self.frozen.proposal.label

    @property
    def may_be_refused(self) -> bool:
        """Whether a candidate may raise any error here: it is further from the named cases."""
        return self.frozen.kind in (LIMIT, COUNTER)

    @shared
    def case(self) -> Case:
        return case_of(self.engine, self.frozen.proposal)

    @shared
    def start(self) -> State:
        return starts.start_of(self.engine, self.case, self.frozen.begin)

    @property
    def at(self) -> list[int]:
        """Numbers of steps that are compared, where decisions are settled."""
        return [self.stride * n for n in AT if self.stride * n <= self.case.steps]

    @shared
    def want(self) -> States:
        return along(self.engine, self.case, self.start, self.at)

    @shared
    def true(self) -> States:
        """The same run in the widest type."""
        return (
            self.want
            if self.case.is_truth
            else wide_run(self.engine, self.case, self.start, self.at)
        )

    @shared
    def allowed(self) -> dict[int, dict[str, Distance]]:
        """What the fields may be off, by the number of steps where decisions are settled."""
        sealed, found = self.frozen.answers, {}
        for n in self.at:
            if n not in sealed or digests.of_state(self.want[n]) != sealed[n]:
                return run_cache.allowances(
                    self.engine, self.case, self.start, self.at, self.allowed_here
                )
            if n in self.frozen.allowed:
                table = self.frozen.allowed[n]
                found[n] = {name: Distance(*off) for name, off in table.items()}
        return found

    def allowed_here(self) -> dict[int, dict[str, Distance]]:
        """The same, measured on this machine."""
        return allowances(self.engine, self.case, self.start, self.want, self.true)

    @shared
    def allowed_by_many(self) -> dict[int, dict[str, Distance]]:
        """The same by many more members, for who would be refused by the few."""
        return allowances(self.engine, self.case, self.start, self.want, self.true, MANY)

    @shared
    def still(self) -> tuple[str, ...]:
        """Fields that are declared fixed, and are not moved here."""
        run = Reference(self.case, {0: self.start} | self.want)
        return tuple(name for name in self.engine.fixed if not run.evolving(name))


def wide_run(engine: Engine, case: Case, start: State, at: list[int]) -> States:
    """The same run in the widest type."""
    wide = case.truth
    return along(engine, wide, like(start, engine.initial(wide)), at)


@digests.per_version
def read(path: Path) -> FrozenVariants:
    return FrozenVariants.read(path)


def frozen_variants(engine: str) -> list[FrozenVariant]:
    """The variants of an engine; none where none were frozen with it."""
    found = sealed(engine)
    return found.variants if found else []


def never_moved(engine: str) -> list[str]:
    """Fields of the engine's cases that none of its variants moves; none where it has none."""
    found = sealed(engine)
    return found.unmoved if found else []


def sealed(engine: str) -> FrozenVariants | None:
    """What is frozen beside the engine's seal.


    Raises:
        Sealed: the file is damaged, or belongs to another seal.
    """
    path = place(engine)
    again = f"delete it and run: groundspeed freeze {engine}"
    try:
        found = read(path)
    except FileNotFoundError:
        return None
    except BrokenRecord as error:
        raise Sealed(f"{error}; {again}") from None
    if found.baseline != manifest.manifest(engine).seal:
        raise Sealed(f"{path.name} of {engine} belongs to another seal; {again}")
    return found
