"""Acceptance table of the calibration systems: every rule, and the judge.

Two systems, ten starts, three horizons: thirty checks of each candidate by each rule. It takes
minutes, so it is kept as a record and asked for by name: `groundspeed selftest --part toys`.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context

from validation import machine
from validation.parallel.process_pool import end_with_parent
from validation.protocol import JUDGE
from validation.records import results
from validation.records.base import Part, today

STARTS = 10
AT_ONCE = 2
OURS = "the judge"

Counts = dict[str, dict[str, int]]  # rule: candidate: how often it was accepted


class Acceptance(Part):
    """The table, and the rules that it is about."""

    made: str
    protocol: int  # of the judge
    modified: str = ""
    starts: int
    table: dict[str, Counts]  # by system
    wanted: dict[str, dict[str, int]]  # by system: what the judge's own row must read

    @property
    def wrong(self) -> list[str]:
        """Where the judge's own row is not as it must be."""
        return [
            f"toys: {system}: {name} accepted {self.table[system][OURS][name]} times, not {count}"
            for system, right in self.wanted.items()
            for name, count in right.items()
            if self.table[system][OURS][name] != count
        ]

    def lines(self) -> dict[str, str]:
        """The table, a line a rule."""
        return {
            f"{system}: {rule}": ", ".join(f"{name} {count}" for name, count in row.items())
            for system, rows in self.table.items()
            for rule, row in rows.items()
        }


SECTION, NAME = "acceptance", "tools/acceptance"


def on_file(on: str = "") -> Acceptance | None:
    """The table of today's protocol, if a kind of machine, this one by default, has made it."""
    found = results.section_or_none(Acceptance, SECTION, NAME, on or machine.kind())
    right = found and found.protocol == JUDGE.number and JUDGE.stands(found.modified)
    return found if right else None


def one_start(system: str, seed: int) -> Counts:
    """From one start: {rule: {candidate: at how many of the three horizons it is accepted}}."""
    import torch

    from validation.calibration import heat, lorenz96
    from validation.calibration.rule_table import by_the_judge, commonly

    torch.set_num_threads(1)
    toy = {"Lorenz-96": lorenz96, "heat": heat}[system]
    found: Counts = {OURS: dict.fromkeys(toy.CANDIDATES, 0)}
    for name, accepted in commonly(toy, seed).items():
        for rule, times in accepted.items():
            found.setdefault(rule, {})[name] = times
    for steps in toy.HORIZONS:
        for name, result in by_the_judge(toy, seed, steps).items():
            found[OURS][name] += not result.broken
    return found


def measure(starts: int = STARTS, tell: Callable[[str], None] = lambda line: None) -> Acceptance:
    """The whole table, two processes at once; written when it is complete."""
    from validation.calibration.rule_table import wanted

    right = wanted(starts)
    table: dict[str, Counts] = {system: {} for system in right}
    with ProcessPoolExecutor(AT_ONCE, get_context("spawn"), end_with_parent) as pool:
        tasks = {
            pool.submit(one_start, system, seed): system
            for seed in range(starts)
            for system in right
        }
        for done, task in enumerate(as_completed(tasks), start=1):
            tell(f"toys: {done} of {len(tasks)} starts")
            for rule, row in task.result().items():
                kept = table[tasks[task]].setdefault(rule, dict.fromkeys(row, 0))
                for name, count in row.items():
                    kept[name] += count
    table = {system: dict(sorted(rows.items(), key=by_place)) for system, rows in table.items()}
    found = Acceptance(
        made=today(),
        protocol=JUDGE.number,
        modified=JUDGE.modified(),
        starts=starts,
        table=table,
        wanted=right,
    )
    results.put(SECTION, found, NAME, machine.kind())
    return found


def by_place(row: tuple[str, dict]) -> bool:
    """The judge's own row last."""
    return row[0] == OURS
