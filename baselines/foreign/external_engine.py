"""Engines made of foreign programs, torch or numpy: what `groundspeed create` writes uses this.

Two kinds. A *stepping* engine is one function of the program: the program runs up to its first
call, which hands over the arguments; from there on the function is called again and again. Its
state is what the calls change or hand on. A *whole-run* engine makes the whole program one
step; its state is what the program leaves behind. In both, states are tensors at the boundary
and whatever the program has inside.

Nothing wider than the program's own type can be asked of a foreign program, so the frozen run
itself stands in for the truth. Random rounding reaches torch operators inside the program, and
the values with which a stepping engine starts: each goes through a product with one, which
changes nothing unless rounding is random.
"""

import functools
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from baselines.engine import Case, Engine, State, Step, same
from baselines.foreign import numeric_leaves
from baselines.foreign.live_step import Live, Working
from baselines.foreign.outputs import CallWatch, outputs
from baselines.foreign.program import run
from baselines.foreign.sandbox import Boundaries, Broken, Program, Sandbox

COPIES = "frozen_sources"  # foreign code: not ours to format, to lint or to import


@dataclass(frozen=True, kw_only=True)
class ProgramRun(Case):
    """A run of a foreign program.

    Attributes:
        truth_is: what stands in for the truth, and which claims that leaves.
    """

    truth_is: str


def engine(name: str, folder: Path, state: type, digest: str) -> Engine:
    """The engine that ``origin.json`` in the folder describes.

    Raises:
        Broken: a file is not the one that was frozen.
    """
    origin = read_origin(folder, digest)
    stepping = origin["step"] is not None
    return Engine(
        name=name,
        cases={key: ProgramRun(**case) for key, case in origin["cases"].items()},
        initial=functools.partial(initial, folder, state),
        stages=(),
        stepper=Stepper(folder=folder, state=state, digest=digest),
        fixed=tuple(origin["fixed"]),
        adopt=(lambda case, given: Working(given)) if stepping else same,
        observe=(lambda case, working: working.observed()) if stepping else same,
        in_place=stepping,
        opaque=origin["opaque"],
    )


def over_state(baseline: Engine, stepper: Callable[[Case], Step]) -> Engine:
    """An optimization written from scratch: its step takes and returns the canonical state."""
    return replace(baseline, stepper=stepper, adopt=same, observe=same, in_place=False)


def substitute(baseline: Engine, functions: Mapping[str, Callable]) -> Engine:
    """The foreign program with functions replaced: ``{"module:function": faster}``."""
    stepper = baseline.stepper
    if not isinstance(stepper, Stepper):
        raise TypeError(f"{baseline.name} is no foreign program; use replace_stage or replace")
    return replace(baseline, stepper=replace(stepper, functions=dict(functions)))


def read_origin(folder: Path, digest: str) -> dict:
    """What was frozen, after every frozen file was found to be what it was."""
    data = (folder / "origin.json").read_bytes()
    shown = f"baselines/{folder.name}"
    if hashlib.sha256(data).hexdigest() != digest:
        raise Broken(f"{shown}/origin.json was edited; restore it: git checkout -- {shown}")
    origin = json.loads(data)
    for path, sealed in origin["files"].items():
        file = folder / path
        if not file.exists() or hashlib.sha256(file.read_bytes()).hexdigest() != sealed:
            what = "was edited" if file.exists() else "is missing"
            raise Broken(f"{shown}/{path} {what} since it was frozen; restore it with git checkout")
    return origin


def initial(folder: Path, state: type, case: Case) -> State:
    """The recorded start of a stepping engine; nothing computed yet, of a whole run."""
    return state(**torch.load(folder / "start.pt", weights_only=True))


@dataclass(frozen=True, kw_only=True)
class Stepper:
    """``stepper(case)``: the program made ready, and one step of it."""

    folder: Path
    state: type
    digest: str
    functions: Mapping[str, Callable] = field(default_factory=dict)

    def __call__(self, case: Case) -> Step:
        origin = read_origin(self.folder, self.digest)
        program = Program(**origin["program"] | {"seed": case.seed})
        if origin["step"] is None:
            return functools.partial(self.whole_run, program, origin)
        scheduled = origin["step"]["scheduled"]
        tables = torch.load(self.folder / "schedule.pt", weights_only=True) if scheduled else {}
        sandbox = Sandbox(self.folder / COPIES, program)
        live = Live(sandbox, origin["step"], self.substitutes(), tables)
        return lambda working: working.advanced(live)

    def substitutes(self) -> dict[str, Callable]:
        return {k: functools.partial(lambda new, old: new, f) for k, f in self.functions.items()}

    def whole_run(self, program: Program, origin: dict, state: State) -> State:
        """The whole program once more, with the next seed."""
        number = int(state.runs)
        watches = {name: CallWatch(name) for name in origin["watch"]}
        boundaries = Boundaries(self.substitutes() | {n: w.wrap for n, w in watches.items()})
        left = run(Sandbox(self.folder / COPIES, program), boundaries, program.seed + number)
        found = outputs(left, watches.values())
        absent = [name for name in self.state._fields[:-1] if name not in found]
        if absent:
            raise Broken(f"the run left no {absent[0]}; it left {sorted(found)[:8]}")
        values = [numeric_leaves.tensor(found[name]) for name in self.state._fields[:-1]]
        return self.state(*values, torch.tensor(number + 1))
