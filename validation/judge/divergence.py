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

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch

import baselines
from baselines.engine import Case, Engine, State, fields, replace
from validation.judge.branch_tracking import Orbit
from validation.judge.compare import Check, compare, exact_distance, misfit, number, worst_cell
from validation.judge.verdicts import CaseResult
from validation.records import digests, tensor_files
from validation.records.base import Record
from validation.reference.branches import own_branch, reaches
from validation.reference.envelope import rounded_calls
from validation.reference.trajectory import along, checkpoints, like
from validation.worker.client import Candidate
from validation.worker.messages import CandidateFailed, hashable

LARGEST = 1 << 18  # elements; a larger state is not filed, the replay makes it again
STEPS = 64  # calls that are followed one by one at most


class Failure(Record):
    """The smallest run that shows what a refusal is about."""

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
        """For people."""
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
    """A start on which a candidate was refused."""

    case_name: str
    case: Case
    start: State
    trial: str = ""
    changes: dict = field(default_factory=dict)
    layout: str = ""


@dataclass
class Found:
    """The difference: so many calls from ``before``, which lies ``steps`` after the start."""

    run: FailingRun
    steps: int
    calls: int
    before: State
    got: State
    want: State


def investigate(name, agreement, bench, result, candidate, rests_on) -> Failure | None:
    """The smallest failing run, filed; none where the candidate gives no answers at all."""
    runs = [FailingRun(bench.name, bench.case, bench.reference.start)]
    failed = result.tried[-1:]  # the trial after which the hearing stopped
    runs += [
        FailingRun(bench.name, t.case, t.start, t.label, t.changes, t.layout)
        for t in (bench.trials if failed else [])
        if t.label in failed
    ]
    try:
        for run in runs:
            found = first_difference(bench, agreement, candidate, run)
            if found is not None:
                return file(name, agreement, bench.base, found, result.broken[0], rests_on,
                            candidate)  # fmt: skip
    except CandidateFailed:
        return None
    return None


def first_difference(bench, agreement, candidate: Candidate, run: FailingRun) -> Found | None:
    """The first call that differs by more than is allowed; none if none does."""
    stride, base = agreement.engine.stride, bench.base
    most = STEPS if run.start[0].numel() <= LARGEST else 2
    steps = min(most, run.case.steps) // stride
    at = [stride * n for n in range(1, steps + 1)]
    how = {"changes": run.changes, "layout": run.layout}
    ours = candidate.after(bench.name, run.start, at, **how)
    theirs = along(base, run.case, run.start, at)
    orbit = Orbit(bench, agreement, candidate, run.case, run.start, **how)
    for n in at:

        def own(n=n) -> list[State]:
            return list(filter(None, [orbit.answer(n, ours[n])]))

        want = held_against(bench, agreement, ours[n], theirs[n], f"step {n}", n, own)
        if want is None:
            continue
        before = theirs[n - stride] if n > stride else run.start
        found = differs(bench, agreement, candidate, run, n - stride, before, theirs[n])
        return found or Found(run, 0, n, run.start, ours[n], want)
    states = {} if run.trial else bench.reference.states
    for n in bench.departures(stride):
        if {n, n + stride} <= set(states):
            call = n, states[n], states[n + stride]
            if found := differs(bench, agreement, candidate, run, *call):
                return found
    return None


def differs(bench, agreement, candidate, run: FailingRun, n: int, before: State, frozen: State):
    """The call from step n of the frozen run, if it differs by more than is allowed of one."""
    base, stride = bench.base, agreement.engine.stride
    how = {"changes": run.changes, "layout": run.layout}
    got = candidate.after(bench.name, before, [stride], **how)[stride]

    def others() -> list[State]:
        true = along(base, run.case.truth, like(before, bench.truth.start), [stride])[stride]
        return [true, *rounded_calls(base, run.case, before, stride)]

    check = f"from {n}" if n in bench.departures(1) else "from 0"
    want = held_against(bench, agreement, got, frozen, check, n + stride, others)
    return None if want is None else Found(run, n, stride, before, got, want)


def held_against(
    bench,
    agreement,
    ours: State,
    theirs: State,
    check: str,
    n: int,
    others: Callable[[], list[State]],
) -> State | None:
    """What ``ours`` is refused against: the frozen state, but for cells in which ``ours`` is on
    another right branch. None where it differs by no more than is allowed at the next checkpoint.
    """
    if agreement.level == "exact":
        return theirs if unequal(ours, theirs) else None
    if check.startswith("step"):
        n = min((c for c in checkpoints(bench.case) if c >= n), default=bench.case.steps)
        check = f"step {n}"
    allowed = bench.allowance(check, n)

    def broken(want: State) -> bool:
        result = CaseResult()
        compare(agreement, result, Check(check, ours, want, lambda: want, allowed, bench.still))
        return bool(result.broken)

    if not broken(theirs):
        return None
    want = own_branch(ours, theirs, reaches(allowed, theirs), others)
    return want if broken(want) else None


def unequal(ours: State, theirs: State) -> str:
    """The field whose values are furthest apart, decisions before values; "" where none are."""
    pairs = list(zip(theirs._fields, ours, theirs, strict=True))
    for name, a, b in sorted(pairs, key=lambda p: p[2].is_floating_point() or p[2].is_complex()):
        if misfit(a, b) or exact_distance(a, b).largest > 0:
            return name
    return ""


def file(name, agreement, base, found: Found, words, rests_on, candidate) -> Failure:
    """Write the failure down: the state first, then the record that speaks of it."""
    name_of_field = unequal(found.got, found.want)
    ours, theirs = getattr(found.got, name_of_field), getattr(found.want, name_of_field)
    fits = ours.shape == theirs.shape and ours.dtype == theirs.dtype
    cell = worst_cell(ours, theirs) if fits else [0] * theirs.ndim
    place = path(name)
    place.parent.mkdir(parents=True, exist_ok=True)
    stored = sum(t.numel() for t in found.before) <= LARGEST or bool(found.run.trial)
    if stored:
        tensor_files.save(place.with_suffix(".safetensors"), fields(found.before))
    return Failure(
        optimization=name,
        engine=base.name,
        case=found.run.case_name,
        trial=found.run.trial,
        changes=found.run.changes,
        layout=found.run.layout,
        steps=found.steps,
        calls=found.calls,
        stage=first_stage(base, agreement.engine, found, candidate),
        field=name_of_field,
        cell=cell,
        got=number(ours, cell) if fits else float("nan"),
        want=number(theirs, cell),
        ulps=histogram(ours, theirs) if fits else {},
        words=words,
        stored=stored,
        rests_on=digests.of_plain(rests_on),
    ).write(place)


def first_stage(base: Engine, engine: Engine, found: Found, candidate: Candidate) -> str:
    """The first stage after which the two differ, where the candidate is made of the same."""
    names = [s.name for s in base.stages]
    if engine.stepper is not None or [s.name for s in engine.stages] != names:
        return ""
    if len(names) < 2 or found.calls != 1:
        return ""
    for count, name in enumerate(names, 1):
        part = replace(base, stages=base.stages[:count])
        want = along(part, found.run.case, found.before, [1])[1]
        how = {"changes": found.run.changes, "layout": found.run.layout, "stages": count}
        got = candidate.after(found.run.case_name, found.before, [1], **how)[1]
        if unequal(got, want):
            return name
    return ""


def histogram(ours: torch.Tensor, theirs: torch.Tensor) -> dict[str, int]:
    """How many cells are how many units in the last place off, by powers of ten."""
    if not theirs.is_floating_point() and not theirs.is_complex():
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
    """Whole numbers in the order of the floating-point numbers: neighbours are 1 apart."""
    whole = {2: torch.int16, 4: torch.int32, 8: torch.int64}[t.element_size()]
    bits = t.contiguous().view(whole).to(torch.int64)
    least = -(1 << (8 * t.element_size() - 1))
    return torch.where(bits < 0, least - bits, bits)


def replay(name: str) -> tuple[Failure, str]:
    """Run what failed again: the record, and the field that differs now ("" if none does).

    Raises:
        FileNotFoundError: nothing is filed under that name.
    """
    failure = Failure.read(path(name))
    base = baselines.load(failure.engine)
    changes = {key: hashable(value) for key, value in failure.changes.items()}
    case = replace(base.cases[failure.case], **changes)
    before, at = stored_state(failure, base, case), failure.calls
    want = along(base, case, before, [at])[at]
    with Candidate(name) as candidate:
        how = {"changes": failure.changes, "layout": failure.layout}
        got = candidate.after(failure.case, before, [at], **how)[at]
    return failure, unequal(got, want)


def stored_state(failure: Failure, base: Engine, case: Case) -> State:
    """The state before what failed: from its file, or made again."""
    start = base.initial(case)
    if not failure.stored:
        return base.runner(case)(start, failure.steps)
    kept = tensor_files.load(path(failure.optimization).with_suffix(".safetensors"))
    return type(start)(*(kept[name] for name in start._fields))
