"""Cheap state fingerprints, recorded after each timed block.

Large fields are gone through in pieces that stay in the cache: one pass over memory each, and
no copies of a field's size, which would cost the system more than the sums themselves.
"""

from collections.abc import Callable

import torch

from groundspeed.baselines.engine import State, fields
from groundspeed.validation.records.errors import WrongAnswer
from groundspeed.validation.reference.distance import BLOCK, ZERO, Distance, widest

CELLS = 16  # values shown of each field in a fingerprint
PIECE = BLOCK << 11  # cells; whole blocks, so that the worst one is the same as of the field

Fingerprint = dict[str, dict]


def pieces(field: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """The cells of a field in order, some at a time; views where it is contiguous."""
    return field.detach().reshape(-1).split(PIECE)


def fingerprint(state: State) -> Fingerprint:
    """Of each field: type and shape, the sum of its bits, its mean, and a few of its values."""
    return {name: of_field(field) for name, field in fields(state).items()}


def of_field(field: torch.Tensor) -> dict:
    if type(field) is not torch.Tensor:  # a lazy subclass may not have computed anything yet
        return {"is": type(field).__qualname__}
    shown = field.detach().resolve_conj().resolve_neg()  # lazy ones have no bytes of their own
    flat = torch.view_as_real(shown) if shown.is_complex() else shown
    flat = flat.contiguous().reshape(-1)
    count = flat.numel()
    cells = [count * i // CELLS for i in range(min(CELLS, count))]
    return {
        "is": f"{field.dtype} {list(field.shape)}",
        "bits": bit_sum(flat),
        "mean": sum(float(p.double().sum()) for p in pieces(flat)) / max(1, count),
        "cells": flat[cells].double().tolist(),
    }


def bit_sum(flat: torch.Tensor) -> int:
    """Sum of the bit patterns, modulo 2^64: equal for equal bits, at the speed of memory."""
    kinds = {8: torch.int64, 4: torch.int32, 2: torch.int16, 1: torch.uint8}
    bits = flat.view(kinds[flat.element_size()])
    return sum(int(p.sum(dtype=torch.int64)) for p in pieces(bits)) % 2**64


def compare_fingerprints(
    found: Fingerprint,
    wanted: Fingerprint,
    allowed: dict[str, Distance],
    floor: dict[str, Distance],
    made: int,
) -> None:
    """A block's fingerprint against the frozen engine's.

    Raises:
        WrongAnswer: naming the field and how far off it was.
    """
    for name, theirs in wanted.items():
        ours = found.get(name, {"is": "nothing"})
        if ours["is"] != theirs["is"]:
            raise WrongAnswer(f"{name} was {ours['is']} after {made} timed steps, "
                              f"allowed {theirs['is']}")  # fmt: skip
        if ours["bits"] == theirs["bits"] and ours["cells"] == theirs["cells"]:
            continue
        limit = floored(name, allowed, floor)
        cells, others = (torch.tensor(f["cells"], dtype=torch.float64) for f in (ours, theirs))
        refuse_beyond(name, made, float((cells - others).abs().max()), limit.largest)
        refuse_beyond(f"the mean of {name}", made, abs(ours["mean"] - theirs["mean"]), limit.rms)
        if limit == ZERO:
            raise WrongAnswer(f"{name} had other bits after {made} timed steps, allowed: equal")


def floored(name: str, allowed: dict[str, Distance], floor: dict[str, Distance]) -> Distance:
    """What is allowed; where anything is, at least one unit in the last place of one cell."""
    limit = allowed.get(name, ZERO)
    return limit if limit == ZERO else widest(limit, floor[name])


def refuse_beyond(
    what: str, made: int, off: float, limit: float, more: Callable[[], str] = lambda: ""
) -> None:
    """Raises where it is further off than allowed; ``more`` says what else is to be said then."""
    if not off <= limit:
        words = f"{what} was {off:.3g} off after {made} timed steps, allowed {limit:.3g}"
        raise WrongAnswer(words + more())


def moved(before: State, after: State) -> float:
    """The share of cells whose bits a block changed, in that large field where it is greatest.

    What a step must write is at least what it changes: where a field is at rest, an
    optimization may rightly pass it by, and be faster than a stream over all of it.
    """
    largest = max(field.numel() for field in after)
    pairs = zip(before, after, strict=True)
    return max(cells_changed(a, b) for a, b in pairs if b.numel() == largest) / largest


def changed_bytes(before: State, after: State) -> int:
    """What was written at the least: the bytes of the cells that differ."""
    pairs = zip(before, after, strict=True)
    return sum(cells_changed(a, b) * b.element_size() for a, b in pairs)


def cells_changed(before: torch.Tensor, after: torch.Tensor) -> int:
    """Cells that differ; all of them where the shapes do."""
    if before.shape != after.shape:
        return after.numel()
    return sum(int((p != q).sum()) for p, q in zip(pieces(before), pieces(after), strict=True))
