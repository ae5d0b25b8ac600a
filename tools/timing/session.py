"""Timing session: optimizations and their baseline, interleaved in several processes.

It refuses whatever has no current VERIFIED verdict: a speed without one is not a number. All
candidates of a baseline share its rounds; a case whose controls are off is taken again in
another process; one that fails, or computes something else, loses its own number only.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain
from random import SystemRandom
from secrets import token_hex

import torch

from groundspeed import baselines
from groundspeed.tools.console import Tell
from groundspeed.tools.process import Died
from groundspeed.tools.records.accelerator import accelerator_state
from groundspeed.tools.records.conditions import Conditions, code_now, timing_conditions
from groundspeed.tools.records.evidence import here, timed_cases
from groundspeed.tools.records.machine_load import wait_for_quiet
from groundspeed.tools.records.measurement import Measurement
from groundspeed.tools.records.protocols import CLOCK
from groundspeed.tools.timing import aggregate, output_check, sanity
from groundspeed.tools.timing.aggregate import CaseSamples
from groundspeed.tools.timing.isolated_baseline import IsolatedBaseline
from groundspeed.tools.timing.sanity import Pairs
from groundspeed.tools.timing.timing_worker import TimingWorker
from groundspeed.tools.timing.worker_client import TimedCase, timed_cases_of
from groundspeed.validation import discovery
from groundspeed.validation.judge import verdicts
from groundspeed.validation.judge.verdicts import Conclusion, Status
from groundspeed.validation.parallel.threads import workers
from groundspeed.validation.records import samples
from groundspeed.validation.records.codes import Code, Coded
from groundspeed.validation.records.errors import NotMeasured
from groundspeed.validation.worker import compilers
from groundspeed.validation.worker.client import scratch_folder
from groundspeed.validation.worker.forkserver import COMPILERS

PROCESSES = 8  # for an everyday number; with fewer rounds each than of fewer processes
MOST = 12  # of a case whose interval is still wider than PRECISE
PRECISE = 0.05  # half an interval, as a log ratio
AUDITED = 3  # of the processes, drawn: there each contender is timed alone as well, and the frozen
# engine in isolation, and states are compared whole
CHECKERS = 2  # candidates whose answers are looked at at a time

Known = dict[str, output_check.Replays]


@dataclass(frozen=True)
class Plan:
    """How much measuring a number is worth: processes until precise enough, or the most."""

    least: int = PROCESSES
    most: int = MOST
    budget_s: float = 0.03  # of rounds, for each contender of each case in each process
    precise: float = PRECISE


EVERYDAY = Plan()


def allowed_to_run(name: str, dirty: bool) -> Conclusion:
    """The current VERIFIED verdict that a measurement needs.

    Raises:
        NotMeasured: there is none, or the tree differs from the commit.
    """
    status, verdict, reason = verdicts.current_status(name)
    if status is not Status.VERIFIED or verdict is None:
        code = verdicts.refusal_code(status, verdict)
        raise NotMeasured(f"{name} is {status}: {reason}", code)
    changed = () if dirty else code_now().changed
    if changed:
        raise NotMeasured(
            f"the tree differs from the commit in {len(changed)} files ({changed[0]}, …): a number "
            "would be filed under code that did not produce it; commit, or say --dirty",
            Code.DIRTY,
        )
    return verdict


@dataclass
class Session:
    """A measurement of several candidates of one baseline, under way."""

    verdicts: dict[str, Conclusion]
    full: bool
    plan: Plan
    tell: Tell
    refused: dict[str, str]

    def __post_init__(self):
        self.key, self.started = token_hex(4), 0
        self.audited = SystemRandom().sample(range(self.plan.least), min(AUDITED, self.plan.least))
        self.rows: dict[tuple[str, str], CaseSamples] = {}
        self.frozen: Known = {}
        # of each process that had loaded its code, the pairs of the isolated baseline, by case
        self.isolated_pairs: dict[str, list[dict[str, Pairs]]] = {
            name: [] for name in self.verdicts
        }
        for name, verdict in self.verdicts.items():
            cases = timed_cases(verdict, self.full)
            if not cases:
                why = "covers no timed case; mark one as timed in its baseline's cases"
                self.refused[name] = Coded(f"{name} {why}", Code.UNTIMED)
            self.rows |= {(name, case): CaseSamples() for case in cases}

    def wanted(self) -> dict[str, list[str]]:
        """Cases, each with the candidates that need another process."""
        plan, cases = self.plan, {}
        for (name, case), rows in self.rows.items():
            if name not in self.refused and rows.wants_more(plan.least, plan.most, plan.precise):
                cases.setdefault(case, []).append(name)
        return cases

    def run(self) -> None:
        """Processes until nothing is wanted; the isolated baseline is the same for all."""
        if not self.verdicts:
            return
        number = 0
        self.worker, self.isolated = self.new_worker(), IsolatedBaseline(self.engine)
        try:
            while cases := self.wanted():
                self.tell(f"process {number + 1} of {max(number + 1, self.plan.least)}")
                self.one_process(number, cases)
                number += 1
        finally:
            self.isolated.close()
            self.worker.close()

    def new_worker(self) -> TimingWorker:
        """It imports at once what compiles the candidates."""
        used = discovery.mentioned(self.verdicts, COMPILERS)
        needs = [need for word, need in COMPILERS.items() if word in used]
        return TimingWorker([compilers.PRELOADED[need] for need in needs])

    def one_process(self, seed: int, cases: dict[str, list[str]]) -> None:
        """Rounds of each case in one process more. Where it dies, in one for each candidate, and
        who dies there too is refused.

        What the worker leaves of a case is in memory. While that is looked at it prepares the next
        one, and no more.
        """
        names = sorted({name for here in cases.values() for name in here})
        self.started += 1
        folder, left = scratch_folder(), dict(cases)
        asked = {"seed": seed, "budget_s": self.plan.budget_s, "memory": seed == 0}
        asked |= {"cases": cases, "folder": str(folder)}
        isolated_pairs: dict[str, Pairs] = {}
        for name in names:
            self.isolated_pairs[name].append(isolated_pairs)
        try:
            if self.worker.lost:
                self.worker.close()
                self.worker = self.new_worker()
            audited = seed in self.audited
            isolated = self.isolated if audited else None
            for one in timed_cases_of(self.worker, asked, isolated, audited):
                case = one.row["case"]
                isolated_pairs[case] = one.isolated_pairs
                self.keep(one)
                left.pop(case, None)
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir(exist_ok=True)
        except Died as why:
            if len(names) == 1:
                words = f"{names[0]}: the timing process {why}"
                self.refused[names[0]] = Coded(words, Code.TIMED_FAILURE)
                return
            for name in names:
                if mine := {c: [name] for c, here in left.items() if name in here}:
                    self.one_process(seed, mine)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def keep(self, timed: TimedCase) -> None:
        """Each candidate's part of a case, unless it failed or was wrong."""
        row = timed.row | {"number": self.started}
        for name, why in row["lost"].items():
            words = f"{name}/{row['case']}: it failed while it was timed: {why}"
            self.refused[name] = Coded(words, Code.TIMED_FAILURE)
        right = right_answers(self.engine, row, self.frozen)

        def look(name: str) -> None:
            own = aggregate.part(row, name) | {"moved": right.moved, "written": right.written}
            if why := sanity.wrong_answers(self.verdicts[name], own, right):
                self.refused[name] = why
            self.rows[name, row["case"]].add(own, timed.off(name))

        with workers(CHECKERS) as pool:  # the worker times nothing meanwhile
            list(pool.map(look, row["trails"]))

    @property
    def engine(self) -> str:
        return next(iter(self.verdicts.values())).engine

    def seen_beside(self, name: str) -> dict[str, list[Pairs]]:
        """The frozen engine over itself alone in each process of that one: by case, then in all."""
        mine = self.isolated_pairs[name]
        cases = {case: None for isolated_pairs in mine for case in isolated_pairs}
        found = {case: [own[case] for own in mine if case in own] for case in cases}
        return found | {"all cases": [list(chain(*own.values())) for own in mine]}

    @property
    def slowed(self) -> dict[str, str]:
        """In whose processes the frozen engine was slowed, and how much it was."""
        reasons = {
            name: [sanity.slowing(*seen) for seen in self.seen_beside(name).items()]
            for name in self.verdicts
        }
        return {name: next(filter(None, words)) for name, words in reasons.items() if any(words)}

    def found(self, before: Conditions) -> Iterator[tuple[str, Measurement]]:
        """The records of those that were not refused."""
        slowed = self.slowed
        before = before.model_copy(update={"accelerator_after": accelerator_state()})
        for name, verdict in self.verdicts.items():
            mine = {case: rows for (who, case), rows in self.rows.items() if who == name}
            reasons = [
                rows.tampered and Coded(f"{name}: {rows.tampered}", Code.TIMER)
                for rows in mine.values()
            ]
            if name in slowed and len(self.verdicts) == 1:
                reasons.append(Coded(f"{name}/{slowed[name]}", Code.SLOWS))
            for case, rows in mine.items():
                reasons.append(sanity.impossible_speed(name, case, rows.kept))
            if any(reasons):
                self.refused.setdefault(name, next(filter(None, reasons)))
            if name not in self.refused and name not in slowed:
                yield name, self.measurement(name, verdict, mine, before)

    def measurement(
        self, name: str, verdict: Conclusion, mine: dict[str, CaseSamples], before: Conditions
    ) -> Measurement:
        """What the processes of one candidate add up to; their pairs are kept as samples."""
        seen, least = self.seen_beside(name), self.plan.least
        device, here_now = discovery.device(name), {"machine": here(name)}
        if device == "cpu":
            here_now |= dict.fromkeys(("accelerator_before", "accelerator_after"))
        pairs = {c: rows.raw(least) | {"beside": seen.get(c, [])} for c, rows in mine.items()}
        return Measurement(
            optimization=name,
            engine=verdict.engine,
            session=self.key,
            level=verdict.level,
            code=verdict.code,
            baseline=verdict.baseline,
            protocol=CLOCK.number,
            modified=CLOCK.modified(),
            device=device,
            conditions=before.model_copy(update=here_now),
            samples=samples.keep({"optimization": name, "cases": pairs}),
            cases={case: rows.timing(least) for case, rows in mine.items()},
        )


def measure_together(
    names: list[str],
    *,
    full: bool = False,
    dirty: bool = False,
    plan: Plan = EVERYDAY,
    tell: Tell = lambda line: None,
) -> tuple[dict[str, Measurement], dict[str, str]]:
    """Time optimizations of one baseline beside it: measurements, not yet written, and reasons of
    those that were refused, by name."""
    allowed, refused = {}, {}
    for name in names:
        try:
            allowed[name] = allowed_to_run(name, dirty)
        except NotMeasured as why:
            refused[name] = Coded(str(why), why.code)
    engines = {verdict.engine for verdict in allowed.values()}
    if len(engines) > 1:
        raise ValueError(f"candidates of {sorted(engines)} asked for; allowed: of one baseline")
    session = Session(allowed, full, plan, tell, refused)
    before = timing_conditions(beside=wait_for_quiet(tell=tell))
    session.run()
    return dict(session.found(before)) | apart(session, before), session.refused


def apart(session: Session, before: Conditions) -> dict[str, Measurement]:
    """Each of those that were together where the frozen engine was slowed, by itself."""
    accused = {n: why for n, why in session.slowed.items() if n not in session.refused}
    found = {}
    for name in sorted(accused) if len(session.verdicts) > 1 else ():
        session.tell(f"{name} once more, without the others of its process: {accused[name]}")
        alone = replace(session, verdicts={name: session.verdicts[name]})
        alone.run()
        found |= alone.found(before)
    return found


def right_answers(engine: str, row: dict, known: Known) -> output_check.Answers:
    """The frozen engine over the passes of a case; ``known`` keeps it ready, by case."""
    if not row["trails"]:
        return output_check.Answers()
    torch.set_num_threads(1)
    case = row["case"]
    if case not in known:
        known[case] = output_check.Replays(baselines.load(engine), case)
    return output_check.answers(known[case], row)
