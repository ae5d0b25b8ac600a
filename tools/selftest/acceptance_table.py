"""Acceptance table of the calibration systems: every rule, and the judge.

Two systems, ten starts, three horizons: thirty checks of each candidate by each rule. It takes
minutes, so it is kept as a record and asked for by name: `groundspeed selftest --part calibration`.
"""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import as_completed

import torch

from groundspeed.validation import machine
from groundspeed.validation.calibration import rule_table
from groundspeed.validation.calibration.rule_table import Counts
from groundspeed.validation.parallel.process_pool import processes
from groundspeed.validation.protocol import JUDGE
from groundspeed.validation.records import results
from groundspeed.validation.records.base import Part, today

STARTS = 10


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
            f"{system}: {name} accepted {accepted} times, not {count}"
            for system, right in self.wanted.items()
            for name, count in right.items()
            if (accepted := self.table[system][rule_table.JUDGE][name]) != count
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


def measure(tell: Callable[[str], None] = lambda line: None) -> Acceptance:
    """The whole table, two processes at once; written when it is complete."""
    right = rule_table.wanted(STARTS)
    table: dict[str, dict[str, Counter]] = {system: {} for system in right}
    with processes("judging", 2, torch.set_num_threads, 1) as pool:
        tasks = {
            pool.submit(rule_table.one_start, system, seed): system
            for seed in range(STARTS)
            for system in right
        }
        for done, task in enumerate(as_completed(tasks), start=1):
            tell(f"calibration: {done} of {len(tasks)} starts")
            for rule, row in task.result().items():
                table[tasks[task]].setdefault(rule, Counter()).update(row)
    found = Acceptance(
        made=today(),
        protocol=JUDGE.number,
        modified=JUDGE.modified(),
        starts=STARTS,
        table=table,
        wanted=right,
    )
    results.put(SECTION, found, NAME, machine.kind())
    return found
