"""Runners that are interleaved: an engine on a case, the baseline as control, a memory stream.

On a GPU calls return before they are done, so a block ends when its device has nothing left to do.
"""

import gc
from collections.abc import Callable
from dataclasses import dataclass, replace
from time import perf_counter, process_time

import torch

from baselines.engine import Case, Engine, State, clone, fields
from tools.timing.fingerprints import pieces

SLOW_S = 0.05  # a first call below this is followed by a second before the first round

Block = tuple[int, int]  # the number of its pass, and of the steps made of it by its end


def collect() -> None:
    """Garbage, now and not between blocks."""
    gc.collect()
    gc.disable()


def device_of(engine: Engine) -> str:
    """Where it works."""
    return "cuda" if "cuda" in engine.needs else "cpu"


def finishing(device: str) -> Callable[[], None]:
    """Waits until that device has done all that it was given."""
    return torch.cuda.synchronize if device == "cuda" else lambda: None


def start_of_pass(engine: Engine, start: State, level: str, number: int) -> State:
    """The start of that pass: values moved by at most one unit in the last place, new memory.

    Fields that the engine lists as fixed keep their values, and so does everything where a
    decision may turn on the last place: claims weaker than "exact" on engines that decide.
    """
    fresh = clone(start)
    decides = any(
        not (f.is_floating_point() or f.is_complex()) and name not in engine.fixed
        for name, f in fields(start).items()
    )
    if number == 0 or (decides and level != "exact"):
        return fresh
    generator = torch.Generator("cpu").manual_seed(number)
    for name, values in fields(fresh).items():
        if name not in engine.fixed and values.numel():
            nudge(values, generator)
    return fresh


def nudge(values: torch.Tensor, generator: torch.Generator) -> None:
    """Multiply by 1 − ε, 1 or 1 + ε at random, in place; whole numbers stay."""
    if values.is_complex():
        values = torch.view_as_real(values)
    if not values.is_floating_point():
        return
    flat, eps = values.reshape(-1), torch.finfo(values.dtype).eps
    for part in pieces(flat):
        moves = torch.randint(-1, 2, part.shape, generator=generator).to(part.dtype)
        part.mul_(1 + moves * eps)
    if not values.is_contiguous():  # then those were the pieces of a copy
        values.copy_(flat.view(values.shape))


@dataclass
class Runner:
    """An engine in the middle of a case's trajectory; `restart` begins a new one."""

    engine: Engine
    case: Case
    start: State
    cold: bool = False  # not called before it is timed: of slow steps the first is like the others

    def __post_init__(self):
        device = device_of(self.engine)
        self.finish = finishing(device)
        self.there = self.case if device == "cpu" else replace(self.case, device=device)
        before = perf_counter()
        self.step = self.engine.prepare(self.case)
        if self.cold:
            return
        self.restart()
        self.state = self.step(self.state)
        self.finish()
        self.first_call_s = self.once_s = perf_counter() - before
        if self.first_call_s < SLOW_S or self.engine.needs:  # what compiles was slow once
            self.restart()
            self.once_s = self.make(self.engine.stride)[0] / self.engine.stride

    def restart(self, start: State | None = None) -> None:
        """To a start of its own: the last one is let go only after the next has its memory."""
        self.state = self.engine.adopt(self.case, clone(self.start if start is None else start))
        self.finish()

    def make(self, steps: int) -> tuple[float, float]:
        """Wall and processor seconds for that many steps of the baseline."""
        step, state = self.step, self.state
        calls = range(steps // self.engine.stride)
        wall, cpu = perf_counter(), process_time()
        for _ in calls:
            state = step(state)
        self.finish()
        cpu, wall = process_time() - cpu, perf_counter() - wall
        self.state = state
        return wall, cpu

    def observed(self) -> State:
        """The canonical state, on the device where the engine works."""
        state = self.engine.observe(self.there, self.state)
        self.finish()
        return state


@dataclass
class Control(Runner):
    """The frozen engine once more; and, after it, ``extra`` steps whose result is dropped."""

    extra: int = 0

    def make(self, steps: int) -> tuple[float, float]:
        start = self.state
        wall, cpu = super().make(steps)
        if self.extra:
            after, self.state = self.state, start
            more_wall, more_cpu = super().make(self.extra)
            self.state = after
            self.with_extra = wall + more_wall, cpu + more_cpu
        return wall, cpu


@dataclass
class Stream:
    """The in-place stream: two arrays of a field's size, one written back."""

    field: torch.Tensor
    device: str = "cpu"

    def __post_init__(self):
        self.b = torch.ones_like(self.field, device=self.device)
        self.a = torch.ones_like(self.b)
        self.finish = finishing(self.device)

    def restart(self, start: State | None = None) -> None:
        """It has no trajectory."""

    @property
    def bytes(self) -> int:
        return 3 * self.a.numel() * self.a.element_size()

    def make(self, steps: int) -> tuple[float, float]:
        a, b = self.a, self.b
        wall, cpu = perf_counter(), process_time()
        for _ in range(steps):
            torch.sub(b, a, out=a)
        self.finish()
        return perf_counter() - wall, process_time() - cpu
