"""``validate --on``: jobs of a fleet judge.

What jobs have found is on file before the verb answers, and the answer is read from there. What a
lost job should have found is missing: that is told, and fails the verb. Without names a fleet takes
what no kind of machine has a current verdict on, because nobody knows beforehand which kind of
machine a job will meet.
"""

from collections.abc import Iterable, Iterator
from itertools import chain

from groundspeed.tools import console
from groundspeed.tools.cli import validate
from groundspeed.tools.fleet import collection, dispatch, lost_work
from groundspeed.tools.fleet.portions import Portion, Work
from groundspeed.tools.records.answers import JudgedOptimization
from groundspeed.tools.records.evidence import View, judged_anywhere
from groundspeed.validation import discovery
from groundspeed.validation.judge.verdicts import SECTION, Status, Summary
from groundspeed.validation.records.codes import Coded
from groundspeed.validation.tiers import Coverage

OPTIONS = {
    Coverage.SMALL: ("--everyday", "--small"),
    Coverage.EVERYDAY: ("--everyday",),
    Coverage.FULL: ("--full",),
}


def run(
    names: list[str], coverage: Coverage, on: str, again: bool = True, as_json: bool = False
) -> int:
    """The verb ``validate``."""
    fleet = dispatch.ready(on)
    chosen = discovery.chosen(names)
    due = [n for n in chosen if again or not judged_anywhere(n, coverage)]
    tasks = dispatch.run(fleet, judging(due, coverage, fleet.together))
    found = [*settled(set(chosen) - set(due)), *collection.sections(tasks, Summary, SECTION)]
    found.sort(key=lambda verdict: verdict.optimization)
    missing = lost_work.missing(tasks)
    answer = [validate.summary(verdict) for verdict in found]
    answer += [unjudged(name, why) for name, why in missing.items()]
    rows = chain.from_iterable(map(validate.lines, found))
    console.answer(as_json, answer, chain(rows, lost_work.rows(missing)))
    return int(bool(missing) or not all(v.holds or validate.undecided(v) for v in found))


def judging(names: list[str], coverage: Coverage, together: int) -> list[Portion]:
    """Those of a family go together, as baseline runs are shared, in jobs of so many."""
    alike: dict[tuple[str, str], list[str]] = {}
    for name in names:
        alike.setdefault((discovery.engine_family(name), discovery.device(name)), []).append(name)
    return [
        Portion(Work.JUDGING, "validate", tuple(some), OPTIONS[coverage], device)
        for (_, device), group in sorted(alike.items())
        for some in batched(group, together)
    ]


def batched(names: list[str], most: int) -> list[list[str]]:
    return [names[start : start + most] for start in range(0, len(names), most)]


def settled(names: Iterable[str]) -> Iterator[Summary]:
    """The verdicts that are shown of those that no job judged."""
    yield from (verdict for name in names if (verdict := View().of(name).verdict))


def unjudged(name: str, why: Coded) -> JudgedOptimization:
    """In the place of a verdict that a lost job should have given."""
    about = dict.fromkeys(("engine", "level", "expected", "made"), "")
    return JudgedOptimization(
        optimization=name, status=Status.UNJUDGED, reason=why, code=why.code, protocol=0,
        holds=False, **about,
    )  # fmt: skip
