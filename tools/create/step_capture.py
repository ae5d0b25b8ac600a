"""Records what the calls of a step function take, change and return.

Kept are the first calls, and two at every power of two, of which the last two pairs stay: windows
over the whole run. How many first calls are kept is decided once, by their time, and the second
run is told: what is kept never depends on the clock.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter

import torch

from groundspeed.baselines.foreign import numeric_leaves
from groundspeed.baselines.foreign.object_walk import Walk
from groundspeed.baselines.foreign.reachable import Reach, bind, reach, roots
from groundspeed.baselines.foreign.sandbox import random_state, sow

CALLS = 50  # kept of the first
BYTES = 1 << 27  # kept at most, over all first calls
WINDOW_BYTES = 1 << 25  # of one call that is kept later on
WINDOW = 2  # calls of one window
WINDOWS = 2  # that stay
SECONDS = 2.0  # of calls that become the trajectory


@dataclass
class RecordedCall:
    """One call: every number that it could reach before and after, and what it returned."""

    number: int
    before: Reach
    after: Reach
    result: dict[numeric_leaves.Place, torch.Tensor]
    result_left_out: dict[numeric_leaves.Place, str]
    seconds: float


@dataclass
class Capture:
    """Wraps the step function and keeps some of its calls.

    Attributes:
        opening: how many of the first calls are kept; None where this run decides it.
    """

    name: str  # module:function
    seed: int
    opening: int | None = None
    calls: list[RecordedCall] = field(default_factory=list)  # the first ones
    windows: list[list[RecordedCall]] = field(default_factory=list)
    count: int = 0
    bytes: int = 0
    random: bool = False
    function: str = ""

    def wrap(self, function: Callable) -> Callable:
        @functools.wraps(function)
        def captured(*args, **kwargs):
            number, self.count = self.count, self.count + 1
            if self.opens(number):
                call, result = self.keep(number, function, args, kwargs)
                self.calls.append(call)
                return result
            if not self.in_window(number):
                return function(*args, **kwargs)
            call, result = self.keep(number, function, args, kwargs)
            if is_power(number):
                self.windows = [*self.windows[1 - WINDOWS :], [call]]
            else:
                self.windows[-1].append(call)
            return result

        self.function = getattr(function, "__qualname__", str(function))
        return captured

    def opens(self, number: int) -> bool:
        """Whether this is one of the first calls, which are kept."""
        if self.opening is not None:
            return number < self.opening
        if number < 2:
            return True
        spent = sum(c.seconds for c in self.calls)
        wanted = len(self.calls) < CALLS and self.bytes < BYTES and spent < SECONDS
        if not wanted:
            self.opening = len(self.calls)
        return wanted

    def in_window(self, number: int) -> bool:
        """Whether a later call is kept."""
        small = self.bytes <= WINDOW_BYTES * len(self.calls)
        begins = next((number - k for k in range(WINDOW) if is_power(number - k)), 0)
        return small and begins >= (self.opening or 0) > 0

    def keep(self, number: int, function: Callable, args: tuple, kwargs: dict) -> tuple:
        root = roots(function, bind(function, args, kwargs))
        last = self.calls[-1].after.numbers if self.calls else {}
        before = self.shared(reach(root), last)
        sow(self.seed + number)
        dice = randomness()
        began = perf_counter()
        result = function(*args, **kwargs)
        seconds = perf_counter() - began
        self.random |= randomness() != dice
        after, walk = self.shared(reach(root), before.numbers), Walk()
        returned = {place: numeric_leaves.tensor(v) for place, v in walk.numbers(result)}
        return RecordedCall(number, before, after, returned, walk.left_out, seconds), result

    def shared(self, found: Reach, known: dict) -> Reach:
        """The same, with what did not change kept once."""
        for place, now in found.numbers.items():
            then = known.get(place)
            if then is not None and numeric_leaves.same(now, then):
                found.numbers[place] = then
            elif place not in found.first and len(self.calls) < CALLS:
                self.bytes += now.numel() * now.element_size() if not self.windows else 0
        return found


def is_power(number: int) -> bool:
    """Whether it is a power of two, four or more."""
    return number >= 4 and number & (number - 1) == 0


def randomness() -> tuple:
    """The state of every generator that is seeded, to see whether it moved."""
    own, of_torch, (_, words, position, *_) = random_state()
    return own, of_torch.numpy().tobytes(), words.tobytes(), position
