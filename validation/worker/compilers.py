"""Compilers in a candidate's process: fresh for each case, not given up in silence, seen at work.

torch.compile keeps eight versions of a function and then runs it as Python without a word: what is
judged on a ninth shape is not what is timed on the first.
"""

import sys

PRELOADED = {  # by the name in an engine's needs: what got that compiler ready, and counts
    "numba": "groundspeed.validation.worker.preload.numba_jit",
    "compiler": "groundspeed.validation.worker.preload.inductor",
}
LIMIT = "FailOnRecompileLimitHit"  # torch's error, by name: its module may not be loaded


def start_afresh() -> None:
    """Forgets what torch.compile made before, and forbids it to give up."""
    forbid_giving_up()
    if "torch._dynamo" in sys.modules:
        sys.modules["torch._dynamo"].reset()


def forbid_giving_up() -> None:
    """torch.compile raises an error where it would run a function as Python instead."""
    if "torch._dynamo" in sys.modules:
        settings = sys.modules["torch._dynamo"].config
        settings.suppress_errors, settings.fail_on_recompile_limit_hit = False, True


def gave_up(error: Exception) -> str:
    """Of torch's error at its limit: what to do about it. "" of any other."""
    if type(error).__name__ != LIMIT:
        return ""
    most = sys.modules["torch._dynamo"].config.recompile_limit
    return (
        f"torch.compile would run Python after {most} versions of one function on one case; "
        "allowed: compiled code; give it fewer shapes, or dynamic=True"
    )


def counts() -> dict[str, int]:
    """How often each compiler that is ready was at work."""
    ready = {need: sys.modules.get(module) for need, module in PRELOADED.items()}
    return {need: module.compilations() for need, module in ready.items() if module}


def idle_since(before: dict[str, int]) -> list[str]:
    """Compilers that were ready then and have compiled nothing since."""
    now = counts()
    return [need for need, count in before.items() if now[need] == count]
