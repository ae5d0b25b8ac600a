"""``bench --recheck --on``: jobs of a fleet measure again what any kind of machine has measured."""

from collections.abc import Iterator

from groundspeed.tools.cli import recheck
from groundspeed.tools.cli.fleet_timing import timing
from groundspeed.tools.fleet import dispatch, lost_work
from groundspeed.tools.records.answers import Claim
from groundspeed.tools.records.measurement import SECTION, Measurement
from groundspeed.validation import discovery
from groundspeed.validation.records import results
from groundspeed.validation.records.codes import Coded


def run(names: list[str], full: bool, on: str, as_json: bool, processes: int | None) -> int:
    """The verb ``bench --recheck``, of what any kind of machine has measured."""
    old = [n for n in discovery.chosen(names) if any(measured_on(n))]
    if not old:
        raise LookupError("no measurement on file to check again; run: groundspeed bench")
    tasks = dispatch.run(dispatch.ready(on), timing(old, full, processes, more=("--recheck",)))
    missing = lost_work.missing(tasks)
    claims = [
        Claim(**claim)
        for task in tasks
        if not lost_work.reason(task)
        for claim in task.record.answer["claims"]
    ]
    claims += [unchecked(name, why) for name, why in missing.items()]
    return recheck.answer(claims, as_json)


def measured_on(name: str) -> Iterator[Measurement]:
    for on in results.machines():
        if found := results.section_or_none(Measurement, SECTION, name, on):
            yield found


def unchecked(name: str, why: Coded) -> Claim:
    """In the place of the claims of an optimization whose job was lost."""
    old = next(measured_on(name))
    return Claim(
        optimization=name, case="every", made=old.made[:10], was="", now=why, holds=False,
        code=why.code, changed=[],
    )  # fmt: skip
