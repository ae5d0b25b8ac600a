"""Peaks of this machine for the operators of a profile.

stream   GB/s of a = b − a in place, by bytes of the two arrays (3 passes of one of them)
product  GFLOP/s of a 512 × 512 matrix product, by type
launch   seconds of the smallest operator
"""

from __future__ import annotations

from time import perf_counter, thread_time

import torch

SIZES = tuple(2**p for p in range(16, 28, 2)) + (2**28,)  # 64 KiB to 256 MiB, both arrays
TRIAL_S = 2e-3
TRIALS = 15


def best(call, work: float, clock=thread_time) -> float:
    """Work a second: the fifth best of short trials, so that one lucky clock does not count."""
    call()
    before = clock()
    call()
    count = max(1, round(TRIAL_S / max(clock() - before, 1e-7)))
    rates = []
    for _ in range(TRIALS):
        before = clock()
        for _ in range(count):
            call()
        rates.append(count * work / (clock() - before))
    return sorted(rates)[-5]


def ceilings(threads: int) -> dict:
    torch.set_num_threads(threads)
    clock = thread_time if threads == 1 else perf_counter  # others may have the core meanwhile
    stream = {}
    for size in SIZES:
        a, b = torch.ones(2, size // 8)
        stream[str(size)] = best(lambda a=a, b=b: torch.sub(b, a, out=a), 1.5 * size, clock) / 1e9
    product = {}
    for dtype in (torch.float32, torch.float64):
        m, out = torch.rand(512, 512, dtype=dtype), torch.empty(512, 512, dtype=dtype)
        told = str(dtype).removeprefix("torch.")
        product[told] = best(lambda m=m, o=out: torch.mm(m, m, out=o), 2 * 512**3, clock) / 1e9
    one = torch.zeros(1)
    launch = 1 / best(lambda: torch.add(one, 1, out=one), 1, clock)
    return {"stream_gb_s": stream, "product_gflop_s": product, "launch_s": launch}
