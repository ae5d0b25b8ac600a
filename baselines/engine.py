"""The one contract of the house: an engine is a value.

A baseline declares one, an optimization is ``replace(engine, ...)`` of it, and
everything else (freezing, judging, timing, reporting) asks for nothing more.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch

State = Any  # a NamedTuple of tensors
Step = Callable[[State], State]
Run = Callable[[State, int], State]  # run(state, steps): the state that many steps later

WIDER = {
    torch.float16: torch.float64,
    torch.bfloat16: torch.float64,
    torch.float32: torch.float64,
    torch.complex64: torch.complex128,
}


@dataclass(frozen=True, kw_only=True)
class Case:
    """A named size and scenario of an engine.

    Engines subclass it with their physical parameters. A case is data: two cases
    that are equal describe the same run, bit for bit, on the same machine.

    Attributes:
        steps: length of the trajectory that is judged.
        dtype: type of the floating-point fields.
        device: where the state lives.
        seed: of the CPU generator from which every random number is drawn.
        timed: whether the clock measures this case.
        quick: whether everyday runs include it (else only ``--full`` ones do).
        stored: whether golden arrays are kept, not only their digests.
    """

    steps: int
    dtype: torch.dtype = torch.float64
    device: str = "cpu"
    seed: int = 0
    timed: bool = False
    quick: bool = True
    stored: bool = False

    @property
    def truth(self) -> Case:
        """The same case in the widest floating-point type there is."""
        return replace(self, dtype=WIDER.get(self.dtype, self.dtype))

    @property
    def is_truth(self) -> bool:
        """Whether there is no wider type left to hold this case to."""
        return self.dtype not in WIDER

    def generator(self) -> torch.Generator:
        """A fresh CPU generator, so that every engine starts alike on every device."""
        return torch.Generator("cpu").manual_seed(self.seed)


@dataclass(frozen=True)
class Stage:
    """A named part of the step; the composition of an engine's stages is its step.

    ``build(case)`` does the one-off work and returns the function that runs.
    """

    name: str
    build: Callable[[Case], Step]


@dataclass(frozen=True)
class Law:
    """Something that the physics conserves or obeys, as an experiment with a residual.

    ``residual(case, start, run)`` is a number that is 0 where the law is obeyed exactly.
    ``start`` is the case's initial state; ``run(state, steps)`` advances any canonical
    state and never changes its argument. ``bound`` is what the frozen engine itself
    keeps in float64, an order of magnitude above its rounding.
    """

    name: str
    statement: str
    residual: Callable[[Case, State, Run], float]
    bound: float
    applies: Callable[[Case], bool] = lambda case: True


def same(_: Case, state: State) -> State:
    """The working state is the canonical one."""
    return state


@dataclass(frozen=True, kw_only=True)
class Engine:
    """A simulation engine, as a value.

    Attributes:
        name: of the baseline that this is, or that it stands in for.
        cases: named sizes and scenarios.
        initial: the canonical state in which a case starts (seeded; checks its input).
        stages: ordered parts whose composition is the step.
        stepper: does all one-off work and returns the step; only that step is timed, with
            ``adopt`` and ``observe``. ``None`` means the composition of the stages.
        laws: what the physics conserves or obeys.
        fixed: fields that the step may read and must hand back untouched.
        adopt: working state from a canonical one (another layout, a pool, a box).
        observe: canonical state, the one that is compared, from a working one.
        in_place: whether the step may overwrite the state that it is given.
        stride: how many steps of the baseline one call makes.
        needs: what the machine must have: "compiler", "cuda", or the name of a package.
        opaque: why operator counts cannot see inside, where they cannot.
        least_bytes: what any step of this case must read and write at the least, for the
            distance to the machine's limit.
    """

    name: str
    cases: Mapping[str, Case]
    initial: Callable[[Case], State]
    stages: tuple[Stage, ...]
    stepper: Callable[[Case], Step] | None = None
    laws: tuple[Law, ...] = ()
    fixed: tuple[str, ...] = ()
    adopt: Callable[[Case, State], State] = same
    observe: Callable[[Case, State], State] = same
    in_place: bool = False
    stride: int = 1
    needs: tuple[str, ...] = ()
    opaque: str = ""
    least_bytes: Callable[[Case], int] | None = None

    def prepare(self, case: Case) -> Step:
        """All one-off work for ``case``; the step that is left to run."""
        if self.stepper is not None:
            return self.stepper(case)
        return compose(*(stage.build(case) for stage in self.stages))

    def runner(self, case: Case) -> Run:
        """``run(state, steps)`` over canonical states, never changing its argument."""
        step = self.prepare(case)

        def run(state: State, steps: int) -> State:
            calls, rest = divmod(steps, self.stride)
            if rest:
                raise ValueError(
                    f"{steps} steps asked, each call makes {self.stride}; ask for a multiple"
                )
            working = self.adopt(case, clone(state))
            for _ in range(calls):
                working = step(working)
            return self.observe(case, working)

        return run


def compose(*steps: Step) -> Step:
    """The functions one after another."""

    def composed(state: State) -> State:
        for step in steps:
            state = step(state)
        return state

    return composed


def replace_stage(engine: Engine, **builders: Callable[[Case], Step]) -> Engine:
    """``engine`` with the named stages built otherwise: ``replace_stage(e, diffuse=fast)``.

    Raises:
        ValueError: where the engine has no stage of that name.
    """
    names = [stage.name for stage in engine.stages]
    for name in builders:
        if name not in names:
            raise ValueError(f"no stage {name!r} in {engine.name}; have {names}")
    stages = tuple(Stage(s.name, builders.get(s.name, s.build)) for s in engine.stages)
    return replace(engine, stages=stages, stepper=None)


def clone(state: State) -> State:
    """A deep copy of a state: no memory shared."""
    return type(state)(*(t.clone() if isinstance(t, torch.Tensor) else t for t in state))


def fields(state: State) -> dict[str, torch.Tensor]:
    """The tensors of a state by name."""
    return dict(zip(state._fields, state, strict=True))


def describe(case: Case) -> dict[str, Any]:
    """The case as plain data, for records and digests."""
    return {f.name: plain(getattr(case, f.name)) for f in dataclasses.fields(case)}


def plain(value: Any) -> Any:
    """``value`` in terms that JSON knows; equal values give equal results."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        inner = {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
        return {"is": type(value).__name__, **inner}
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, tuple | list):
        return [plain(v) for v in value]
    if isinstance(value, torch.dtype):
        return str(value).removeprefix("torch.")
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"a case holds {value!r}; cases are data: numbers, names, tuples, dataclasses")
