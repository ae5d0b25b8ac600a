"""What numba sets up at the first compilation in a process, done before candidates are forked.

Importing this compiles nothing of a candidate. Numba reads the number of its threads once, and a
candidate has another number than the server: it is set in the fork.
"""

import numba
import numpy as np
from numba.core import event
from numba.np.ufunc import parallel

LOCK = "numba:compiler_lock"  # taken for whatever is compiled, or loaded from where it is kept


class Taken(event.Listener):
    """How often the compiler's lock was taken."""

    count = 0

    def on_start(self, happened: event.Event) -> None:
        self.count += 1

    def on_end(self, happened: event.Event) -> None:
        pass


@numba.njit
def nothing(numbers):
    for place in range(len(numbers)):
        numbers[place] += 0.0


nothing(np.zeros(1))
taken = Taken()
event.register(LOCK, taken)


def compilations() -> int:
    """How often something was compiled, or loaded as compiled code."""
    return taken.count


def set_threads(count: int) -> None:
    """So many threads, where none were launched yet; the environment says the same."""
    numba.config.reload_config()
    parallel.NUM_THREADS = count
