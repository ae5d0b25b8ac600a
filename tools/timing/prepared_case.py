"""Contenders of one case: prepared once, then interleaved in rounds as often as is asked.

Contenders:

    baseline   the frozen engine, on the device on which the candidates work
    NAME       an optimization of it; several share the baseline's rounds
    control    the frozen engine once more (A/A): whatever ratio it shows is noise
    injected   the control's block and a known number of steps more: a slowdown of known size
    stream     a = b − a in place over arrays of the state's size: the machine's limit
"""

import math
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch

from groundspeed import baselines
from groundspeed.baselines.device import on_device
from groundspeed.baselines.engine import Engine
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
from groundspeed.tools.timing.runners import Control, Runner, Starts, Stream, device_of
from groundspeed.validation import discovery
from groundspeed.validation.worker import compilers
from groundspeed.validation.worker.global_state import settings

INJECTED = 0.05  # share of the block that the injected slowdown adds, in whole steps


@dataclass
class PreparedCase:
    """The contenders of a case, each called at least once, with one length of block for all."""

    name: str
    device: str
    starts: Starts
    runners_by_name: dict[str, Runner | Stream]
    lost: dict[str, str]  # of candidates that could not be prepared: why
    steps: int  # a block
    before: dict[str, object]  # settings before any candidate was called

    @property
    def block_s(self) -> float:
        return self.runners_by_name["baseline"].once_s * self.steps

    @property
    def slow(self) -> bool:
        """Whether a block is so long that there are few of them, and no slowdown is injected."""
        return self.block_s > SLOW_BLOCK_S

    def measure(
        self,
        names: Iterable[str],
        seed: int,
        budget_s: float,
        tell: Tell,
        folder: Path,
        *,
        rounds: int = 0,
        memory: bool = True,
        alone: bool = False,
    ) -> dict:
        """All rounds of those candidates, and what their timed calls computed.

        ``tell`` hands words to the parent and gives what it answers; whole states are left in
        ``folder``. ``rounds`` gives their number where it must not depend on the machine,
        ``memory`` says whether allocations are traced too, which is slow and the same every time,
        and ``alone`` that no other process adds rounds.
        """
        able = [name for name in names if name in self.runners_by_name]
        lost = {name: why for name, why in self.lost.items() if name in names}
        own = {n: r for n, r in self.runners_by_name.items() if n not in self.candidates - {*able}}
        every = Rounds(own, able, self.steps, seed, tell, self.starts, self.before)
        least = rounds or max(fewest(self.block_s), ALONE if alone else 0)
        most = least if self.slow else MOST
        words = {"frozen": self.name, "steps": self.steps, "device": self.device}
        tell(words | {"rounds": [least, most]})
        every.run(least, budget_s * (2 + len(able)), warm=not self.slow)
        every.audits()
        return results_of(every, folder / self.name, memory) | {"lost": lost | every.lost}

    @property
    def candidates(self) -> set[str]:
        return self.runners_by_name.keys() - {"baseline", "control", "stream"}


def prepare(candidates: dict[str, Engine], case_name: str, steps: int = 0) -> PreparedCase:
    """The frozen engine, those candidates of it and the controls, ready; ``steps`` gives the length
    of a block where it must not depend on the machine."""
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
    stride = math.lcm(*(candidates[n].stride for n in candidates if n in runners_by_name), 1)
    steps = steps or block_length(runners_by_name["baseline"], stride)
    made = PreparedCase(case_name, device, starts, runners_by_name, lost, steps, before)
    control = Control(baseline, case, start, made.slow, second_call=False)
    if not made.slow and not baseline.in_place:
        control.extra = max(1, round(INJECTED * steps))
    largest = max(start, key=lambda t: t.numel() * t.element_size())
    runners_by_name |= {"control": control, "stream": Stream(largest, device)}
    return made


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
        "trails": {
            n: w.save(Path(f"{place}.{n}"), rounds.audited) for n, w in rounds.watched.items()
        },
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
