"""Engines made of foreign programs, torch or numpy: what `groundspeed create` writes uses this.

Two kinds. A *stepping* engine is one function of the program: the program runs up to a call of it,
which hands over the arguments; from there on the function is called again and again. Its state is
what the calls change, hand on or are given anew. A *whole-run* engine makes the whole program one
step; its state is what the program leaves behind. In both, states are tensors at the boundary
and whatever the program has inside.

Nothing wider than the program's own type can be asked of a foreign program, so the frozen run
itself stands in for the truth. Random rounding reaches torch operators inside the program, the
values with which a stepping engine starts, those that its caller sets, and its results.
"""

import functools
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch.utils._python_dispatch import _disable_current_modes, _get_current_dispatch_mode

from groundspeed.baselines.engine import Case, Engine, State, Step, clone, same
from groundspeed.baselines.foreign import call_counts, numeric_leaves
from groundspeed.baselines.foreign.answer_files import AnswerFiles
from groundspeed.baselines.foreign.fresh_starts import fresh
from groundspeed.baselines.foreign.live_step import MARKS, Live, Working
from groundspeed.baselines.foreign.outputs import CallWatch, outputs, stacked
from groundspeed.baselines.foreign.program import run
from groundspeed.baselines.foreign.sandbox import Boundaries, Broken, Program, Sandbox

unrounded: dict[str, State] = {}  # the last run of a program that random rounding does not reach
once_is_enough = ContextVar("once_is_enough", default=False)  # for runs without random rounding
COPIES = "frozen_sources"  # foreign code: not ours to format, to lint or to import


@dataclass(frozen=True, kw_only=True)
class ProgramRun(Case):
    """A run of a foreign program.

    Attributes:
        truth_is: what stands in for the truth, and which claims that leaves.
        start: which of the recorded starts it has; other seeds have starts of their own.
        recorded_seed: the seed with which that start was recorded.
        arguments: of the command line.
        first: number of the call with which it begins.
    """

    truth_is: str
    start: str = "recorded"
    recorded_seed: int = 0
    arguments: tuple[str, ...] = ()
    first: int = 0


def engine(name: str, folder: Path, state: type, digest: str) -> Engine:
    """The engine that ``origin.json`` in the folder describes.

    Raises:
        Broken: a file is not the one that was frozen.
    """
    origin = read_origin(folder, digest)
    stepping = origin["step"] is not None
    cases = {key: program_run(case) for key, case in origin["cases"].items()}
    return Engine(
        name=name,
        cases=cases,
        initial=functools.partial(initial, folder, state),
        stages=(),
        stepper=Stepper(folder=folder, state=state, digest=digest),
        fixed=tuple(origin["fixed"]),
        adopt=(lambda case, given: Working(given)) if stepping else same,
        observe=(lambda case, working: working.observed()) if stepping else same,
        in_place=stepping,
        opaque=origin["opaque"],
    )


def program_run(case: dict) -> ProgramRun:
    return ProgramRun(**case | {"arguments": tuple(case["arguments"])})


def over_state(baseline: Engine, stepper: Callable[[Case], Step]) -> Engine:
    """An optimization written from scratch: its step takes and returns the canonical state.

    What the caller of the program's step sets for the next call is put into the state after each.
    """
    own = baseline.stepper

    def build(case: Case) -> Step:
        step, given = stepper(case), own.given(case) if isinstance(own, Stepper) else {}
        if not given:
            return step
        return lambda state: set_next(step(state), int(state.calls) + 1 - case.first, given)

    return replace(baseline, stepper=build, adopt=same, observe=same, in_place=False)


def set_next(state: State, number: int, given: Mapping[str, list[torch.Tensor]]) -> State:
    """The state with what is set for call ``number``; after the last that was seen, the same."""
    rows = {name: table[min(number, len(table) - 1)].clone() for name, table in given.items()}
    return state._replace(**rows)


def substitute(baseline: Engine, functions: Mapping[str, Callable]) -> Engine:
    """The foreign program with functions replaced: ``{"module:function": faster}``."""
    return wrapped(baseline, {name: functools.partial(standing_in, name, new)
                              for name, new in functions.items()})  # fmt: skip


def standing_in(name: str, new: Callable, old: Callable) -> Callable:
    """What is put in the place of a function."""
    return call_counts.counted(name, new)


def wrapped(baseline: Engine, wraps: Mapping[str, Callable], absent: bool = False) -> Engine:
    """The foreign program with functions replaced by what ``wraps`` makes of them; with ``absent``
    it need not have them all."""
    stepper = baseline.stepper
    if not isinstance(stepper, Stepper):
        raise TypeError(f"{baseline.name} is no foreign program; use replace_stage or replace")
    return replace(baseline, stepper=replace(stepper, wraps=dict(wraps), absent=absent))


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


def initial(folder: Path, state: type, case: ProgramRun) -> State:
    """The recorded start; of another seed than the recorded one, a start of its own.

    A whole run starts with nothing computed; with another seed the program draws other numbers.
    """
    held = torch.load(folder / "start.pt", weights_only=True)
    start, more = held["starts"][case.start], case.seed - case.recorded_seed
    if more and "runs" in start:
        start = start | {"runs": torch.tensor(more)}
    elif more:
        start = fresh(start, held["seen"][case.start], case.seed)
    return state(**start)


@contextmanager
def repeated_runs_remembered() -> Iterator[None]:
    """Within it, a whole run of a program as it is is made once: for a program of which repeated
    runs were seen to agree in every bit."""
    token = once_is_enough.set(True)
    try:
        yield
    finally:
        once_is_enough.reset(token)


@dataclass(frozen=True, kw_only=True)
class Stepper:
    """``stepper(case)``: the program made ready, and one step of it."""

    folder: Path
    state: type
    digest: str
    wraps: Mapping[str, Callable] = field(default_factory=dict)
    absent: bool = False

    def __call__(self, case: ProgramRun) -> Step:
        origin = read_origin(self.folder, self.digest)
        own = {"seed": case.recorded_seed, "arguments": case.arguments}
        program = Program(**origin["program"] | own)
        if origin["step"] is None:
            return functools.partial(self.whole_run, program, origin)
        file, tables = self.folder / "schedule.pt", {}
        if file.exists():
            tables = torch.load(file, weights_only=True)[case.start]
        sandbox = Sandbox(self.folder / COPIES, program)
        live = Live(sandbox, origin["step"], self.wraps, tables, case.first)
        self.refuse(live.boundaries)
        return lambda working: working.advanced(live)

    def refuse(self, boundaries: Boundaries) -> None:
        """Raise where a function is to be replaced that the program does not have."""
        if (absent := boundaries.absent()) and not self.absent:
            raise Broken(f"nothing in the program answers to {absent[0]}, so nothing is replaced; "
                         "allowed: module:function of a module that it imports")  # fmt: skip

    def given(self, case: ProgramRun) -> dict[str, list[torch.Tensor]]:
        """Fields of the state that the program's caller sets for each call, with their values."""
        file = self.folder / "schedule.pt"
        tables = torch.load(file, weights_only=True)[case.start] if file.exists() else {}
        return {name: table for name, table in tables.items() if name in self.state._fields}

    def whole_run(self, program: Program, origin: dict, state: State) -> State:
        """The whole program once more, with the next seed.

        Where random rounding reaches nothing inside, or the program fails under it (a test's own
        assertions on bits), it is run as it is, and once is enough.
        """
        number, opaque = int(state.runs), bool(origin["opaque"]) or not origin["rounds"]
        plain = _get_current_dispatch_mode() is None
        if self.wraps or not (once_is_enough.get() if plain else opaque):
            with _disable_current_modes() if opaque else nullcontext():
                return self.run_once(program, origin, number)
        key = repr((self.folder, self.digest, program, number))
        with _disable_current_modes():
            if key not in unrounded:
                unrounded.clear()
                unrounded[key] = self.run_once(program, origin, number)
            return clone(unrounded[key])

    def run_once(self, program: Program, origin: dict, number: int) -> State:
        watches = {name: CallWatch(name) for name in origin["watch"]}
        boundaries = Boundaries({**self.wraps, **watching(watches, self.wraps)})
        sandbox = Sandbox(self.folder / COPIES, program)
        files = AnswerFiles(sandbox.folder / program.cwd, origin["outputs"])
        with call_counts.a_step():
            left = run(sandbox, boundaries, program.seed + number)
        self.refuse(boundaries)
        found = outputs(left | files.read(), watches.values())
        values = {}
        for name in self.state._fields[:-1]:
            if name.endswith(MARKS) and (of := name.removesuffix(MARKS)) in found:
                values[name] = numeric_leaves.marks(stacked(found[of]))
            elif name in found:
                value = stacked(found[name])
                marked = name + MARKS in self.state._fields
                values[name] = numeric_leaves.without_marks(value) if marked else value
            else:
                raise Broken(f"the run left no {name}; it left {sorted(found)[:8]}")
        return self.state(**values, runs=torch.tensor(number + 1))


def watching(watches: Mapping[str, CallWatch], wraps: Mapping[str, Callable]) -> dict:
    """What is put in place of the watched functions, replaced ones among them."""
    return {name: functools.partial(watched, watch, wraps.get(name))
            for name, watch in watches.items()}  # fmt: skip


def watched(watch: CallWatch, wrap: Callable | None, old: Callable) -> Callable:
    return watch.wrap(wrap(old) if wrap else old)
