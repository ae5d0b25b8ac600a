"""Acceptance table: which rule separates right from wrong where the answer is known.

Each candidate is checked by each rule from each start at three horizons. The last row is the
judge itself, the very code that judges optimizations, on a run of that length; the others look
at the end of the run alone, and are what is commonly done.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from types import ModuleType

import torch

from groundspeed.baselines.engine import Engine, State
from groundspeed.validation.calibration import heat, lorenz96
from groundspeed.validation.claims import Agreement
from groundspeed.validation.judge.case_checks import CaseChecks
from groundspeed.validation.judge.case_reference import CaseReference
from groundspeed.validation.judge.checks import run_checks
from groundspeed.validation.judge.findings import CaseResult
from groundspeed.validation.reference.distance import size
from groundspeed.validation.reference.envelope import sensitivity
from groundspeed.validation.reference.gradients import own_gradients
from groundspeed.validation.reference.trajectory import along

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


def largest(x: torch.Tensor) -> float:
    return float(x.abs().max())


def twice_as_far(norm: Callable[[torch.Tensor], float]) -> Callable[[Ends], bool]:
    return lambda e: norm(e.got - e.true) <= TWICE * norm(e.base - e.true)


RULES: dict[str, Callable[[Ends], bool]] = {
    "allclose 1e-2": close(1e-2, 1e-2),
    "allclose 1e-4": close(1e-4, 1e-4),
    "assert_close defaults": close(1.3e-6, 1e-5),
    "RMSE vs float64 <= 2x baseline's": twice_as_far(size),
    "max vs float64 <= 2x baseline's": twice_as_far(largest),
    "max change <= 2x of 8 one-ulp starts": lambda e: (
        largest(e.got - e.base) <= TWICE * max(largest(m - e.base) for m in e.members)
    ),
}
JUDGE = "the judge"
SYSTEMS = {"Lorenz-96": lorenz96, "heat": heat}
WANTED = {"reordered": True, "bug 1e-5": False, "float16": False}  # a refactor is judgement
Counts = dict[str, dict[str, int]]  # rule: candidate: how often it was accepted


class InProcess:
    """A candidate in the judge's own process: calibration systems have nothing to hide."""

    name = "calibration"

    def __init__(self, engine: Engine):
        self.engine = engine

    def another(self, threads: int) -> AbstractContextManager[InProcess]:
        return nullcontext(self)

    def stop(self) -> None:
        """It has no process of its own."""

    def uses_threads(self) -> bool:
        return False

    def after(self, case: str, state: State, at: list[int], changes=None, **_) -> dict[int, State]:
        changed = replace(self.engine.cases[case], **(changes or {}))
        return along(self.engine, changed, state, at)

    def gradients(self, case: str, state: State, steps: int, wrt: tuple[str, ...]) -> dict:
        return own_gradients(self.engine, self.engine.cases[case], state, steps, list(wrt))


def one_start(name: str, seed: int) -> Counts:
    """At how many horizons each rule, the judge last, accepts the candidates from one start."""
    system = SYSTEMS[name]
    verdicts = [by_the_judge(system, seed, steps) for steps in system.HORIZONS]
    own = {n: sum(not found[n].broken for found in verdicts) for n in system.CANDIDATES}
    return commonly(system, seed) | {JUDGE: own}


def commonly(system: ModuleType, seed: int) -> Counts:
    """The same by the rules that look at the end of a run alone."""
    at = list(system.HORIZONS)
    base = system.engine(at[-1], seed)
    case = next(iter(base.cases.values()))
    start = base.initial(case)
    wide = type(start)(*(t.double() for t in start))
    runs = [along(base, case, start, at), along(base, case.truth, wide, at)]
    runs += sensitivity(base, case, start, at, (), EIGHT)
    found: Counts = {rule: {} for rule in RULES}
    for name, change in system.CANDIDATES.items():
        got = along(system.engine(at[-1], seed, **change), case, start, at)
        ends = [Ends(got[n].x, runs[0][n].x, runs[1][n].x, [m[n].x for m in runs[2:]]) for n in at]
        for rule, accepts in RULES.items():
            found[rule][name] = sum(map(accepts, ends))
    return found


def by_the_judge(system: ModuleType, seed: int, steps: int) -> dict[str, CaseResult]:
    """What the judge finds of each candidate on a run of that length."""
    base = system.engine(steps, seed)
    ((name, case),) = base.cases.items()
    checks = CaseChecks(CaseReference(base, name, case))
    found = {}
    for label, change in system.CANDIDATES.items():
        engine = system.engine(steps, seed, **change)
        claim = Agreement(engine=engine, level="rounding", because="its answer is known")
        found[label] = run_checks(checks, claim, InProcess(engine))
    return found


def wanted(starts: int) -> Counts:
    """By system, how often each candidate should be accepted; the refactor is left open."""
    return {
        name: {n: starts * len(system.HORIZONS) * right for n, right in WANTED.items()}
        for name, system in SYSTEMS.items()
    }
