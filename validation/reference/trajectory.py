"""Baseline trajectory: the states that candidates are compared with, and its own error."""

from dataclasses import dataclass

import torch

from groundspeed.baselines.engine import Case, Engine, Run, State, fields
from groundspeed.validation.reference.distance import Distance, distance, inexact, widest
from groundspeed.validation.reference.random_rounding import RandomRounding

LADDER = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000)
SLACK = 2.0  # of the baseline error: two right answers lie on either side of the truth
LAW_CELLS = 1 << 16  # laws are experiments of their own: larger cases are judged by agreement
LARGE = 1 << 20  # elements; above it the members of the ensemble average themselves
States = dict[int, State]  # by number of steps


def checkpoints(case: Case, stride: int = 1) -> list[int]:
    """Steps after which whole trajectories are compared."""
    inside = [n for n in LADDER if n < case.steps and n % stride == 0]
    return [*inside, case.steps]


def departures(case: Case, stride: int = 1) -> list[int]:
    """Steps of the baseline's trajectory from which single calls are compared."""
    last = case.steps - stride
    return sorted({0, last // 2 // stride * stride, last})


@dataclass(frozen=True)
class Reference:
    """States of the baseline along one case, by step."""

    case: Case
    states: States

    @property
    def start(self) -> State:
        return self.states[0]

    def evolving(self, name: str) -> bool:
        """Whether the field ever differs from its start."""
        start = fields(self.start)[name]
        return any(not torch.equal(fields(s)[name], start) for s in self.states.values())


def along(engine: Engine, case: Case, start: State, at: list[int]) -> States:
    """The engine's states after each number of steps."""
    return visited(engine.runner(case), start, at)


def visited(run: Run, start: State, at: list[int]) -> States:
    """The states after each number of steps."""
    states, here, state = {}, 0, start
    for n in at:
        state = states[n] = run(state, n - here)
        here = n
    return states


def rounded(run: Run, seed: int) -> Run:
    """``run`` with every result rounded at random.

    What was prepared before stays as it is. It is data that all right answers share, often drawn
    in a narrower type than the case's: its rounding would be taken for that of the steps.
    """
    rounding = RandomRounding(seed)

    def moved(state: State, steps: int) -> State:
        with rounding:
            return run(state, steps)

    return moved


def rounded_run(engine: Engine, case: Case, start: State, at: list[int], seed: int) -> States:
    """A run of the baseline in which every result of its steps is rounded at random."""
    return visited(rounded(engine.runner(case), seed), start, at)


def stops(case: Case) -> list[int]:
    """Steps of the frozen run that are asked for, of whole trajectories or of single calls."""
    return sorted({*checkpoints(case), *(n + k for n in departures(case) for k in (0, 1))} - {0})


def reference(engine: Engine, case: Case, start: State | None = None) -> Reference:
    """Run the engine over the case and keep the states that will be compared."""
    start = engine.initial(case) if start is None else start
    return Reference(case, {0: start} | along(engine, case, start, stops(case)))


def like(state: State, pattern: State) -> State:
    """``state`` with the floating-point types of ``pattern``."""
    pairs = zip(state, pattern, strict=True)
    return type(pattern)(*(s.to(p.dtype) if inexact(s) else s for s, p in pairs))


def truth(engine: Engine, run: Reference) -> Reference:
    """A run in the widest type there is, from the same start: itself where it is that already."""
    if run.case.is_truth:
        return run
    wide = run.case.truth
    return reference(engine, wide, like(run.start, engine.initial(wide)))


def members(case: Case, start: State) -> int:
    """How many runs the ensemble takes: fewer where each averages over many cells."""
    if not case.quick:
        return 1
    return 3 if max(t.numel() for t in start) >= LARGE else 6


def own_error(engine: Engine, case: Case) -> dict[str, dict[str, Distance]]:
    """How far right answers may lie from the truth: {"step 5": {"E": Distance}}.

    The largest error, against the truth, among the baseline and runs of it under
    random rounding. Where the case is as wide as types get, the frozen run stands in for
    the truth. "step n" is for whole trajectories, "from n" for a single call from there.
    """
    base = reference(engine, case)
    true = truth(engine, base)
    exact = {n: after_one(engine, case, base, true, n) for n in departures(case)}
    table = {f"step {n}": [errors(base.states[n], true.states[n])] for n in checkpoints(case)}
    table |= {f"from {n}": [errors(base.states[n + 1], exact[n])] for n in exact}
    for seed in range(members(case, base.start)):
        other = rounded_run(engine, case, base.start, stops(case), seed)
        for n in checkpoints(case):
            table[f"step {n}"].append(errors(other[n], true.states[n]))
        for n in exact:
            moved = rounded_run(engine, case, base.states[n], [1], seed) if n else other
            table[f"from {n}"].append(errors(moved[1], exact[n]))
    return {
        key: {name: widest(*(row[name] for row in rows)) for name in rows[0]}
        for key, rows in table.items()
    }


def after_one(
    engine: Engine, case: Case, base: Reference, true: Reference, n: int, run=along
) -> State:
    """The true state one step after step n of the frozen run."""
    if case.is_truth or n == 0:
        return true.states[n + 1]
    return run(engine, case.truth, like(base.states[n], true.start), [1])[1]


def errors(one: State, other: State) -> dict[str, Distance]:
    """Distances of the floating-point fields, by name."""
    pairs = zip(one._fields, one, other, strict=True)
    return {name: distance(a, b) for name, a, b in pairs if inexact(a)}


def own_residuals(engine: Engine, case: Case, start: State) -> dict[str, float]:
    """The largest residual of each law, of the baseline and under random rounding."""
    if max(t.numel() for t in start) > LAW_CELLS:
        return {}
    run = engine.runner(case)
    laws = [law for law in engine.laws if law.applies(case)]
    table = {law.name: law.residual(case, start, run) for law in laws}
    for seed in range(members(case, start)):
        for law in laws:
            with RandomRounding(seed):  # the law's own arithmetic too: else an allowance can be 0
                table[law.name] = max(table[law.name], law.residual(case, start, run))
    return table
