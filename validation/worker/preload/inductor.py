"""What torch's compiler sets up at the first compilation in a process, done before candidates
that call it are forked: seconds for each of them.

Importing this compiles nothing of a candidate. The compiler may have one thread,
said before it is imported: it would else start processes that a fork cannot share.
"""

import os
from contextlib import suppress

os.environ["TORCHINDUCTOR_COMPILE_THREADS"] = "1"

import torch  # noqa: E402

torch.set_num_threads(1)  # as its kernels are compiled for
with suppress(Exception):  # a candidate that cannot compile says so itself
    # an attribute of a module makes the tracer import what takes it longest
    torch.compile(lambda numbers: torch.add(numbers, 0.0, out=numbers))(torch.zeros(1))
    torch._dynamo.reset()


def compilations() -> int:
    """How many graphs were compiled."""
    return torch._dynamo.utils.counters["stats"]["unique_graphs"]
