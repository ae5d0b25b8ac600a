"""A warm process of the clock: it has imported torch, and forks a timing process for each request.

    python -m groundspeed.tools.tryout.timing_server

A line on standard input is what `tools.timing.worker` is asked for; the fork does and says what
that does, over the same pipes. Before it says {"child": its process number}, and after it has ended
the server says {"ended": exit code}. What is timed is loaded in the fork alone.
"""

import json
import os
import select
import sys
from multiprocessing import get_context
from multiprocessing.process import BaseProcess

from groundspeed.tools.timing import worker
from groundspeed.validation.worker import allocator


def main() -> None:
    os.setsid()  # Ctrl-C is for the parent, which ends this and its forks
    allocator.keep_imported()
    for line in sys.stdin.buffer.raw:  # nothing is read ahead: the rest is for the fork
        child = get_context("fork").Process(target=measure, args=(line.decode(),))
        child.start()
        end(child)
        say({"ended": child.exitcode})


def say(words: dict) -> None:
    print(json.dumps(words), flush=True)


def measure(request: str) -> None:
    """In the fork: what a timing process does that is started for this request."""
    say({"child": os.getpid()})
    sys.argv[1:] = [request]
    worker.main()


def end(child: BaseProcess) -> None:
    """Wait until it ends, and end it if nobody is left to hear it."""
    events = select.poll()
    events.register(child.sentinel, select.POLLIN)
    events.register(0, 0)  # that the other end is closed is told all the same
    if child.sentinel not in dict(events.poll()):
        child.kill()
    child.join()


if __name__ == "__main__":
    main()
