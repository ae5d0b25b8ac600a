"""Command ``ceilings``: peak bandwidth of each memory level, and peak arithmetic.

Streams are native loops over arrays of each thread's own, so that no barrier and no call
overhead counts. GB/s counts every array once a pass: the in-place stream a = b − a moves 3,
a copy 2, a read 1. Arithmetic is a matrix product (2 n³). All trials of all kinds are taken
turn about in random order, a few milliseconds each; the ceiling is the 95th percentile of
the trials, because whatever else runs can only lower one, and the median stands beside it.
A profile takes a few of them for its operators, and the smallest operator of torch.
"""

import random
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from numba import njit

from groundspeed.tools import console
from groundspeed.tools.console import Tell
from groundspeed.tools.records.conditions import conditions
from groundspeed.tools.roofline.model import Ceiling, Ceilings, file
from groundspeed.validation.records.base import today

TRIAL_S = 2e-3
TRIALS = (12, 40)  # of each kind, at least and at most
BUDGET_S = 20.0
CACHES = Path("/sys/devices/system/cpu/cpu0/cache")
ORDER = 512  # of the matrix product
LAUNCHES = 1000  # of the smallest operator, in a trial
ARRAYS = {"in_place": 3, "copy": 2, "read": 1}  # moved a pass
HELD = {"in_place": 2, "copy": 2, "read": 1}  # in memory


@njit(nogil=True, fastmath=True, cache=True)
def in_place(a, b, passes):
    for _ in range(passes):
        for i in range(a.size):
            a[i] = b[i] - a[i]
    return a[0]


@njit(nogil=True, fastmath=True, cache=True)
def copy(a, b, passes):
    for k in range(passes):
        source, target = (a, b) if k % 2 else (b, a)
        for i in range(source.size):
            target[i] = source[i]
    return a[0]


@njit(nogil=True, fastmath=True, cache=True)
def read(a, b, passes):
    total = a[0]
    for _ in range(passes):
        for i in range(a.size):
            total += a[i]
    return total


LOOPS = {"in_place": in_place, "copy": copy, "read": read}


def levels() -> dict[str, int]:
    """Working sets: half of each cache, and four times the last one, within reason."""
    sizes = {}
    for folder in sorted(CACHES.glob("index*")) if CACHES.exists() else []:
        kind, level, size = ((folder / f).read_text().strip() for f in ("type", "level", "size"))
        if kind != "Instruction":
            sizes[f"L{level}"] = int(size.rstrip("K")) * 512
    sizes = sizes or {"L1": 16 << 10, "L2": 512 << 10, "L3": 8 << 20}
    return sizes | {"memory": min(max(8 * max(sizes.values()), 256 << 20), 1 << 30)}


Runner = tuple[dict[str, str | int], Callable[[], float]]  # what it is, and a trial: its rate


def stream(kind: str, level: str, blocks: list[np.ndarray], pool: ThreadPoolExecutor) -> Runner:
    """One kind of pass over one working set, by some threads at once: GB/s."""
    cells = blocks[0].size // HELD[kind]
    arrays = [(block[:cells], block[-cells:]) for block in blocks]

    def seconds(arrays: list[tuple[np.ndarray, np.ndarray]], passes: int) -> float:
        before = perf_counter()
        if len(arrays) == 1:
            LOOPS[kind](*arrays[0], passes)
        else:
            list(pool.map(lambda pair: LOOPS[kind](*pair, passes), arrays))
        return perf_counter() - before

    passes = 1
    seconds(arrays, passes)  # compiles the loop
    while seconds(arrays[:1], passes) < TRIAL_S:
        passes *= 2
    moved = ARRAYS[kind] * cells * 8 * len(blocks) * passes
    described = {"kind": kind, "level": level, "bytes": blocks[0].nbytes, "threads": len(blocks)}
    return described, lambda: moved / seconds(arrays, passes) / 1e9


def matrix_product(dtype: torch.dtype, threads: int) -> Runner:
    """As much arithmetic as there is to a byte: Gflop/s."""
    a, b, out = (torch.rand(ORDER, ORDER, dtype=dtype) for _ in range(3))

    def trial() -> float:
        torch.set_num_threads(threads)
        before = perf_counter()
        torch.mm(a, b, out=out)
        return 2 * ORDER**3 / (perf_counter() - before) / 1e9

    trial()
    described = {"kind": str(dtype).removeprefix("torch."), "level": "arithmetic"}
    return described | {"bytes": 3 * a.nbytes, "threads": threads}, trial


def launch(threads: int) -> Runner:
    """The smallest operator of torch, what starting one costs: 1e9 operators a second."""
    one = torch.zeros(1)

    def trial() -> float:
        before = perf_counter()
        for _ in range(LAUNCHES):
            torch.add(one, 1, out=one)
        return LAUNCHES / (perf_counter() - before) / 1e9

    return {"kind": "add", "level": "launch", "bytes": one.nbytes, "threads": threads}, trial


def runners_by_name(
    pool: ThreadPoolExecutor, counts: list[int], loops: Iterable[str]
) -> list[Runner]:
    streams = []
    for level, size in levels().items():
        blocks = [np.ones(size // 8) for _ in range(max(counts))]
        streams += [stream(k, level, blocks[:n], pool) for k, n in product(loops, counts)]
    kinds = product((torch.float32, torch.float64), counts)
    return streams + [matrix_product(dtype, threads) for dtype, threads in kinds]


def measure(
    budget_s: float = BUDGET_S, tell: Tell = lambda text: None, profiled: int = 0
) -> Ceilings:
    """Take all trials turn about; the record, not yet written.

    With ``profiled`` threads, only what their operators are held to.
    """
    before = conditions(threads=profiled or 1)
    counts = [profiled] if profiled else sorted({1, before.cores})
    with ThreadPoolExecutor(max(counts)) as pool:
        kinds = runners_by_name(pool, counts, ["in_place"] if profiled else LOOPS)
        kinds += [launch(profiled)] if profiled else []
        found: list[list[float]] = [[] for _ in kinds]
        began, rounds = perf_counter(), 0
        while rounds < TRIALS[0] or (rounds < TRIALS[1] and perf_counter() - began < budget_s):
            for i in random.Random(rounds).sample(range(len(kinds)), len(kinds)):
                found[i].append(kinds[i][1]())
            rounds += 1
            tell(f"round {rounds}")
    torch.set_num_threads(1)
    rows = []
    for (described, _), rates in zip(kinds, found, strict=True):
        best, median = (float(f"{np.quantile(rates, q):.4g}") for q in (0.95, 0.5))
        rows.append(Ceiling(**described, best=best, median=median, trials=len(rates)))
    return Ceilings(made=today(), conditions=before, ceilings=rows)


def fresh() -> Ceilings:
    """The ceilings of this machine, measured and written."""
    with console.progress("measuring the machine") as tell:
        return file(measure(tell=tell))


def run(as_json: bool = False) -> int:
    """The verb ``ceilings``."""
    found, rows = fresh(), []
    for c in found.ceilings:
        unit = "Gflop/s" if c.level == "arithmetic" else "GB/s"
        words = f"{c.best:7.1f} {unit}  median {c.median:.1f} of {c.trials}"
        rows.append((c.level, c.kind, f"{c.threads} thread{'s' * (c.threads > 1)}", words))
    console.answer(as_json, found, rows)
    return 0
