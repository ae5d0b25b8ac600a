"""The stencil and the Euler step as one Triton kernel over planes [2, Nx, Ny, components].

H = centre T + x (S+0 + S−0) T + y (S+1 + S−1) T + V T,   T⁺ = T + i rate H + F
"""

from collections.abc import Callable

import torch
import triton
import triton.language as tl

from baselines.tensor_field_v1 import TensorCase
from optimizations.tensor_field_blocked.planes import Planes, stencil

BLOCK = 1024  # numbers of a program


@triton.jit
def applied(T, row, above, below, i, left, right, inside, K):
    """H of numbers i of a row, without a potential; and T there."""
    here = tl.load(T + row + i, inside)
    across = tl.load(T + above + i, inside) + tl.load(T + below + i, inside)
    along = tl.load(T + row + left, inside) + tl.load(T + row + right, inside)
    near = tl.load(K + 1) * across + tl.load(K + 2) * along
    return near + tl.load(K) * here, here


@triton.jit
def advance(T, NEXT, H, F, V, K, RATES, n, NX, LENGTH, SITE, D_OUT, DIAGONAL, COLUMNS,
            KERNEL: tl.constexpr, BOUND: tl.constexpr, FORCED: tl.constexpr,
            BLOCK: tl.constexpr):  # fmt: skip
    """NEXT becomes T⁺ and H becomes H[T]; where KERNEL, NEXT becomes H[T] and H stays."""
    x = tl.program_id(0).to(tl.int64)
    i = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = i < LENGTH
    plane = NX * LENGTH
    row, above, below = x * LENGTH, ((x + NX - 1) % NX) * LENGTH, ((x + 1) % NX) * LENGTH
    left, right = (i + LENGTH - SITE) % LENGTH, (i + SITE) % LENGTH
    h_re, re = applied(T, row, above, below, i, left, right, inside, K)
    h_im, im = applied(T + plane, row, above, below, i, left, right, inside, K)
    if BOUND:
        part = i % SITE
        bound = inside & (part // D_OUT == part % D_OUT) & (part // D_OUT < DIAGONAL)
        v = tl.load(V + x * COLUMNS + i // SITE, bound, other=0.0)
        h_re, h_im = h_re + v * re, h_im + v * im
    if KERNEL:
        tl.store(NEXT + row + i, h_re, inside)
        tl.store(NEXT + plane + row + i, h_im, inside)
    else:
        rate = tl.load(RATES + n)
        add_re, add_im = -rate * h_im, rate * h_re
        if FORCED:
            add_re += tl.load(F + row + i, inside)
            add_im += tl.load(F + plane + row + i, inside)
        tl.store(H + row + i, h_re, inside)
        tl.store(H + plane + row + i, h_im, inside)
        tl.store(NEXT + row + i, re + add_re, inside)
        tl.store(NEXT + plane + row + i, im + add_im, inside)


def sweep(case: TensorCase) -> Callable[..., None]:
    """(T, next, H, rates, n, F): one step, of the n-th of the rates.

    Numbers reach the kernel as arrays of the field's own type: handed over they would be float32.
    """
    h, kind = stencil(case), case.dtype.to_real()
    Nx, Ny, D, D_out = case.shape
    site, kernel = D * D_out, case.part == "kernel"
    there = {"dtype": kind, "device": case.device}
    K = torch.tensor(h[:3], dtype=torch.float64).to(**there)
    V = torch.zeros(1, **there) if h.V is None else h.V.to(**there).contiguous()
    grid = (Nx, triton.cdiv(Ny * site, BLOCK))

    def act(T: Planes, room: Planes, H: Planes, rates: torch.Tensor, n: int, F: Planes | None):
        advance[grid](
            T, room, H, T if F is None else F, V, K, rates, n, Nx, Ny * site, site, D_out,
            min(D, D_out), Ny, KERNEL=kernel, BOUND=h.V is not None, FORCED=F is not None,
            BLOCK=BLOCK,
        )  # fmt: skip

    return act
