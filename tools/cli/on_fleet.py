"""``--on``: the same verbs, their work done by jobs of a fleet (`tools.fleet`).

What jobs have found is on file before a verb answers, and the answer is read from there. What a
lost job should have found is missing: it is told, and fails the verb.

Without names a fleet takes what no kind of machine has current evidence for, because nobody knows
beforehand which kind of machine a job will meet.
"""

from collections.abc import Iterable, Iterator
from itertools import chain

from groundspeed.tools import console
from groundspeed.tools.cli import bench, recheck, validate
from groundspeed.tools.experiments import sweep
from groundspeed.tools.fleet import dispatch
from groundspeed.tools.fleet.assignment import Task
from groundspeed.tools.fleet.portions import Portion, Work
from groundspeed.tools.records import evidence
from groundspeed.tools.records.answers import (
    Benched,
    Claim,
    JudgedOptimization,
    RefusedNumber,
)
from groundspeed.tools.records.evidence import View, judged_anywhere, timed_anywhere
from groundspeed.tools.records.measurement import SECTION, Measurement
from groundspeed.validation import discovery
from groundspeed.validation.judge import verdicts
from groundspeed.validation.judge.verdicts import Status, Summary
from groundspeed.validation.records import results
from groundspeed.validation.records.codes import Code, with_code
from groundspeed.validation.tiers import Coverage

JUDGED = 8  # optimizations that a job judges at most


def judge(
    names: list[str], coverage: Coverage, on: str, again: bool = True, as_json: bool = False
) -> int:
    """The verb ``validate``."""
    chosen = discovery.chosen(names)
    due = [n for n in chosen if again or not judged_anywhere(n, coverage)]
    tasks = dispatch.run(on, judging(due, coverage))
    found = [*settled(set(chosen) - set(due)), *judged_by(tasks)]
    found.sort(key=lambda verdict: verdict.optimization)
    missing = lost(tasks)
    answer = [validate.summary(verdict) for verdict in found]
    answer += [unjudged(name, why) for name, why in missing.items()]
    rows = chain.from_iterable(map(validate.lines, found))
    console.answer(as_json, answer, chain(rows, lost_rows(missing)))
    return int(bool(missing) or not all(v.holds or validate.undecided(v) for v in found))


def judging(names: list[str], coverage: Coverage) -> list[Portion]:
    """Those of a family go together, as baseline runs are shared, in jobs of a few."""
    options = {Coverage.FULL: ("--full",), Coverage.SMALL: ("--everyday", "--small")}
    alike: dict[tuple[str, str], list[str]] = {}
    for name in names:
        alike.setdefault((discovery.engine_family(name), discovery.device(name)), []).append(name)
    return [
        Portion(
            Work.JUDGING,
            "validate",
            tuple(group[start : start + JUDGED]),
            options.get(coverage, ("--everyday",)),
            device,
        )
        for (_, device), group in sorted(alike.items())
        for start in range(0, len(group), JUDGED)
    ]


def settled(names: Iterable[str]) -> Iterator[Summary]:
    """The verdicts that are shown of those that no job judged."""
    yield from (verdict for name in names if (verdict := View().of(name).verdict))


def judged_by(tasks: list[Task]) -> list[Summary]:
    """The verdicts that jobs have filed; of two jobs on one kind of machine the later one."""
    found = {
        (name, task.record.machine): results.section(
            Summary, verdicts.SECTION, name, task.record.machine
        )
        for task in tasks
        if task.record
        for name in task.portion.names
        if verdicts.SECTION in task.record.sections.get(f"{task.record.machine}/{name}", ())
    }
    return list(found.values())


def lost(tasks: list[Task]) -> dict[str, str]:
    """Names of the portions that were lost, and why."""
    found = {name: task.lost for task in tasks if task.lost for name in task.portion.names}
    for task in tasks:
        if task.record and isinstance(task.record.answer, dict) and "error" in task.record.answer:
            found |= dict.fromkeys(task.portion.names, task.record.answer["error"]["message"])
    return found


def lost_rows(missing: dict[str, str]) -> Iterator[tuple[str, ...]]:
    for name, why in missing.items():
        yield name, "no answer", "", with_code(why, Code.JOB)


def unjudged(name: str, why: str) -> JudgedOptimization:
    """In the place of a verdict that a lost job should have given."""
    about = dict.fromkeys(("engine", "level", "expected", "made"), "")
    return JudgedOptimization(
        optimization=name, status=Status.UNJUDGED, reason=why, code=Code.JOB, protocol=0,
        holds=False, **about,
    )  # fmt: skip


def time(
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
    options = ("--full",) if full else ("--everyday",)
    options += ("--processes", str(processes)) if processes else ()
    tasks = dispatch.run(on, timing("bench", due, options, full))
    found = measured_by(tasks)
    missing = lost(tasks)
    refused = {n: RefusedNumber(**row) for t in tasks for n, row in refusals(t).items()}
    refused |= {n: RefusedNumber(status="", reason=w, code=Code.JOB) for n, w in missing.items()}
    value = Benched(measured=found, refused=refused)
    rows = [row for one in found for row in bench.lines(one)]
    rows += [(n, "no number", r.status, with_code(r.reason, r.code)) for n, r in refused.items()]
    console.answer(as_json, value, rows, widths=(34, 13, 20))
    return int(bool(missing) or any(task.record.exit for task in tasks))


def timing(verb: str, names: list[str], options: tuple[str, ...], full: bool) -> list[Portion]:
    """A portion for each group that shares rounds."""
    groups = bench.groups({name: engine_of(name) for name in names}, full)
    return [
        Portion(
            Work.TIMING, verb, tuple(group), options, discovery.device(group[0]), full, True
        )
        for group in groups
    ]  # fmt: skip


def engine_of(name: str) -> str:
    verdict = View().of(name).verdict
    return verdict.engine if verdict else discovery.engine(name).name


def verified_anywhere(name: str) -> bool:
    return any(evidence.judged(name, on=on)[0] is Status.VERIFIED for on in evidence.kinds())


def measured_by(tasks: list[Task]) -> list[Measurement]:
    """The measurements that jobs have filed."""
    found = {
        (name, task.record.machine): results.section(
            Measurement, SECTION, name, task.record.machine
        )
        for task in tasks
        if task.record
        for name in task.portion.names
        if SECTION in task.record.sections.get(f"{task.record.machine}/{name}", ())
    }
    return [found[key] for key in sorted(found)]


def refusals(task: Task) -> dict[str, dict]:
    answer = task.record.answer if task.record else {}
    return answer.get("refused", {})


def again(names: list[str], full: bool, on: str, as_json: bool, processes: int | None) -> int:
    """The verb ``bench --recheck``, of what any kind of machine has measured."""
    old = [n for n in discovery.chosen(names) if any(measured_on(n))]
    if not old:
        raise LookupError("no measurement on file to check again; run: groundspeed bench")
    options = ("--recheck", "--full" if full else "--everyday")
    options += ("--processes", str(processes)) if processes else ()
    tasks = dispatch.run(on, timing("bench", old, options, full))
    missing = lost(tasks)
    claims = [
        Claim(**claim)
        for task in tasks
        if task.record and task.portion.names[0] not in missing
        for claim in task.record.answer["claims"]
    ]
    claims += [unchecked(name, why) for name, why in missing.items()]
    return recheck.answer(claims, as_json)


def measured_on(name: str) -> Iterator[Measurement]:
    for on in results.machines():
        if found := results.section_or_none(Measurement, SECTION, name, on):
            yield found


def unchecked(name: str, why: str) -> Claim:
    """In the place of the claims of an optimization whose job was lost."""
    old = next(measured_on(name))
    return Claim(
        optimization=name, case="every", made=old.made[:10], was="", now=why, holds=False,
        code=Code.JOB, changed=[],
    )  # fmt: skip


def map_(names: list[str], budget_s: float, on: str, as_json: bool) -> int:
    """The verb ``map``: a job for each baseline, with the whole budget."""
    chosen: dict[str, list[str]] = {}
    for name in discovery.chosen(names):
        chosen.setdefault(engine_of(name), []).append(name)
    options = ("--budget-s", str(budget_s))
    portions = [
        Portion(Work.TIMING, "map", tuple(own), options, needs_verdicts=True)
        for own in chosen.values()
    ]
    tasks = dispatch.run(on, portions)
    missing = lost(tasks)
    rows = {
        engine_of(task.portion.names[0]): [sweep.Scenario(**row) for row in task.record.answer]
        for task in tasks
        if task.record and task.portion.names[0] not in missing
    }
    table = ((engine, *sweep.summary(scenarios)) for engine, scenarios in rows.items())
    every = [scenario for scenarios in rows.values() for scenario in scenarios]
    console.answer(as_json, every, chain(table, lost_rows(missing)))
    return int(bool(missing))
