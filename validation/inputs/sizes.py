"""Sizes of a case, and the case with one size changed.

A size is a whole number that decides the shape of the start: nobody declares which those are.
"""

import dataclasses
from collections.abc import Iterator

from groundspeed.baselines.engine import Case, Engine, State, replace


def resized(base: Engine, case: Case, start: State) -> Iterator[dict[str, object]]:
    """Changes of the case by one size at a time, the sizes taking turns; ``start`` is its own."""
    slots = [slot for slot in number_slots(case) if sizes_shape(base, case, slot, start)]
    moves = (lambda n: n + 1, lambda n: n - 1, lambda n: 65, lambda n: 3, lambda n: 63)
    for turn in range(len(moves) * len(slots)):
        slot, move = slots[turn % len(slots)], moves[(turn + turn // len(slots)) % len(moves)]
        yield moved_size(case, slot, move)


def number_slots(case: Case) -> Iterator[tuple[str, int | None]]:
    """(field, index) of every whole number that a case holds, itself or in a tuple."""
    for f in dataclasses.fields(case):
        value = getattr(case, f.name)
        if f.name in ("steps", "seed") or isinstance(value, bool):
            continue
        if isinstance(value, int):
            yield f.name, None
        elif isinstance(value, tuple) and all(type(v) is int for v in value):
            yield from ((f.name, i) for i in range(len(value)))


def moved_size(case: Case, slot: tuple[str, int | None], move) -> dict[str, object]:
    name, index = slot
    value = getattr(case, name)
    if index is None:
        return {name: move(value)}
    return {name: (*value[:index], move(value[index]), *value[index + 1 :])}


def sizes_shape(base: Engine, case: Case, slot: tuple[str, int | None], start: State) -> bool:
    """Whether that number decides the shape of the start."""
    try:
        larger = replace(case, **moved_size(case, slot, lambda n: n + 1))
        return not alike(base.initial(larger), start)
    except (ValueError, RuntimeError, IndexError, TypeError):
        return False


def alike(one: State, other: State) -> bool:
    return all(a.shape == b.shape for a, b in zip(one, other, strict=True))
