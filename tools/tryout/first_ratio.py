"""A first ratio of an optimization: one process of the clock, forked from a warm one.

Rounds, controls, starts and checks of the answers are those of `groundspeed bench`. Left out are
further processes, the isolated baseline, memory, and the wait for a quiet machine.
"""

from __future__ import annotations

import shutil

import torch

from groundspeed import baselines
from groundspeed.tools.process import Died
from groundspeed.tools.timing import aggregate, intervals, output_check, sanity
from groundspeed.tools.timing.timing_worker import TimingWorker
from groundspeed.tools.timing.worker_client import DRAW, SEED_BITS, TimedCase, timed_cases_of
from groundspeed.tools.tryout.answer import Look, Ratio, Untimed
from groundspeed.validation.judge.verdicts import CaseSummary, Summary
from groundspeed.validation.protocol import JUDGE
from groundspeed.validation.tiers import Coverage
from groundspeed.validation.worker.client import scratch_folder

BUDGET_S = 0.15  # of rounds, for each runner


class FirstRatios:
    """Times one candidate after the other, in forks of a warm process.

    Args:
        server: that process; where it has ended, a new one is started.
    """

    def __init__(self, server: TimingWorker):
        self.server = server
        self.replays: dict[tuple[str, str], output_check.Replays] = {}

    def stop(self) -> None:
        """End the process that is timing, whatever it is at."""
        self.server.stop()

    def close(self) -> None:
        self.server.close()

    def first_ratio(self, name: str, look: Look) -> Ratio:
        """The ratio of an optimization that was right so far; once more if a control is off.

        Raises:
            Untimed: it failed, or computed something else, while it was timed.
        """
        verdict = unfiled(name, look)
        found = self.one_process(verdict, look.timed)
        return self.one_process(verdict, look.timed) if found.noise else found

    def one_process(self, verdict: Summary, case: str) -> Ratio:
        """The ratio that one process shows."""
        folder, server = scratch_folder(), self.server
        asked = {"seed": DRAW.getrandbits(SEED_BITS), "budget_s": BUDGET_S}
        asked |= {"memory": False, "alone": True}
        asked |= {"cases": {case: [verdict.optimization]}, "folder": str(folder)}
        try:
            (found,) = (self.ratio(verdict, one) for one in timed_cases_of(server, asked))
            return found
        except Died as why:
            if server.lost:
                server.close()
                self.server = TimingWorker(patience_s=server.patience_s)
            raise Untimed(f"{case}: the process in which it was timed {why}") from None
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def ratio(self, verdict: Summary, timed: TimedCase) -> Ratio:
        """What the rounds of a process add up to; its answers are compared first."""
        name, row = verdict.optimization, timed.row
        if why := row["lost"].get(name):
            raise Untimed(f"{row['case']}: it failed while it was timed: {why}")
        right = output_check.answers(self.replay(verdict.engine, row["case"]), row)
        own = aggregate.part(row, name) | {"moved": right.moved, "written": right.written}
        wrong = sanity.wrong_answers(verdict, own, right)
        if wrong := wrong or sanity.impossible_speed(name, row["case"], [own]):
            raise Untimed(wrong.removeprefix(f"{name}/"))
        off = aggregate.discarded(own, timed.off(name))
        return of_rounds(row["case"], own["rounds"], off.why if off else "")

    def replay(self, engine: str, case: str) -> output_check.Replays:
        """The baseline on a case, made ready once."""
        torch.set_num_threads(1)
        if (engine, case) not in self.replays:
            self.replays[engine, case] = output_check.Replays(baselines.load(engine), case)
        return self.replays[engine, case]


def of_rounds(case: str, rounds: aggregate.Rounds, noise: str = "") -> Ratio:
    """The ratio of one process, with the interval between its rounds."""
    wall, cpu = (intervals.within(aggregate.ratios(rounds, "candidate", i)) for i in (0, 1))
    controls = [intervals.within(aggregate.ratios(rounds, "control", i)) for i in (0, 1)]
    found = intervals.widened(wall, cpu, controls)
    return Ratio(
        case=case,
        word="INCONCLUSIVE" if noise else intervals.beyond(found),
        speedup=1 / found.value,
        low=1 / found.high,
        high=1 / found.low,
        rounds=len(rounds),
        baseline_s=aggregate.middle([rounds], "baseline"),
        candidate_s=aggregate.middle([rounds], "candidate"),
        noise=noise,
    )


def unfiled(name: str, look: Look) -> Summary:
    """The verdict to which answers are held while they are timed; it is written nowhere."""
    return Summary(
        optimization=name,
        engine=look.claim.engine.name,
        level=look.claim.level,
        because=look.claim.because,
        expected=look.claim.expected,
        status=look.status,
        reason=look.reason,
        coverage=Coverage.SMALL,
        protocol=JUDGE.number,
        cases={case: CaseSummary.of(result) for case, result in look.cases.items()},
    )
