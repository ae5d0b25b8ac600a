"""Worker of one instrument: `python worker.py SPECIFICATION` writes its answer to a file.

Started by its path, so that nothing of the working folder is imported by mistake.
"""

import os
import sys

if __name__ == "__main__":
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import json  # noqa: E402
from pathlib import Path  # noqa: E402

from tools.profiling.instruments.resource_usage import Region  # noqa: E402
from tools.profiling.program import workload as workloads  # noqa: E402
from tools.profiling.program.source_scope import Own  # noqa: E402

BLOCKS = 5  # repeats of an engine's block of steps in one process
INSTRUMENTS = {}  # filled by the decorator below: each is made before the program is loaded


def instrument(make):
    """``make(spec, own)`` imports what it needs and returns ``run(work) -> dict``."""
    INSTRUMENTS[make.__name__] = make
    return make


def timed(run) -> dict:
    with Region() as region:
        run()
    return region.found


@instrument
def bare(spec: dict, own: Own):
    """Nothing but clocks: as many steps as fill the time, several times over."""

    def run(work) -> dict:
        if not work.stepped:
            blocks, steps = [timed(lambda: work.run(1))], 1
            return {"blocks": blocks, "steps": steps, **loaded()}
        steps = spec.get("steps") or max(1, round(spec["seconds"] / BLOCKS / work.once_s))
        blocks = [timed(lambda: work.run(steps)) for _ in range(spec.get("blocks", BLOCKS))]
        return {"blocks": blocks, "steps": steps, **loaded(), **work.told()}

    return run


def loaded() -> dict:
    """Whether the program came to use torch, and what it took of a GPU's memory."""
    torch = sys.modules.get("torch")
    cuda = torch is not None and torch.cuda.is_available()
    peak = torch.cuda.max_memory_allocated() if cuda else None
    return {"torch": torch is not None, "cuda": cuda, "cuda_peak": peak}


@instrument
def operators(spec: dict, own: Own):
    from tools.costs.dispatch_counter import counting
    from tools.profiling.instruments.repeated_operators import RepeatedOperators

    counter = RepeatedOperators(own)

    def run(work) -> dict:
        with counting(counter):
            region = timed(lambda: work.run(spec["steps"]))
        rows = counter.found()
        total = sum(row["launches"] for row in rows)
        if work.stepped:  # what is done in no line of the engine is the harness restarting it
            rows = [row for row in rows if row["file"]]
        return {"rows": rows, "region": region, "launches": total}

    return run


@instrument
def calls(spec: dict, own: Own):
    from tools.profiling.instruments.repeated_calls import Calls

    def run(work) -> dict:
        with Calls(own) as tracker:
            region = timed(lambda: work.run(spec["steps"]))
        return tracker.found() | {"region": region}

    return run


@instrument
def line_times(spec: dict, own: Own):
    from tools.profiling.instruments.line_profiler_pass import LineTimes

    profiler = LineTimes(spec["hot"])
    profiler.__enter__()  # before the program is imported

    def run(work) -> dict:
        work.execute = profiler.run_module
        profiler.forget()  # what preparing took
        region = timed(lambda: work.run(spec["steps"]))
        return {"functions": profiler.found(), "region": region}

    return run


@instrument
def heap(spec: dict, own: Own):
    from tools.profiling.instruments.memray_pass import read, tracked

    file = Path(spec["artefact"])

    def run(work) -> dict:
        region = {}
        tracked(lambda: region.update(timed(lambda: work.run(spec["steps"]))), file, spec["brief"])
        return read(file, own) | {"region": region}

    return run


@instrument
def timeline(spec: dict, own: Own):
    from tools.profiling.instruments.torch_trace import read, recorded

    file = Path(spec["artefact"])

    def run(work) -> dict:
        region = {}

        def call():
            region.update(timed(lambda: work.run(spec["steps"])))

        recorded(call, file, spec["total"])
        return read(file, set(spec["operators"])) | {"region": region}

    return run


@instrument
def roof(spec: dict, own: Own):
    from tools.roofline import peaks

    return lambda work: peaks.measure(0.0, profiled=spec["threads"]).model_dump(mode="json")


def answer(spec: dict) -> dict:
    target = spec["target"]
    os.environ.pop("GROUNDSPEED_THREADS", None)
    run = INSTRUMENTS[spec["instrument"]](spec, Own(target["root"], target["kind"]))
    try:
        work = None
        if spec["instrument"] != "roof":
            work = workloads.load(target, spec["threads"])
            work.prepare()
        return {"found": run(work)}
    except workloads.Unfit as error:
        words = " ".join(str(error).split())
        return {"error": "".join(c if c.isprintable() else "?" for c in words)}


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
