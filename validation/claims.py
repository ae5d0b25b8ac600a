"""What an optimization claims: how closely it agrees with its baseline, where, and why."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace

from groundspeed import baselines
from groundspeed.baselines.engine import Case, Engine, Stage, Step
from groundspeed.validation.tiers import Coverage

LEVELS = {
    "exact": "bit for bit, on one device and thread count",
    "rounding": "no further from the float64 truth than right answers lie",
    "approximate": "other physics within a declared error; never a speedup of the baseline",
}
EXPECTATIONS = ("verified", "rejected")


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """``engine`` agrees with the frozen engine of the same name.

    Attributes:
        engine: the optimized one.
        level: "exact", "rounding" or "approximate".
        because: the argument why it agrees so closely and no closer (or, where a refusal
            is expected, why it does not).
        cases: names of the cases that it covers; none means all of them.
        expected: "verified", or "rejected" for a proposal that is kept as a negative result.
        budget: for "approximate", the relative RMS error allowed in each field, and the residual
            allowed in a law by its name.
        loosened: the reason why more is allowed now than in the last verdict on file.
        differentiable: fields of the start by which the end may be differentiated; the
            gradients are then held to the frozen engine's as values are.
        quick: whether everyday runs judge it (else only ``--full`` ones, and by name).
        threads: why another number of threads gives other bits, where it does; a claim
            that says nothing is held to its level with two threads as with one.
    """

    engine: Engine
    level: str
    because: str
    cases: tuple[str, ...] = ()
    expected: str = "verified"
    budget: Mapping[str, float] = field(default_factory=dict)
    loosened: str = ""
    differentiable: tuple[str, ...] = ()
    threads: str = ""
    quick: bool = True

    def __post_init__(self):
        if not isinstance(self.engine, Engine):
            raise TypeError(
                f"engine is {type(self.engine).__name__}, allowed: Engine; make it with "
                "replace_stage or replace of the baseline's"
            )
        if self.level not in LEVELS:
            raise ValueError(f"level is {self.level!r}; allowed: {list(LEVELS)}")
        if self.expected not in EXPECTATIONS:
            raise ValueError(f"expected is {self.expected!r}; allowed: {list(EXPECTATIONS)}")
        if not self.because.strip():
            raise ValueError("because is empty; say why it agrees that closely")
        if (self.level == "approximate") != bool(self.budget):
            raise ValueError("a budget goes with level 'approximate', and only with it")
        unknown = set(self.cases) - set(self.baseline.cases if self.cases else ())
        if unknown:
            raise ValueError(
                f"no case {sorted(unknown)} in {self.engine.name}; have {list(self.baseline.cases)}"
            )

    @property
    def baseline(self) -> Engine:
        return baselines.load(self.engine.name)

    def covered(self, coverage: Coverage = Coverage.EVERYDAY) -> dict[str, Case]:
        """Cases that are judged: the frozen engine's own, never the candidate's.

        Small ones are those that are stored, or the first of the rest where none is; every
        day those that are timed as well; what is not quick, and the rest, where all are asked.
        """
        return self.covered_of(self.baseline, coverage)

    def covered_of(self, base: Engine, coverage: Coverage = Coverage.EVERYDAY) -> dict[str, Case]:
        """The same, where the frozen engine is at hand already."""
        chosen = {name: base.cases[name] for name in self.cases or tuple(base.cases)}
        if coverage is Coverage.FULL:
            return chosen
        quick = {name: case for name, case in chosen.items() if case.quick}
        small = [name for name, case in quick.items() if case.stored] or list(quick)[:1]
        timed = coverage is Coverage.EVERYDAY
        return {name: case for name, case in quick.items() if name in small or timed and case.timed}


def described(claim: Agreement) -> dict:
    """The claim without its code: what a judge is told of it, as plain data."""
    engine = claim.engine
    description = {f.name: getattr(claim, f.name) for f in fields(claim) if f.name != "engine"}
    return description | {
        "budget": dict(claim.budget),
        "name": engine.name,
        "stride": engine.stride,
        "needs": engine.needs,
        "in_place": engine.in_place,
        "stages": [stage.name for stage in engine.stages],
        "whole": engine.stepper is not None,
    }


def from_description(description: dict) -> Agreement:
    """The claim as a judge holds it: its engine has the words of the optimized one, no code.

    Raises:
        ValueError, LookupError: it claims what there is not.
    """
    description = dict(description)
    engine = replace(
        baselines.load(description.pop("name")),
        stride=description.pop("stride"),
        needs=tuple(description.pop("needs")),
        in_place=description.pop("in_place"),
        stages=tuple(Stage(name, elsewhere) for name in description.pop("stages")),
        stepper=elsewhere if description.pop("whole") else None,
    )
    lists = {key: tuple(description.pop(key)) for key in ("cases", "differentiable")}
    return Agreement(engine=engine, **lists, **description)


def elsewhere(case: Case) -> Step:
    """No step: the code of a candidate runs in a process of its own."""
    raise RuntimeError("the judge holds no candidate's code; ask its process")
