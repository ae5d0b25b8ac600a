"""Acceptance table: which rule separates right from wrong where the answer is known.

For each toy, ten starts and three horizons: thirty checks of each candidate by each rule.
The last row is the judge itself, the very code that judges optimizations, on a run of that
length; the others look at the end of the run alone, and are what is commonly done.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from types import ModuleType

import torch

from baselines.engine import Engine, State
from validation.calibration import heat, lorenz96
from validation.claims import Agreement
from validation.judge.case_checks import CaseChecks
from validation.judge.case_reference import CaseReference
from validation.judge.checks import run_checks
from validation.reference.envelope import sensitivity
from validation.reference.gradients import own_gradients
from validation.reference.trajectory import along

STARTS = 10
EIGHT = 8  # members of the envelope that is the rule of the table's last but one row
TWICE = 2.0


@dataclass
class Ends:
    """Of one candidate after one run: its end, and what it is compared with."""

    got: torch.Tensor
    base: torch.Tensor
    true: torch.Tensor
    members: list[torch.Tensor]


def close(rtol: float, atol: float) -> Callable[[Ends], bool]:
    return lambda e: torch.allclose(e.got, e.base, rtol=rtol, atol=atol)


def rms(x: torch.Tensor) -> float:
    return float(x.double().square().mean()) ** 0.5


def largest(x: torch.Tensor) -> float:
    return float(x.abs().max())


RULES: dict[str, Callable[[Ends], bool]] = {
    "allclose 1e-2": close(1e-2, 1e-2),
    "allclose 1e-4": close(1e-4, 1e-4),
    "assert_close defaults": close(1.3e-6, 1e-5),
    "RMSE vs float64 <= 2x baseline's": lambda e: (
        rms(e.got - e.true) <= TWICE * rms(e.base - e.true)
    ),
    "max vs float64 <= 2x baseline's": lambda e: (
        largest(e.got - e.true) <= TWICE * largest(e.base - e.true)
    ),
    "max change <= 2x of 8 one-ulp starts": lambda e: (
        largest(e.got - e.base) <= TWICE * max(largest(m - e.base) for m in e.members)
    ),
}
JUDGE = "the judge"


class Within:
    """A candidate in the judge's own process: for toys, which have nothing to hide."""

    name = "toy"

    def __init__(self, engine: Engine):
        self.engine = engine

    def another(self, threads: int) -> AbstractContextManager[Within]:
        return nullcontext(self)

    def stop(self) -> None:
        """It has no process of its own."""

    def after(self, case: str, state: State, at: list[int], changes=None, **_) -> dict[int, State]:
        changed = replace(self.engine.cases[case], **(changes or {}))
        return along(self.engine, changed, state, at)

    def gradients(self, case: str, state: State, steps: int, wrt: tuple[str, ...]) -> dict:
        return own_gradients(self.engine, self.engine.cases[case], state, steps, list(wrt))


def count(toy: ModuleType, starts: int = STARTS) -> dict[str, dict[str, int]]:
    """How often each rule accepts each candidate: {rule: {candidate: count}}."""
    table = {rule: dict.fromkeys(toy.CANDIDATES, 0) for rule in (*RULES, JUDGE)}
    for seed in range(starts):
        for name, accepted in commonly(toy, seed).items():
            for rule, times in accepted.items():
                table[rule][name] += times
        for steps in toy.HORIZONS:
            for name, result in by_the_judge(toy, seed, steps).items():
                table[JUDGE][name] += not result.broken
    return table


def commonly(toy: ModuleType, seed: int) -> dict[str, dict[str, int]]:
    """{candidate: {rule: at how many horizons it accepts}} from one start."""
    at = list(toy.HORIZONS)
    base = toy.engine(at[-1], seed)
    case = next(iter(base.cases.values()))
    start = base.initial(case)
    wide = type(start)(*(t.double() for t in start))
    runs = [along(base, case, start, at), along(base, case.truth, wide, at)]
    runs += sensitivity(base, case, start, at, (), EIGHT)
    found = {}
    for name, change in toy.CANDIDATES.items():
        got = along(toy.engine(at[-1], seed, **change), case, start, at)
        ends = [Ends(got[n].x, runs[0][n].x, runs[1][n].x, [m[n].x for m in runs[2:]]) for n in at]
        found[name] = {rule: sum(map(test, ends)) for rule, test in RULES.items()}
    return found


def by_the_judge(toy: ModuleType, seed: int, steps: int) -> dict[str, object]:
    """What the judge finds on a run of that length: {candidate: CaseResult}."""
    base = toy.engine(steps, seed)
    ((name, case),) = base.cases.items()
    checks = CaseChecks(CaseReference(base, name, case))
    found = {}
    for label, change in toy.CANDIDATES.items():
        engine = toy.engine(steps, seed, **change)
        claim = Agreement(engine=engine, level="rounding", because="the toy's answer is known")
        found[label] = run_checks(checks, claim, Within(engine))
    return found


def acceptance_table(starts: int = STARTS) -> dict[str, dict[str, dict[str, int]]]:
    """{system: {rule: {candidate: accepted}}}, of ``starts`` times three checks each."""
    return {"Lorenz-96": count(lorenz96, starts), "heat": count(heat, starts)}


def wanted(starts: int = STARTS) -> dict[str, dict[str, int]]:
    """{system: {candidate: how often it should be accepted}}; the refactor is left open."""
    checks = starts * len(heat.HORIZONS)
    named = {"Lorenz-96": lorenz96.WANTED, "heat": heat.WANTED}
    return {toy: {n: checks * right for n, right in want.items()} for toy, want in named.items()}


def lines(table: dict[str, dict[str, dict[str, int]]]) -> list[str]:
    """The table as markdown."""
    found = []
    for system, rows in table.items():
        names = list(next(iter(rows.values())))
        found += [f"| {system} | {' | '.join(names)} |", "|---|" + "---:|" * len(names)]
        found += [
            f"| {rule} | {' | '.join(str(row[name]) for name in names)} |"
            for rule, row in rows.items()
        ]
        found.append("")
    return found
