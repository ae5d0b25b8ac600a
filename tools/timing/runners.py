"""Runners that are interleaved: an engine on a case, the baseline as control, a memory stream.

On a GPU calls return before they are done, so a block ends when its device has nothing left to do.
"""

import gc
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from time import perf_counter, process_time

import torch

from groundspeed.baselines.device import moved
from groundspeed.baselines.engine import Case, Engine, State, clone, fields
from groundspeed.tools.timing import processors
from groundspeed.tools.timing.fingerprints import pieces

SLOW_S = 0.05  # a first call below this is followed by a second before the first round
OFF = 2.0**-12  # of a number, by which a fresh start differs where the seed moves nothing

Seconds = tuple[float, float]  # of a block: wall and processor seconds
Block = tuple[int, int]  # the number of its pass, and of the steps made of it by its end


def collect() -> None:
    """Garbage, now and not between blocks."""
    gc.collect()
    gc.disable()


def device_of(engine: Engine) -> str:
    """Where it works."""
    return "cuda" if "cuda" in engine.needs else "cpu"


def timed(
    act: Callable[[], State], finish: Callable[[], None], others: Sequence[int] = ()
) -> tuple[State, Seconds]:
    """What a call gives, and its seconds until the device has done all; ``others`` work for it."""
    wall, before = perf_counter(), processors.seconds(others)
    found = act()
    finish()
    cpu, wall = processors.since(before, others), perf_counter() - wall
    return found, (wall, cpu)


def finishing(device: str) -> Callable[[], None]:
    """Waits until that device has done all that it was given."""
    return torch.cuda.synchronize if device == "cuda" else lambda: None


@dataclass
class Starts:
    """Starts of a case that no candidate has seen: those of other seeds.

    Where the seed moves nothing, the case's own start with each number of what moves smaller by
    up to ``OFF`` of itself: more than rounding claims allow, so no remembered answer serves for
    it, and as little as keeps it within the range of the start. Zeros stay zeros.
    """

    engine: Engine
    case: Case

    def __post_init__(self):
        self.own = self.engine.initial(self.case)
        self.seeded = differs(self.of_seed(self.case.seed + 1), self.own)

    def of_seed(self, seed: int) -> State:
        return self.engine.initial(replace(self.case, seed=seed))

    def fresh(self, seed: int) -> State:
        """The start that a seed stands for, in memory of its own."""
        if self.seeded:
            return self.of_seed(seed)
        start, generator = clone(self.own), torch.Generator("cpu").manual_seed(seed)
        for name, values in fields(start).items():
            if name not in self.engine.fixed and values.numel() > 1:
                disturb(values, generator)
        return start


def differs(one: State, other: State) -> bool:
    """Whether two states of the same shapes hold other numbers; no if the shapes differ too."""
    pairs = list(zip(one, other, strict=True))
    alike = all(a.shape == b.shape for a, b in pairs)
    return alike and any(not torch.equal(a, b) for a, b in pairs)


def disturb(values: torch.Tensor, generator: torch.Generator) -> None:
    """Multiply by 1 − OFF·u with u uniform in [0, 1), in place; whole numbers stay."""
    if values.is_complex():
        values = torch.view_as_real(values)
    if not values.is_floating_point():
        return
    flat = values.reshape(-1)
    for part in pieces(flat):
        part.mul_(1 - OFF * torch.rand(part.shape, generator=generator).to(part.dtype))
    if not values.is_contiguous():  # then those were the pieces of a copy
        values.copy_(flat.view(values.shape))


@dataclass
class Runner:
    """An engine in the middle of a case's trajectory; `restart` begins a new one."""

    engine: Engine
    case: Case
    start: State
    cold: bool = False  # not called before it is timed: of slow steps the first is like the others
    second_call: bool = True  # before it is timed, so that `once_s` is the time of a usual step

    def __post_init__(self):
        device = device_of(self.engine)
        self.finish = finishing(device)
        self.there = self.case if device == "cpu" else replace(self.case, device=device)
        before = perf_counter()
        self.step = self.engine.prepare(self.case)
        self.others = processors.workers(self.engine)
        if self.cold:
            return
        self.restart()
        self.state = self.step(self.state)
        self.finish()
        self.first_call_s = self.once_s = perf_counter() - before
        if self.second_call and (
            self.first_call_s < SLOW_S or self.engine.needs
        ):  # of what compiles
            self.restart()
            self.once_s = self.make(self.engine.stride)[0] / self.engine.stride

    def restart(self, start: State | None = None) -> Seconds:
        """To a start of its own, and what adopting it takes: the last one is let go only after
        the next has its memory."""
        given = self.start if start is None else start
        mine, self.copy_s = timed(partial(clone, given), self.finish)
        adopt = partial(self.engine.adopt, self.case, mine)
        self.state, took = timed(adopt, self.finish, self.others)
        return took

    def make(self, steps: int) -> Seconds:
        """Wall and processor seconds for that many steps of the baseline."""
        step, state = self.step, self.state
        calls = range(steps // self.engine.stride)
        wall, before = perf_counter(), processors.seconds(self.others)
        for _ in calls:
            state = step(state)
        self.finish()
        cpu, wall = processors.since(before, self.others), perf_counter() - wall
        self.state = state
        return wall, cpu

    def read(self) -> tuple[State, dict[str, Seconds]]:
        """The canonical state where its case has it, and what reading it takes: where the engine
        works, once more without a step between, and the way from there.

        A lazy tensor is not copied: it would compute as it is.
        """
        see = partial(self.engine.observe, self.there, self.state)
        state, first = timed(see, self.finish, self.others)
        _, again = timed(see, self.finish, self.others)
        plain = all(type(t) is torch.Tensor for t in state)
        home = partial(moved, state, self.case.device) if plain else lambda: state
        state, way = timed(home, self.finish)
        return state, {"first": first, "again": again, "way": way}


@dataclass
class Control(Runner):
    """The frozen engine once more; and, after it, ``extra`` steps whose result is dropped."""

    extra: int = 0

    def make(self, steps: int) -> Seconds:
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

    def make(self, steps: int) -> Seconds:
        a, b = self.a, self.b
        wall, cpu = perf_counter(), process_time()
        for _ in range(steps):
            torch.sub(b, a, out=a)
        self.finish()
        return perf_counter() - wall, process_time() - cpu
