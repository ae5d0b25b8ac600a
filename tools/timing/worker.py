"""One timing process: a baseline, its candidates and controls, interleaved.

    python -m groundspeed.tools.timing.worker \
        '{"seed": 0, "budget_s": 0.5, "cases": {CASE: [NAME, ...]}, "folder": PATH, "memory": true}'

In every round each contender makes the same number of steps of the same trajectory, in
random order, and each block is timed by wall clock and by processor time. Contenders:

    baseline   the frozen engine, on the device on which the candidates work
    NAME       an optimization of it; several share the baseline's rounds
    control    the frozen engine once more (A/A): whatever ratio it shows is noise
    injected   the control's block and a known number of steps more: a slowdown of known size
    stream     a = b − a in place over arrays of the state's size: the machine's limit

Prints a JSON object for each case. Before it marks at which the parent reads a clock of its own,
and the seconds of each round, adoption and reading as soon as they are taken: code under test can
edit none afterwards. After a round it waits for a line on standard input, which says whether the
states are read now; so it does before a pass, whose seed is drawn only then, after the rounds,
where it hears whether contenders are audited, and after a case.
`tools.timing.worker_client` starts these and listens; `tools.timing.session` draws the conclusions.
"""

import json
import math
import sys
import tempfile
from pathlib import Path

import torch

from groundspeed import baselines
from groundspeed.baselines.device import on_device
from groundspeed.baselines.engine import Engine
from groundspeed.tools.process import pipes
from groundspeed.tools.timing.interleaved import (
    ALONE,
    MOST,
    SLOW_BLOCK_S,
    Rounds,
    Tell,
    block_length,
    fewest,
    per_step,
)
from groundspeed.tools.timing.runners import Control, Runner, Starts, Stream, collect, device_of
from groundspeed.tools.timing.worker_client import waits
from groundspeed.validation import discovery
from groundspeed.validation.worker import compilers
from groundspeed.validation.worker.global_state import settings

INJECTED = 0.05  # share of the block that the injected slowdown adds, in whole steps


def measure_case(
    candidates: dict[str, Engine],
    case_name: str,
    seed: int,
    budget_s: float,
    tell: Tell,
    folder: Path,
    fixed: tuple[int, int] | None = None,
    memory: bool = True,
    alone: bool = False,
) -> dict:
    """All rounds of one case, and what the timed calls of the candidates computed.

    ``tell`` hands words to the parent and gives what it answers; whole states are left in
    ``folder``. ``fixed`` gives rounds and steps a block where they must not depend on the machine,
    ``memory`` says whether allocations are traced too, which is slow and the same every time, and
    ``alone`` that no other process adds rounds.
    """
    (device,) = {device_of(candidate) for candidate in candidates.values()}
    baseline = baselines.load(next(iter(candidates.values())).name)
    if device != "cpu":
        baseline = on_device(baseline, device)
    case = baseline.cases[case_name]
    compilers.start_afresh()
    starts, before = Starts(baseline, case), settings()
    start = starts.own
    runners_by_name: dict[str, Runner | Stream] = {"baseline": Runner(baseline, case, start)}
    lost = {}
    for name, candidate in candidates.items():
        try:
            runners_by_name[name] = Runner(candidate, case, start, second_call=False)
        except Exception as error:  # its own loss, not that of the others
            lost[name] = discovery.raised(error, discovery.folder(name))
    compilers.forbid_giving_up()
    able = [name for name in candidates if name in runners_by_name]
    stride = math.lcm(*(candidates[name].stride for name in able), 1)
    wanted, steps = fixed or (0, block_length(runners_by_name["baseline"], stride))
    block_s = runners_by_name["baseline"].once_s * steps
    slow = block_s > SLOW_BLOCK_S
    runners_by_name["control"] = Control(baseline, case, start, slow, second_call=False)
    if not slow and not baseline.in_place:
        runners_by_name["control"].extra = max(1, round(INJECTED * steps))
    largest = max(start, key=lambda t: t.numel() * t.element_size())
    runners_by_name["stream"] = Stream(largest, device)
    rounds = Rounds(runners_by_name, able, steps, seed, tell, starts, before)
    least = wanted or max(fewest(block_s), ALONE if alone else 0)
    most = least if slow else MOST
    words = {"frozen": case_name, "steps": steps, "device": device}
    tell(words | {"rounds": [least, most]})
    rounds.run(least, budget_s * (2 + len(able)), warm=not slow)
    rounds.audits()
    return results_of(rounds, folder / case_name, memory) | {"lost": lost | rounds.lost}


def results_of(rounds: Rounds, place: Path, memory: bool) -> dict:
    """What the parent is told of a case, the last part of whose place is its name."""
    least_bytes, case = rounds.baseline.engine.least_bytes, rounds.baseline.case
    timed = {
        n: c for n, c in rounds.runners_by_name.items() if n == "baseline" or n in rounds.watched
    }
    steps = rounds.steps
    return {
        "case": place.name,
        "steps": steps,
        "extra": rounds.runners_by_name["control"].extra,
        "length": case.steps,
        "warm_up": per_step(rounds.warm_up, steps),
        "trails": {n: w.save(Path(f"{place}.{n}")) for n, w in rounds.watched.items()},
        "first_call_s": {name: c.first_call_s for name, c in timed.items()},
        "peak_bytes": {name: working_memory(c) for name, c in timed.items()} if memory else {},
        "stream_bytes": rounds.runners_by_name["stream"].bytes,
        "least_bytes": least_bytes(case) if least_bytes else None,
    }


def working_memory(runner: Runner) -> int:
    """Bytes that one call needs at its peak, beyond the state that it is given."""
    runner.restart()
    if device_of(runner.engine) == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        runner.make(runner.engine.stride)
        return torch.cuda.max_memory_allocated() - before
    import memray  # late: of a GPU torch itself keeps count

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "allocations"
        with memray.Tracker(file):
            runner.make(runner.engine.stride)
        return memray.FileReader(file).metadata.peak_memory


def speaker() -> Tell:
    """Writes to the parent, and waits for its answer where it gives one."""
    requests, out = pipes()

    def tell(words: dict) -> object:
        print(json.dumps(words), file=out, flush=True)
        return json.loads(requests.readline()) if waits(words) else None

    return tell


def main() -> None:
    tell = speaker()
    asked = json.loads(sys.argv[1])
    engines, broken = {}, {}
    for name in sorted({name for here in asked["cases"].values() for name in here}):
        try:
            engines[name] = discovery.engine(name)
        except discovery.BrokenLeaf as why:
            broken[name] = str(why)
    for case, here in asked["cases"].items():
        able = {name: engines[name] for name in here if name in engines}
        if not able:
            raise RuntimeError(next(broken[name] for name in here))
        words = (able, case, asked["seed"], asked["budget_s"], tell, Path(asked["folder"]))
        collect()
        found = measure_case(*words, memory=asked["memory"], alone=asked.get("alone", False))
        found["lost"] |= {name: broken[name] for name in here if name in broken}
        tell(found)


if __name__ == "__main__":
    main()
