"""Starts of a foreign program's step other than the recorded one, of the same shapes.

Nobody says which states such a program may come to, so the values stay within those that each
field takes in the recorded calls: every second start is a cell's own value moved a tenth of the
way to a number between the least and the largest of the field, the others a thousandth of the
way. Where a field is at rest in most cells (a packet far from the edge) all of them move, so an
error at the edge shows. Of small whole numbers, as of spins or occupations, the order is changed.
A single number takes a value from between its recorded ones.
"""

import torch

SHARES = (0.1, 1e-3)  # of the way to another value
FEW = 8  # whole numbers that span no more than this are choices and no addresses


def fresh(start: dict, seen: dict, seed: int) -> dict:
    """A start drawn from the seed.

    Args:
        start: fields of the recorded one.
        seen: of each field that moves, its least and largest value in the recorded calls.
    """
    generator = torch.Generator("cpu").manual_seed(seed)
    share = SHARES[seed % len(SHARES)]
    moved = dict(start)
    for name, (low, high) in seen.items():
        moved[name] = another(start[name], low, high, share, generator)
    return moved


def another(
    t: torch.Tensor, low: float, high: float, share: float, generator: torch.Generator
) -> torch.Tensor:
    """The tensor with other values."""
    if t.is_complex():
        real = torch.view_as_real(t.contiguous())
        return torch.view_as_complex(another(real, low, high, share, generator).contiguous())
    if t.is_floating_point():
        draw = torch.rand(t.shape, generator=generator, dtype=torch.float64)
        to = low + (high - low) * draw
        return (t + share * (to - t)).to(t.dtype)
    if t.numel() > 1 and high - low <= FEW:
        order = torch.randperm(t.numel(), generator=generator)
        return t.reshape(-1)[order].reshape(t.shape)
    return t
