"""First divergence of a rejected optimization: the smallest run that shows it, kept for replay.

Baseline and candidate run in lockstep from the start that failed, call by call, up to the
first call after which they differ by more than is allowed. If one call from the state before
it shows the difference, the run is shrunk to that call, and where the candidate is made of
the frozen engine's stages it is followed stage by stage. Of several cases that fail the
smallest is kept:

    .groundspeed/failures/<name>.json          what, where, how it was found
    .groundspeed/failures/<name>.safetensors   the state from which one call shows it

and `groundspeed replay <name>` runs that call again.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import torch

from groundspeed import baselines
from groundspeed.baselines.engine import Case, Engine, State, fields, replace
from groundspeed.validation.claims import Agreement
from groundspeed.validation.inputs.frozen_variants import VariantRun
from groundspeed.validation.judge.branch_tracking import FollowedRun
from groundspeed.validation.judge.case_reference import CaseReference
from groundspeed.validation.judge.compare import (
    Check,
    compare,
    exact_distance,
    misfit,
    number,
    worst_cell,
)
from groundspeed.validation.judge.findings import CaseResult
from groundspeed.validation.records import digests, tensor_files
from groundspeed.validation.records.base import Record
from groundspeed.validation.reference import case_fields
from groundspeed.validation.reference.allowance import Allowance
from groundspeed.validation.reference.branches import own_branch, reaches
from groundspeed.validation.reference.distance import inexact
from groundspeed.validation.reference.envelope import rounded_calls
from groundspeed.validation.reference.trajectory import along, checkpoints, like
from groundspeed.validation.worker.client import Candidate
from groundspeed.validation.worker.messages import CandidateFailed, StateSource

LARGEST = 1 << 18  # elements; a larger state is not filed, the replay makes it again
STEPS = 64  # calls that are followed one by one at most


class Failure(Record):
    """The smallest run that shows a failure."""

    optimization: str
    engine: str
    case: str
    trial: str  # the start that it was, where it is not the case's own
    changes: dict[str, object]  # of the case's fields
    layout: str
    steps: int  # of the frozen engine from that start, before what differs
    calls: int  # steps from there on that show the difference
    stage: str  # the first that differs, where the candidate has stages of the same names
    field: str
    cell: list[int]
    got: float
    want: float
    ulps: dict[str, int]  # histogram of the distance in units in the last place
    words: str  # the finding
    stored: bool
    rests_on: str  # names the code and the rules under which it was found

    @property
    def lines(self) -> list[str]:
        """The failure in words."""
        stage = f", in stage {self.stage}" if self.stage else ""
        start = f" from {self.trial}" if self.trial else ""
        where = f"{self.calls} step(s) after step {self.steps} of {self.case}{start}"
        spread = ", ".join(f"{count} by {bin}" for bin, count in self.ulps.items())
        return [
            f"{self.optimization}: first differs {where}{stage}",
            f"  {self.field}{self.cell}: got {self.got!r}, want {self.want!r}",
            f"  units in the last place: {spread}",
            f"  again: groundspeed replay {self.optimization}",
        ]


def path(name: str, root: Path = digests.ROOT) -> Path:
    return root / ".groundspeed" / "failures" / f"{name}.json"


@dataclass
class FailingRun:
    """A start on which a candidate failed."""

    case: Case
    start: State
    variant: str = ""
    changes: dict = field(default_factory=dict)
    layout: str = ""

    @property
    def how(self) -> dict:
        """Arguments of `Candidate.after` for that run, besides case and start."""
        return {"changes": self.changes, "layout": self.layout}


class NamedCase(NamedTuple):
    """Where a run belongs."""

    base: Engine
    name: str


@dataclass
class Found:
    """The difference: ``calls`` steps from ``before``, which lies ``steps`` after the start."""

    run: FailingRun
    steps: int
    calls: int
    before: State
    got: State
    want: State


def investigate(name, claim, case, result, candidate, rests_on) -> Failure | None:
    """Files the smallest failing run; None where the candidate gives no answers at all."""
    data = case.data
    runs = [FailingRun(data.case, data.reference.start)]
    failed = result.tried[-1:]  # the variant after which the checks stopped
    runs += [
        FailingRun(v.case, v.start, v.label, v.changes, v.layout)
        for v in (case.variants if failed else [])
        if v.label in failed
    ]
    try:
        for run in runs:
            found = Search(data, claim, candidate, run).first_difference()
            if found is not None:
                stage = first_stage(data, claim.engine, found, candidate)
                return file(name, data, found, stage, result.broken[0], rests_on)
    except CandidateFailed:
        return None
    return None


@dataclass
class Search:
    """Baseline and candidate in lockstep from one start.

    Attributes:
        data: reference data of the case (`validation.judge.case_reference`).
        claim: level and budget of the candidate.
        candidate: gives its states.
        run: the start.
    """

    data: CaseReference
    claim: Agreement
    candidate: StateSource
    run: FailingRun

    def first_difference(self) -> Found | None:
        """The first call that differs by more than is allowed; None if none does."""
        data, run, stride = self.data, self.run, self.claim.engine.stride
        most = STEPS if run.start[0].numel() <= LARGEST else 2
        at = [stride * n for n in range(1, min(most, run.case.steps) // stride + 1)]
        ours = self.candidate.after(data.name, run.start, at, **run.how)
        theirs = along(data.base, run.case, run.start, at)
        followed = FollowedRun(data, self.claim, self.candidate, run.case, run.start, **run.how)
        for n in at:

            def own(n=n) -> list[State]:
                return list(filter(None, [followed.answer(n, ours[n])]))

            want = self.refused_against(ours[n], theirs[n], f"step {n}", n, own)
            if want is None:
                continue
            before = theirs[n - stride] if n > stride else run.start
            found = self.one_call(n - stride, before, theirs[n])
            return found or Found(run, 0, n, run.start, ours[n], want)
        states = {} if run.variant else data.reference.states
        calls = [n for n in data.departures(stride) if {n, n + stride} <= set(states)]
        found = (self.one_call(n, states[n], states[n + stride]) for n in calls)
        return next(filter(None, found), None)

    def one_call(self, n: int, before: State, frozen: State) -> Found | None:
        """The call from step n of the baseline's run, if it differs by more than is allowed."""
        base, run, stride = self.data.base, self.run, self.claim.engine.stride
        got = self.candidate.after(self.data.name, before, [stride], **run.how)[stride]

        def others() -> list[State]:
            wide = like(before, self.data.truth.start)
            true = along(base, run.case.truth, wide, [stride])[stride]
            return [true, *rounded_calls(base, run.case, before, stride)]

        check = f"from {n}" if n in self.data.departures(1) else "from 0"
        want = self.refused_against(got, frozen, check, n + stride, others)
        return None if want is None else Found(run, n, stride, before, got, want)

    def refused_against(
        self, ours: State, theirs: State, check: str, n: int, others: Callable[[], list[State]]
    ) -> State | None:
        """The state that ``ours`` fails against, with cells on another right branch replaced. None
        where it differs by no more than is allowed at the next checkpoint."""
        data = self.data
        if self.claim.level == "exact":
            return theirs if unequal(ours, theirs) else None
        if check.startswith("step"):
            n = min((c for c in checkpoints(data.case) if c >= n), default=data.case.steps)
            check = f"step {n}"
        allowed = data.tolerance.allowed(check, n)

        def broken(want: State) -> bool:
            result, allowance = CaseResult(), Allowance(allowed)
            compare(
                self.claim, result, Check(check, ours, want, lambda: want, allowance, data.still)
            )
            return bool(result.broken)

        if not broken(theirs):
            return None
        want = own_branch(ours, theirs, reaches(allowed, theirs), others)
        return want if broken(want) else None


def file_variant(name, claim: Agreement, run: VariantRun, candidate, words: str, rests_on) -> None:
    """Files a frozen variant on which a candidate fails, if it gives an answer at all."""
    how = FailingRun(run.case, run.start, run.label, run.frozen.changes)
    try:
        found = candidate.after(run.frozen.case, run.start, run.at, **how.how)
    except CandidateFailed:
        return
    n = next((n for n in run.at if unequal(found[n], run.want[n])), None)
    if n is not None:
        case = NamedCase(run.engine, run.frozen.case)
        before = Found(how, 0, n, run.start, found[n], run.want[n])
        file(
            name, case, before, first_stage(case, claim.engine, before, candidate), words, rests_on
        )


def unequal(ours: State, theirs: State) -> str:
    """The first field that differs, decisions before values; "" if none does."""
    pairs = list(zip(theirs._fields, ours, theirs, strict=True))
    for name, a, b in sorted(pairs, key=lambda p: inexact(p[2])):
        if misfit(a, b) or exact_distance(a, b).largest > 0:
            return name
    return ""


def file(
    name, data: NamedCase | CaseReference, found: Found, stage: str, words: str, rests_on
) -> Failure:
    """Writes the failure: the state first, then the record that names it."""
    run, name_of_field = found.run, unequal(found.got, found.want)
    ours, theirs = getattr(found.got, name_of_field), getattr(found.want, name_of_field)
    fits = ours.shape == theirs.shape and ours.dtype == theirs.dtype
    cell = worst_cell(ours, theirs) if fits else [0] * theirs.ndim
    place = path(name)
    place.parent.mkdir(parents=True, exist_ok=True)
    stored = sum(t.numel() for t in found.before) <= LARGEST or bool(run.variant)
    if stored:
        tensor_files.save(place.with_suffix(".safetensors"), fields(found.before))
    return Failure(
        optimization=name,
        engine=data.base.name,
        case=data.name,
        trial=run.variant,
        **run.how,
        steps=found.steps,
        calls=found.calls,
        stage=stage,
        field=name_of_field,
        cell=cell,
        got=number(ours, cell) if fits else float("nan"),
        want=number(theirs, cell),
        ulps=histogram(ours, theirs) if fits else {},
        words=words,
        stored=stored,
        rests_on=digests.of_plain(rests_on),
    ).write(place)


def first_stage(
    data: NamedCase | CaseReference, engine: Engine, found: Found, candidate: StateSource
) -> str:
    """The first stage after which the two differ, where the candidate is made of the same."""
    names = [s.name for s in data.base.stages]
    if engine.stepper is not None or [s.name for s in engine.stages] != names:
        return ""
    if len(names) < 2 or found.calls != 1:
        return ""
    for count, name in enumerate(names, 1):
        part = replace(data.base, stages=data.base.stages[:count])
        want = along(part, found.run.case, found.before, [1])[1]
        got = candidate.after(data.name, found.before, [1], **found.run.how, stages=count)[1]
        if unequal(got, want):
            return name
    return ""


def histogram(ours: torch.Tensor, theirs: torch.Tensor) -> dict[str, int]:
    """Counts cells by their distance in units in the last place, by powers of ten."""
    if not inexact(theirs):
        return {"another decision": int((ours != theirs).sum())}
    if theirs.is_complex():
        ours, theirs = torch.view_as_real(ours), torch.view_as_real(theirs)
    steps = (ordinal(ours) - ordinal(theirs)).abs().reshape(-1)
    counts = {"0": int((steps == 0).sum()), "1": int((steps == 1).sum())}
    low = 2
    for high in (10, 100, 10**4, 10**8):
        counts[f"{low} to {high}"] = int(((steps >= low) & (steps <= high)).sum())
        low = high + 1
    counts["more"] = int((steps >= low).sum())
    return {name: count for name, count in counts.items() if count}


def ordinal(t: torch.Tensor) -> torch.Tensor:
    """Integers in the order of the floating-point numbers: neighbours differ by 1."""
    whole = {2: torch.int16, 4: torch.int32, 8: torch.int64}[t.element_size()]
    bits = t.contiguous().view(whole).to(torch.int64)
    least = -(1 << (8 * t.element_size() - 1))
    return torch.where(bits < 0, least - bits, bits)


def replay(name: str) -> tuple[Failure, str]:
    """Runs a failure again. Returns the record and the field that differs now ("" if none does).

    Raises:
        FileNotFoundError: no failure is filed under that name.
    """
    failure = Failure.read(path(name))
    base = baselines.load(failure.engine)
    case = case_fields.changed(base.cases[failure.case], failure.changes, base.cases)
    before, at = stored_state(failure, base, case), failure.calls
    want = along(base, case, before, [at])[at]
    with Candidate(name) as candidate:
        how = {"changes": failure.changes, "layout": failure.layout}
        got = candidate.after(failure.case, before, [at], **how)[at]
    return failure, unequal(got, want)


def stored_state(failure: Failure, base: Engine, case: Case) -> State:
    """The state before the failure: from its file, or computed again."""
    start = base.initial(case)
    if not failure.stored:
        return base.runner(case)(start, failure.steps)
    kept = tensor_files.load(path(failure.optimization).with_suffix(".safetensors"))
    return type(start)(*(kept[name] for name in start._fields))
