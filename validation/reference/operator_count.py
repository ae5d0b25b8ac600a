"""Operator calls of a step: a measure of work that is the same on every machine."""

from torch.utils._python_dispatch import TorchDispatchMode

from groundspeed.baselines.engine import Case, Engine, State


class CallCounter(TorchDispatchMode):
    """Counts operator calls."""

    def __init__(self):
        super().__init__()
        self.calls = 0

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # as in `random_rounding`

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.calls += 1
        return func(*args, **(kwargs or {}))


def operators(base: Engine, case: Case, start: State) -> int:
    """Calls of torch that one step takes."""
    run = base.runner(case)
    with CallCounter() as counter:
        run(start, 1)
    return counter.calls
