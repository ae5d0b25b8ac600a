"""The clock: what optimizations are worth, taken turn about in fresh processes.

It refuses whatever has no fresh VERIFIED verdict: a speed without one is not a number. All
candidates of a baseline share its rounds; a case whose controls are off is taken again in
another process; one that fails, or computes something else, loses its own number only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import baselines
from tools import gathered
from tools.conditions import Conditions, changes, conditions
from tools.freshness import Refused, clock_digest, timed_cases
from tools.gathered import Gathered
from tools.quietness import wait_for_quiet
from tools.records import CLAIMED, Measurement
from tools.timekeeper import Died, Heard, listen
from validation import verdicts
from validation.judge import SLACK
from validation.seal import manifest
from validation.trajectory import checkpoints
from validation.verdicts import Status, Verdict

PROCESSES = 3  # fresh ones, for an everyday number
BUDGET_S = 0.15  # of rounds, for each contender of each case in each process
RETRIES = 2  # further processes for a case whose controls are off

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """How much measuring a number is worth: processes until precise enough, or the most."""

    least: int = PROCESSES
    most: int = PROCESSES
    budget_s: float = BUDGET_S


EVERYDAY = Plan()
PUBLISHED = Plan(least=CLAIMED, most=2 * CLAIMED, budget_s=0.4)


def allowed_to_run(name: str, dirty: bool) -> Verdict:
    """The fresh VERIFIED verdict that a measurement needs.

    Raises:
        Refused: there is none, or the tree differs from the commit.
    """
    status, verdict, reason = verdicts.standing(name)
    if status is not Status.VERIFIED or verdict is None:
        raise Refused(f"{name} is {status}: {reason}")
    changed = [] if dirty else changes()
    if changed:
        raise Refused(
            f"the tree differs from the commit in {len(changed)} files ({changed[0]}, …): a number "
            "would be filed under code that did not produce it; commit, or say --dirty"
        )
    return verdict


@dataclass
class Session:
    """A measurement of several candidates of one baseline, under way."""

    verdicts: dict[str, Verdict]
    full: bool
    plan: Plan
    tell: Tell
    refused: dict[str, str]

    def __post_init__(self):
        self.rows: dict[tuple[str, str], Gathered] = {}
        for name, verdict in self.verdicts.items():
            cases = timed_cases(verdict, self.full)
            if not cases:
                why = "covers no timed case; mark one as timed in its baseline's cases"
                self.refused[name] = f"{name} {why}"
            self.rows |= {(name, case): Gathered(name, case) for case in cases}

    def wanted(self) -> dict[str, list[str]]:
        """Cases, each with the candidates that need another process."""
        plan, cases = self.plan, {}
        for (name, case), rows in self.rows.items():
            if name not in self.refused and rows.wants_more(plan.least, plan.most, RETRIES):
                cases.setdefault(case, []).append(name)
        return cases

    def run(self) -> None:
        """Processes until nothing is wanted."""
        number = 0
        while cases := self.wanted():
            self.tell(f"process {number + 1} of {max(number + 1, self.plan.least)}")
            self.one_process(number, cases)
            number += 1

    def one_process(self, seed: int, cases: dict[str, list[str]]) -> None:
        """One fresh process; where it dies, one for each candidate, and the guilty is refused."""
        asked = {"seed": seed, "budget_s": self.plan.budget_s, "cases": cases}
        names = sorted({name for here in cases.values() for name in here})
        try:
            heard = list(listen("tools.stopwatch", asked))
        except Died as why:
            if len(names) == 1:
                self.refused[names[0]] = f"{names[0]}: the timing process {why}"
                return
            for name in names:
                self.one_process(seed, {c: [name] for c, here in cases.items() if name in here})
            return
        for one in heard:
            self.keep(one)

    def keep(self, heard: Heard) -> None:
        """Each candidate's part of a case, unless it failed or was wrong."""
        row = heard.row
        for name, why in row["lost"].items():
            self.refused[name] = f"{name}/{row['case']}: it failed while it was timed: {why}"
        for name in row["ends"]:
            own = gathered.part(row, name)
            try:
                refuse_wrong_answers(name, self.verdicts[name], own)
            except Refused as why:
                self.refused[name] = str(why)
            self.rows[name, row["case"]].add(own, heard.off(name))

    def found(self, before: Conditions) -> Iterator[tuple[str, Measurement]]:
        """The records of those that were not refused."""
        for name, verdict in self.verdicts.items():
            mine = {case: rows for (who, case), rows in self.rows.items() if who == name}
            tampered = [why for rows in mine.values() if (why := rows.tampered)]
            if tampered:
                self.refused.setdefault(name, f"{name}: {tampered[0]}")
            if name in self.refused:
                continue
            yield (
                name,
                Measurement(
                    optimization=name,
                    engine=verdict.engine,
                    level=verdict.level,
                    verdict=verdict.seal,
                    verdict_digests=verdict.digests,
                    clock=clock_digest(),
                    conditions=before,
                    cases={c: rows.timing(self.plan.least) for c, rows in mine.items()},
                ),
            )


def measure_together(
    names: list[str],
    *,
    full: bool = False,
    dirty: bool = False,
    plan: Plan = EVERYDAY,
    tell: Tell = lambda line: None,
) -> tuple[dict[str, Measurement], dict[str, str]]:
    """Time optimizations of one baseline beside it: records, not yet written, and refusals."""
    allowed, refused = {}, {}
    for name in names:
        try:
            allowed[name] = allowed_to_run(name, dirty)
        except Refused as why:
            refused[name] = str(why)
    engines = {verdict.engine for verdict in allowed.values()}
    if len(engines) > 1:
        raise ValueError(f"candidates of {sorted(engines)} asked for; allowed: of one baseline")
    session = Session(allowed, full, plan, tell, refused)
    before = conditions(beside=wait_for_quiet(tell=tell))
    session.run()
    return dict(session.found(before)), session.refused


def measure(
    name: str,
    *,
    full: bool = False,
    dirty: bool = False,
    processes: int = PROCESSES,
    budget_s: float = BUDGET_S,
    tell: Tell = lambda line: None,
) -> Measurement:
    """Time one optimization beside its baseline; the record, not yet written.

    Raises:
        Refused: no fresh VERIFIED verdict, a dirty tree, a candidate that fails or computes
            something else while it is timed, or a timer that the parent's clock contradicts.
    """
    plan = Plan(processes, processes, budget_s)
    found, refused = measure_together([name], full=full, dirty=dirty, plan=plan, tell=tell)
    if refused:
        raise Refused(refused[name])
    return found[name]


def refuse_wrong_answers(name: str, verdict: Verdict, row: dict) -> None:
    """The timed calls themselves must have computed the right thing."""
    case = baselines.load(verdict.engine).cases[row["case"]]
    seal = manifest(verdict.engine)
    for made, apart in row["ends"]:
        mark = next(n for n in checkpoints(case) if n >= made)
        for field, off in apart.items():
            allowed = 0.0
            if verdict.level == "rounding":
                # both sides may lie on either side of the truth
                allowed = 2 * SLACK * seal.allowed(row["case"], f"step {mark}", field)[1]
            if not off <= allowed:
                raise Refused(
                    f"{name}/{row['case']}: {field} was {off:.3g} off after {made} timed steps, "
                    f"allowed {allowed:.3g}; it computes something else while it is timed"
                )
