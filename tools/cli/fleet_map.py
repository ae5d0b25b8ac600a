"""``map --on``: jobs of a fleet measure the map, each all of one baseline."""

from itertools import chain

from groundspeed.tools import console
from groundspeed.tools.cli.fleet_timing import engine_of
from groundspeed.tools.experiments import sweep
from groundspeed.tools.fleet import dispatch, lost_work
from groundspeed.tools.fleet.portions import Portion, Work
from groundspeed.validation import discovery


def run(names: list[str], budget_s: float, on: str, as_json: bool) -> int:
    """The verb ``map``: a job for each baseline, with the whole budget."""
    chosen: dict[str, list[str]] = {}
    for name in discovery.chosen(names):
        chosen.setdefault(engine_of(name), []).append(name)
    options = ("--budget-s", str(budget_s))
    portions = [
        Portion(Work.TIMING, "map", tuple(own), options, needs_verdicts=True)
        for own in chosen.values()
    ]
    tasks = dispatch.run(dispatch.ready(on), portions)
    missing = lost_work.missing(tasks)
    rows = {
        engine_of(task.portion.names[0]): [sweep.Scenario(**row) for row in task.record.answer]
        for task in tasks
        if not lost_work.reason(task)
    }
    table = ((engine, *sweep.summary(scenarios)) for engine, scenarios in rows.items())
    every = [scenario for scenarios in rows.values() for scenario in scenarios]
    console.answer(as_json, every, chain(table, lost_work.rows(missing)))
    return int(bool(missing))
