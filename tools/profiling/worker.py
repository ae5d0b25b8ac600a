"""Worker of one instrument: `python worker.py SPECIFICATION` writes its answer to a file.

Started by its path, so that nothing of the working folder is imported by mistake.
"""

import os
import sys

if __name__ == "__main__":
    above = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    checkout = os.path.isdir(os.path.join(above, "groundspeed"))
    sys.path[0] = above if checkout else os.path.dirname(above)

import groundspeed  # noqa: E402, F401  # this harness, whatever else is installed

if __name__ == "__main__":
    sys.path.append(sys.path.pop(0))  # a project has a `baselines` of its own, and that comes first

import json  # noqa: E402
from collections.abc import Callable  # noqa: E402
from contextlib import AbstractContextManager, nullcontext  # noqa: E402
from pathlib import Path  # noqa: E402

from groundspeed.tools.profiling.instruments.resource_usage import Region  # noqa: E402
from groundspeed.tools.profiling.program import workload as workloads  # noqa: E402
from groundspeed.tools.profiling.program.source_scope import Own  # noqa: E402

BLOCKS = 5  # repeats of an engine's block of steps in one process
Run = Callable[[workloads.EngineRun | workloads.WholeRun], dict]


def timed(work, steps: int) -> dict:
    """The steps, and what the clocks and counters of the system say of them."""
    with Region() as region:
        work.run(steps)
    return region.found


def watched(spec: dict, context: AbstractContextManager, found: Callable[[], dict]) -> Run:
    """The steps under an instrument: what it found, and what it cost."""

    def run(work) -> dict:
        with context:
            region = timed(work, spec["steps"])
        return found() | {"region": region}

    return run


# Each of these imports what it needs, and is called before the program is loaded.


def bare(spec: dict, own: Own) -> Run:
    """Nothing but clocks: as many steps as fill the time, several times over."""

    def run(work) -> dict:
        steps, blocks, more = 1, 1, {}
        if work.stepped:
            steps = spec.get("steps") or max(1, round(spec["seconds"] / BLOCKS / work.once_s))
            blocks, more = spec.get("blocks", BLOCKS), work.details()
        found = {"blocks": [timed(work, steps) for _ in range(blocks)], "steps": steps}
        torch = sys.modules.get("torch")  # where the program came to use it
        cuda = torch is not None and torch.cuda.is_available()
        peak = torch.cuda.max_memory_allocated() if cuda else None
        return found | more | {"torch": torch is not None, "cuda": cuda, "cuda_peak": peak}

    return run


def operators(spec: dict, own: Own) -> Run:
    from groundspeed.tools.costs.dispatch_counter import counting
    from groundspeed.tools.profiling.instruments.repeated_operators import RepeatedOperators

    counter = RepeatedOperators(own)
    return watched(spec, counting(counter), counter.found)


def calls(spec: dict, own: Own) -> Run:
    from groundspeed.tools.profiling.instruments.repeated_calls import Calls

    tracker = Calls(own)
    return watched(spec, tracker, tracker.found)


def line_times(spec: dict, own: Own) -> Run:
    from groundspeed.tools.profiling.instruments.line_profiler_pass import LineTimes

    profiler = LineTimes(spec["hot"])
    profiler.__enter__()  # before the program is imported

    def run(work) -> dict:
        work.execute = profiler.run_module
        profiler.forget()  # what preparing took
        return watched(spec, nullcontext(), profiler.found)(work)

    return run


def heap(spec: dict, own: Own) -> Run:
    from groundspeed.tools.profiling.instruments.memray_pass import read, tracked

    file = Path(spec["artefact"])
    return watched(spec, tracked(file, spec["brief"]), lambda: read(file, own))


def timeline(spec: dict, own: Own) -> Run:
    from groundspeed.tools.profiling.instruments.torch_trace import read, recorded

    file, total, names = Path(spec["artefact"]), spec["total"], set(spec["operators"])
    return watched(spec, recorded(file, total), lambda: read(file, names, total))


def roof(spec: dict, own: Own) -> Run:
    from groundspeed.tools.roofline import peaks

    return lambda work: peaks.measure(0.0, profiled=spec["threads"]).model_dump(mode="json")


INSTRUMENTS = {f.__name__: f for f in (bare, operators, calls, line_times, heap, timeline, roof)}


def answer(spec: dict) -> dict:
    target = spec["target"]
    os.environ.pop("GROUNDSPEED_THREADS", None)
    run = INSTRUMENTS[spec["instrument"]](spec, Own(target["root"], target["kind"]))
    kind = workloads.EngineRun if target["kind"] == "engine" else workloads.WholeRun
    try:
        if spec["instrument"] == "roof":
            return {"found": run(None)}
        work = kind(target, spec["threads"])
        work.prepare()
        return {"found": run(work)}
    except workloads.Unfit as error:
        words = " ".join(str(error).split())
        shown = "".join(c if c.isprintable() else "?" for c in words)
        return {"error": shown, "code": error.code}


def main() -> None:
    spec, pid = json.loads(Path(sys.argv[1]).read_text()), os.getpid()
    found, out = answer(spec), Path(spec["out"])
    if os.getpid() == pid:
        partial = out.with_suffix(".tmp")
        partial.write_text(json.dumps(found))
        partial.replace(out)
    sys.stdout.flush()
    os._exit(0)  # whatever threads or handlers the program left behind


if __name__ == "__main__":
    main()
