"""States of random generators that objects hold, as tensors of whole numbers."""

import random
import struct
import sys
from typing import Any

import torch

WORD = 63  # bits of a whole number that a tensor holds
WORDS = 3  # for one whole number of a state; none has more than 128 bits


def is_generator(value: object) -> bool:
    """Whether it is a generator of Python, torch or numpy."""
    if isinstance(value, random.Random | torch.Generator):
        return not isinstance(value, random.SystemRandom)
    held = sys.modules.get("numpy.random")
    return held is not None and isinstance(value, held.Generator | held.RandomState)


def state_of(value: Any) -> Any:
    if isinstance(value, random.Random):
        return value.getstate()
    if isinstance(value, torch.Generator):
        return value.get_state()
    if hasattr(value, "bit_generator"):
        return value.bit_generator.state
    return value.get_state(legacy=False)


def words(value: Any) -> torch.Tensor:
    """The state of a generator, in whole numbers."""
    found: list[int] = []
    state = state_of(value)
    if isinstance(state, torch.Tensor):
        return state.to(torch.int64)
    visited(state, lambda held: found.extend(split(held)) or held)
    return torch.tensor(found, dtype=torch.int64)


def put(value: Any, given: torch.Tensor) -> None:
    """Give a generator the state that `words` said."""
    if isinstance(value, torch.Generator):
        value.set_state(given.to(torch.uint8))
        return
    numbers, place = given.tolist(), 0

    def next_number(held: Any) -> Any:
        nonlocal place
        count = len(split(held))
        part, place = numbers[place : place + count], place + count
        return joined(part, held)

    state = visited(state_of(value), next_number)
    if isinstance(value, random.Random):
        value.setstate(state)
    elif hasattr(value, "bit_generator"):
        value.bit_generator.state = state
    else:
        value.set_state(state)


def visited(state: Any, change) -> Any:
    """The state with ``change(number)`` in place of each number, each array and each None."""
    if isinstance(state, dict):
        return {key: visited(held, change) for key, held in state.items()}
    if isinstance(state, tuple | list):
        return type(state)(visited(held, change) for held in state)
    return state if isinstance(state, str) else change(state)


def split(held: Any) -> list[int]:
    """A number, an array or None as whole numbers that a tensor holds."""
    if held is None:
        return [0, 0, 0]
    if isinstance(held, float):
        return [1, *struct.unpack("q", struct.pack("d", held)), 0]
    if isinstance(held, int):
        return [held >> WORD * k & (1 << WORD) - 1 for k in range(WORDS)]
    flat = held.astype("uint64").tolist()
    return [part for number in flat for part in split(number)]


def joined(part: list[int], held: Any) -> Any:
    """What `split` was given, of the kind of ``held``."""
    if held is None or isinstance(held, float):
        return struct.unpack("d", struct.pack("q", part[1]))[0] if part[0] else None
    if isinstance(held, int):
        return whole(part)
    array = held.copy()
    array[:] = [whole(part[k : k + WORDS]) for k in range(0, len(part), WORDS)]
    return array


def whole(part: list[int]) -> int:
    return sum(number << WORD * k for k, number in enumerate(part))
