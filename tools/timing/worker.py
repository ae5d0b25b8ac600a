"""Timing processes: the baseline of a case, its candidates and controls, interleaved.

    python -m groundspeed.tools.timing.worker [MODULE ...]

Loads those modules, which are no code under test. Each line on standard input asks for rounds of
one case:

    {"case": CASE, "names": [NAME, ...], "seed": 0, "budget_s": 0.5, "folder": PATH,
     "memory": true, "alone": false}

A fork of this process loads the candidates, prepares the case, makes the rounds and ends, so no two
processes share anything of that. A fork of what was prepared would be cheaper, and its numbers are
not those of such a process: some candidates are slower there.

In every round each contender makes the same number of steps of the same trajectory, in
random order, and each block is timed by wall clock and by processor time.

Prints JSON objects. A process that is begun says {"child": its number}. Before a mark the parent
reads a clock of its own, and the seconds of each round, adoption and reading are told as soon as
they are taken: code under test can edit none afterwards. After a round it waits for a line on
standard input, which says whether the states are read now; so it does before a pass, whose seed is
drawn only then, before the first round and after the last, where it hears whether contenders are
audited. The case is an object too. At the end comes {"ended": exit code}.
`tools.timing.worker_client` listens; `tools.timing.session` draws the conclusions.
"""

import json
import os
import select
import signal
import sys
from importlib import import_module
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TextIO

from groundspeed.tools.process import pipes
from groundspeed.tools.timing.interleaved import Tell
from groundspeed.tools.timing.prepared_case import PreparedCase, prepare
from groundspeed.tools.timing.runners import collect
from groundspeed.tools.timing.worker_client import waits
from groundspeed.validation import discovery
from groundspeed.validation.worker import allocator

FORK = get_context("fork")


def main() -> None:
    os.setsid()  # Ctrl-C is for the parent, which ends this and its forks
    requests, out = pipes()
    tell = speaker(requests, out)
    for module in sys.argv[1:]:
        import_module(module)
    allocator.keep_imported()
    while line := requests.readline():
        fork = FORK.Process(target=measure, args=(json.loads(line), tell))
        fork.start()
        if not ended(fork, requests):
            break
        tell({"ended": fork.exitcode})
    os.killpg(0, signal.SIGKILL)  # nobody is left to hear the fork


def ended(fork: BaseProcess, requests: TextIO) -> bool:
    """Waits for its end; False where the parent is gone before."""
    events = select.poll()
    events.register(fork.sentinel, select.POLLIN)
    events.register(requests, 0)  # that the other end is closed is told all the same
    if fork.sentinel not in dict(events.poll()):
        return False
    fork.join()
    return True


def measure(request: dict, tell: Tell) -> None:
    """In the fork: prepare the case, make the rounds, and tell what they add up to."""
    tell({"child": os.getpid()})
    collect()
    asked = {k: request[k] for k in ("seed", "budget_s", "memory", "alone")}
    prepared = loaded(request["case"], request["names"])
    tell(prepared.measure(request["names"], tell=tell, folder=Path(request["folder"]), **asked))


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


def speaker(requests: TextIO, out: TextIO) -> Tell:
    """Writes to the parent, and waits for its answer where it gives one."""

    def tell(words: dict) -> object:
        print(json.dumps(words), file=out, flush=True)
        return json.loads(requests.readline()) if waits(words) else None

    return tell


if __name__ == "__main__":
    main()
