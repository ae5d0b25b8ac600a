"""Tests the judge: does it reject what is wrong, and accept what is right?"""

from collections.abc import Callable, Iterator

from groundspeed import project
from groundspeed.tools import console
from groundspeed.tools.records.evidence import judged
from groundspeed.tools.selftest import (
    acceptance_table,
    judged_controls,
    selftest_record,
    timed_controls,
)
from groundspeed.tools.selftest.selftest_record import ControlOutcome, SelfTest, summary
from groundspeed.validation import corpus, discovery
from groundspeed.validation.judge.findings import MutationSummary
from groundspeed.validation.judge.verdicts import Status
from groundspeed.validation.protocol import JUDGE
from groundspeed.validation.records.base import today
from groundspeed.validation.records.errors import Refused, UnknownName

CALIBRATION = "calibration"
LEAST = {
    "must_reject": 40,
    "must_reject_variants": 30,
    "must_reject_timed": 0,
    "must_accept": 20,
    "must_accept_variants": 10,
}


def run(as_json: bool = False, part: str = "") -> int:
    """The verb ``selftest``; exit 1 if any answer is wrong."""
    with console.progress("testing the judge") as tell:
        record = outcome(tell, part)
    if not part:
        selftest_record.file(record)
    console.answer(as_json, record, ((line,) for line in summary(record)))
    return int(not record.holds)


def outcome(tell: Callable[[str], None] = lambda line: None, part: str = "") -> SelfTest:
    """Run the controls and the calibration systems, and collect all mutation scores."""
    known = (*corpus.PARTS, CALIBRATION)
    if part and part not in known:
        raise UnknownName.of("part of the test", part, known)
    refuse_elsewhere()
    parts = [name for name in corpus.PARTS if part in ("", name)]
    heard = {name: list(control_outcomes(name, tell)) for name in parts}
    mutation, unscored = scores()
    survive = [f"{n}: {', '.join(m.survived)} survive" for n, m in mutation.items() if m.survived]
    rows, faulty = acceptance(tell, part)
    return SelfTest(
        made=today(),
        protocol=JUDGE.number,
        modified=JUDGE.modified(),
        heard=heard,
        mutation=mutation,
        unscored=unscored,
        acceptance=rows,
        wrong=[*faults(heard), *survive, *faulty],
    )


def refuse_elsewhere() -> None:
    """Raise where the controls' engines are not: they come with groundspeed's repository only."""
    if project.ROOT != project.HARNESS:
        raise Refused(
            "the self-test's controls are errors planted in groundspeed's own engines, and this "
            "project has others; run it in a checkout of groundspeed"
        )


def control_outcomes(part: str, tell: Callable[[str], None]) -> Iterator[ControlOutcome]:
    """Run the controls of one part, by the judge or by the clock."""
    run = timed_controls.timed if part == "must_reject_timed" else judged_controls.judged
    for name, entry in corpus.entries(part).items():
        tell(f"{part}: {name}")
        said = run(part, entry)
        yield ControlOutcome(
            name=name,
            engine=entry.engine,
            expected=entry.reason,
            said=said,
            right=entry.as_expected(said),
        )


def scores() -> tuple[dict[str, MutationSummary], dict[str, str]]:
    """Mutation scores of current verdicts, and why the others have none."""
    found, missing = {}, {}
    for name in discovery.names():
        status, verdict, _ = judged(name)
        if status in (Status.STALE, Status.UNJUDGED) or verdict is None:
            missing[name] = "not judged as things are now; run: groundspeed validate"
        elif status is Status.UNAVAILABLE:
            missing[name] = "not judged on this machine, which lacks what they need"
        elif verdict.mutation is None:
            missing[name] = "refused, as claimed or not: a refusal needs none"
        else:
            found[name] = verdict.mutation
    return found, missing


def acceptance(tell: Callable[[str], None], part: str) -> tuple[dict[str, str], list[str]]:
    """The acceptance table of the calibration systems, measured if asked for, and its faults."""
    if part not in ("", CALIBRATION):
        return {}, []
    found = acceptance_table.measure(tell) if part else acceptance_table.on_file()
    if found is None:
        again = f"groundspeed selftest --part {CALIBRATION}"
        return {CALIBRATION: f"not tried with this judge; run: {again}"}, []
    return found.lines(), found.wrong


def faults(heard: dict[str, list[ControlOutcome]]) -> list[str]:
    """Controls with a wrong answer, and parts with too few controls."""
    found = [
        f"{part}: {h.name}: said {h.said or 'nothing'!r}, expected {h.expected or 'nothing'!r}"
        for part, entries in heard.items()
        for h in entries
        if not h.right
    ]
    small = [
        f"{part}: {len(entries)} entries, at least {LEAST[part]} are needed"
        for part, entries in heard.items()
        if len(entries) < LEAST[part]
    ]
    return found + small
