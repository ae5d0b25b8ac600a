"""Timing processes: the baseline of a case, its candidates and controls, interleaved.

    python -m groundspeed.tools.timing.worker [MODULE ...]

Loads those modules and no code under test. Each line on standard input asks for rounds of one case:

    {"case": CASE, "names": [NAME, ...], "seed": 0, "budget_s": 0.5, "folder": PATH,
     "memory": true, "alone": false, "anew": false}

A fork of this process prepares the case: it loads the candidates and calls each contender once. A
fork of that one makes the rounds and ends, so the next rounds need no preparing and no import; it
begins with states of its own, in memory of its own. `tools.experiments.fork_spread` compares how
their ratios spread with how those of new processes do. A prepared process that no fork may share,
or ``anew``, makes its rounds itself and is prepared again the next time.

In every round each contender makes the same number of steps of the same trajectory, in
random order, and each block is timed by wall clock and by processor time.

Prints JSON objects. A process that is begun says {"child": its number}. Before a mark the parent
reads a clock of its own, and the seconds of each round, adoption and reading are told as soon as
they are taken: code under test can edit none afterwards. After a round it waits for a line on
standard input, which says whether the states are read now; so it does before a pass, whose seed is
drawn only then, after the rounds, where it hears whether contenders are audited, and after the
case, which is an object too. At the end comes {"ended": exit code}.
`tools.timing.worker_client` listens; `tools.timing.session` draws the conclusions.
"""

import ctypes
import json
import os
import select
import signal
import sys
from dataclasses import dataclass
from importlib import import_module
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TextIO

import psutil
import torch

from groundspeed.tools.process import pipes
from groundspeed.tools.timing.interleaved import Tell
from groundspeed.tools.timing.prepared_case import PreparedCase, prepare
from groundspeed.tools.timing.runners import collect
from groundspeed.tools.timing.worker_client import waits
from groundspeed.validation import discovery
from groundspeed.validation.worker import allocator

FORK = get_context("fork")
KEPT_BYTES = 1 << 30  # resident, of a prepared process that is kept for the next rounds
POOLS = ("numba.np.ufunc.omppool", "numba.np.ufunc.tbbpool")  # no fork may share what these hold


@dataclass
class CaseProcess:
    """The process that has prepared a case, or is at it."""

    names: set[str]
    process: BaseProcess
    requests: Connection


def main() -> None:
    os.setsid()  # Ctrl-C is for the parent, which ends this and its forks
    requests, out = pipes()
    tell = speaker(requests, out)
    for module in sys.argv[1:]:
        import_module(module)
    allocator.keep_imported()
    ready: dict[str, CaseProcess] = {}
    while line := requests.readline():
        request = json.loads(line)
        code = rounds_of(request, ready, requests, tell)
        tell({"ended": code})
    os.killpg(0, signal.SIGKILL)  # nobody is left to hear the forks


def rounds_of(
    request: dict, ready: dict[str, CaseProcess], requests: TextIO, tell: Tell
) -> int | None:
    """Have the rounds made, in a process that is ready or made so now; its exit code."""
    case, names = request["case"], set(request["names"])
    here = ready.pop(case, None)
    if here and (request["anew"] or not names <= here.names):
        here.process.kill()
        here = None
    here = here or start(request, tell)
    here.requests.send(request)
    if not heard_from(here, requests):
        os.killpg(0, signal.SIGKILL)
    try:
        code, kept = here.requests.recv()
    except (EOFError, ConnectionError):
        here.process.join()
        return here.process.exitcode or 1
    if kept:
        ready[case] = here
    return code


def heard_from(here: CaseProcess, requests: TextIO) -> bool:
    """Waits for a word of that process, or its end; False where the parent is gone before."""
    events = select.poll()
    events.register(here.requests, select.POLLIN)
    events.register(requests, 0)  # that the other end is closed is told all the same
    return here.requests.fileno() in dict(events.poll())


def start(request: dict, tell: Tell) -> CaseProcess:
    """Begin to prepare a case."""
    ours, theirs = FORK.Pipe()
    process = FORK.Process(
        target=serve_case, args=(request["case"], request["names"], theirs, tell)
    )
    process.start()
    theirs.close()
    return CaseProcess({*request["names"]}, process, ours)


def serve_case(case: str, names: list[str], requests: Connection, tell: Tell) -> None:
    """In the fork: prepare the case, then have rounds made as often as asked."""
    tell({"child": os.getpid()})
    collect()
    prepared = loaded(case, names)
    while True:
        request = requests.recv()
        if request["anew"] or not may_be_forked(prepared):
            measure(prepared, request, tell)
            requests.send((0, False))
            return
        prepared.forget_states()
        give_back_freed()
        fork = FORK.Process(target=measure, args=(prepared, request, tell, True))
        fork.start()
        fork.join()
        requests.send((fork.exitcode, True))


def loaded(case: str, names: list[str]) -> PreparedCase:
    """The case with those of the candidates that can be loaded.

    Raises:
        RuntimeError: none can.
    """
    engines, broken = {}, {}
    for name in names:
        try:
            engines[name] = discovery.engine(name)
        except discovery.BrokenLeaf as why:
            broken[name] = str(why)
    if not engines:
        raise RuntimeError(next(iter(broken.values())))
    prepared = prepare(engines, case)
    prepared.lost |= broken
    return prepared


def may_be_forked(prepared: PreparedCase) -> bool:
    """Whether a fork of this process can go on with what was prepared: no other thread, process or
    GPU works for it, and it does not hold so much memory that others would miss it."""
    me = psutil.Process()
    shared = me.num_threads() > 1 or me.children() or any(pool in sys.modules for pool in POOLS)
    return not (
        shared or prepared.device != "cpu" or torch.cuda.is_initialized()
        or me.memory_info().rss > KEPT_BYTES
    )  # fmt: skip


def give_back_freed() -> None:
    """Memory that was freed, to the system: a fork would copy its pages when it uses them."""
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):
        trim(0)


def measure(prepared: PreparedCase, request: dict, tell: Tell, forked: bool = False) -> None:
    """Make the rounds, and tell what they add up to."""
    if forked:
        tell({"child": os.getpid()})
    asked = {k: request[k] for k in ("seed", "budget_s", "memory", "alone")}
    found = prepared.measure(
        request["names"], tell=tell, folder=Path(request["folder"]), warm=forked, **asked
    )
    tell(found)


def speaker(requests: TextIO, out: TextIO) -> Tell:
    """Writes to the parent, and waits for its answer where it gives one."""

    def tell(words: dict) -> object:
        print(json.dumps(words), file=out, flush=True)
        return json.loads(requests.readline()) if waits(words) else None

    return tell


if __name__ == "__main__":
    main()
