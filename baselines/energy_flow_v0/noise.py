"""Normal numbers that are data: a function of who asks and when, never of the order of asking.

splitmix64, G. L. Steele, D. Lea and C. H. Flood, OOPSLA 2014, doi:10.1145/2660193.2660195;
G. E. P. Box and M. E. Muller, Ann. Math. Stat. 29, 610 (1958), doi:10.1214/aoms/1177706645.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

AXES = 3


def signed(word: int) -> int:
    """The 64-bit word as torch's int64 holds it."""
    return word - (1 << 64) if word >> 63 else word


GOLDEN = signed(0x9E3779B97F4A7C15)
FIRST = signed(0xBF58476D1CE4E5B9)
SECOND = signed(0x94D049BB133111EB)


def shifted(z: Tensor, bits: int) -> Tensor:
    """Logical shift to the right; torch's own keeps the sign."""
    return (z >> bits) & ((1 << (64 - bits)) - 1)


def scrambled(z: Int[Tensor, "*any"]) -> Int[Tensor, "*any"]:
    """The finaliser of splitmix64: a bijection of 64-bit words, int64 in and out."""
    z = (z ^ shifted(z, 30)) * FIRST
    z = (z ^ shifted(z, 27)) * SECOND
    return z ^ shifted(z, 31)


def normals(
    seed: int, forward: Tensor, flow: Int[Tensor, " n"], step: Tensor
) -> Float[Tensor, "n 3"]:
    """Standard normal numbers for each flow and axis, float32 [n, 3].

    Box-Muller in float64 on two hashed uniforms in (0, 1), then rounded to float32:
    the wider run starts from the same values. ``forward`` and ``step`` are 0-d int64.

    Raises:
        ValueError: ids that are not a row of int64, counters that are not 0-d int64.
    """
    refuse_bad_key(forward, flow, step)
    word = torch.tensor(signed(seed % (1 << 64)), dtype=torch.int64, device=flow.device)
    for part in (forward, step):
        word = scrambled(word * GOLDEN + part)
    word = scrambled(word + flow[:, None] * GOLDEN)
    draw = torch.arange(1, 2 * AXES + 1, device=flow.device)
    bits = shifted(scrambled(word + draw * GOLDEN), 11)
    uniform = (bits.double() + 0.5) * 2.0**-53
    radius = torch.sqrt(-2 * torch.log(uniform[:, :AXES]))
    return (radius * torch.cos(2 * math.pi * uniform[:, AXES:])).float()


def refuse_bad_key(forward: Tensor, flow: Tensor, step: Tensor) -> None:
    for name, part, rank in (("forward", forward, 0), ("flow", flow, 1), ("step", step, 0)):
        if part.dtype != torch.int64 or part.ndim != rank:
            raise ValueError(
                f"{name} is {part.dtype} of rank {part.ndim}; allowed: torch.int64 of rank {rank}"
            )
