"""Sixteen times sixteen numbers, transposed in registers."""

from __future__ import annotations

from .emission import WIDTH, Flat, Value, interleaved, load, store
from .lanes import emitted


def riffle(rows: list[Value]) -> list[Value]:
    """Both halves of sixteen vectors interleaved; four times over, that transposes them."""
    half = WIDTH // 2
    pairs = list(zip(rows[:half], rows[half:], strict=True))
    return [interleaved(*pair, first) for pair in pairs for first in (0, half)]


@emitted
def transpose(source: Flat, at: Value, by: Value, target: Flat, to: Value, step: Value) -> None:
    """Sixteen rows of ``source``, ``by`` apart, become columns of ``target``."""
    rows = [load(source, at + by * i) for i in range(WIDTH)]
    for _ in range(4):
        rows = riffle(rows)
    for i, row in enumerate(rows):
        store(target, to + step * i, row)
