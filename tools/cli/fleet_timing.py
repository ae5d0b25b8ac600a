"""``bench --on``: jobs of a fleet time, each a group of candidates with all its controls."""

from collections.abc import Iterable, Iterator

from groundspeed.tools import console
from groundspeed.tools.cli import bench
from groundspeed.tools.fleet import collection, dispatch, lost_work
from groundspeed.tools.fleet.assignment import Task
from groundspeed.tools.fleet.portions import Portion, Work
from groundspeed.tools.records import evidence
from groundspeed.tools.records.answers import Benched, RefusedNumber
from groundspeed.tools.records.evidence import View, timed_anywhere
from groundspeed.tools.records.measurement import SECTION, Measurement
from groundspeed.validation import discovery
from groundspeed.validation.judge.verdicts import Status
from groundspeed.validation.records.codes import with_code


def run(
    names: list[str],
    full: bool,
    on: str,
    again: bool = True,
    as_json: bool = False,
    processes: int | None = None,
) -> int:
    """The verb ``bench``: a group of candidates is timed by one job, with all its controls."""
    chosen = discovery.chosen(names)
    due = [n for n in chosen if again or (verified_anywhere(n) and not timed_anywhere(n, full))]
    tasks = dispatch.run(dispatch.ready(on), timing(due, full, processes))
    found = [*kept(set(chosen) - set(due)), *collection.sections(tasks, Measurement, SECTION)]
    found.sort(key=lambda measured: measured.optimization)
    missing = lost_work.missing(tasks)
    refused = {n: RefusedNumber(**row) for t in tasks for n, row in refusals(t).items()}
    refused |= {n: RefusedNumber(status="", reason=w, code=w.code) for n, w in missing.items()}
    value = Benched(measured=found, refused=refused)
    rows = [row for one in found for row in bench.lines(one)]
    rows += [
        (n, "no number", r.status, with_code(r.reason, r.code))
        for n, r in refused.items()
        if n not in missing
    ]
    rows += lost_work.rows(missing)
    console.answer(as_json, value, rows, widths=(34, 13, 20))
    return int(bool(missing) or any(task.record.exit for task in tasks))


def timing(
    names: list[str], full: bool, processes: int | None, more: tuple[str, ...] = ()
) -> list[Portion]:
    """A portion for each group that shares rounds; ``more`` options say that it judges itself."""
    options = (*more, "--full" if full else "--everyday")
    options += ("--processes", str(processes)) if processes else ()
    return [
        Portion(
            Work.TIMING,
            "bench",
            tuple(group),
            options,
            discovery.device(group[0]),
            full,
            needs_verdicts=not more,
        )
        for group in bench.groups({name: engine_of(name) for name in names}, full)
    ]


def engine_of(name: str) -> str:
    verdict = View().of(name).verdict
    return verdict.engine if verdict else discovery.engine(name).name


def kept(names: Iterable[str]) -> Iterator[Measurement]:
    """The measurements that are shown of those that no job timed."""
    yield from (timing for name in names if (timing := View().of(name).timing))


def verified_anywhere(name: str) -> bool:
    return any(evidence.judged(name, on=on)[0] is Status.VERIFIED for on in evidence.kinds())


def refusals(task: Task) -> dict[str, dict]:
    answer = task.record.answer if task.record else {}
    return answer.get("refused", {})
