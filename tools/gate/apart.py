"""Work that may break: in a process of its own, timed, and in words where it fails."""

from collections.abc import Callable
from dataclasses import replace
from time import perf_counter

from groundspeed.tools.gate.outcome import GateCheck
from groundspeed.validation.parallel.process_pool import processes
from groundspeed.validation.records.errors import Refused

BREAKS = (Exception, SystemExit)  # what code under test may raise here


def apart(work: str, function: Callable, *given):
    """The answer of a function in a process of its own: whatever it runs cannot end this one."""
    with processes(work, 1) as pool:
        return pool.submit(function, *given).result()


def timed(make: Callable[..., GateCheck], *given) -> GateCheck:
    """The check that a function makes, with the seconds that it took."""
    began = perf_counter()
    found = make(*given)
    return replace(found, seconds=perf_counter() - began)


def in_words(error: BaseException) -> str:
    """An error in one line."""
    words = " ".join(str(error).split()) or "it said nothing"
    told = type(error) in (RuntimeError, LookupError) or isinstance(error, Refused)
    return words if told else f"{type(error).__name__}: {words}"
