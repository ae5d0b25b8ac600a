"""The judge on trial: does it refuse what is wrong, and accept what is right?"""

from __future__ import annotations

import gc
import json
import os
from collections.abc import Callable, Iterator
from contextlib import closing
from multiprocessing import get_context
from pathlib import Path
from shutil import rmtree

import baselines
from tools import console
from tools.records.evidence import NotMeasured, View, judged
from tools.rendering.templates import PAGES
from tools.selftest import acceptance_table
from validation import discovery, machine
from validation.judge.verdicts import CaseSummary, MutationSummary, Status, Summary
from validation.protocol import JUDGE
from validation.records import results
from validation.records.base import BrokenRecord, Part, today
from validation.tiers import Coverage
from validation.worker.client import scratch_folder

ROUNDS = 20  # blocks of timed calls for an entry that is heard by the clock
BLOCK = 8  # steps of a block, or as many as half the trajectory has
TOYS = "toys"
LEAST = {"must_reject": 40, "must_reject_timed": 0, "must_accept": 20}


class ControlOutcome(Part):
    """One entry of the corpus, and what was said of it."""

    name: str
    engine: str
    expected: str  # pattern of the refusal; empty where it must be accepted
    said: str  # empty where it was accepted
    right: bool


class SelfTest(Part):
    """The judge's own record."""

    made: str
    protocol: int  # of the judge
    modified: str = ""
    heard: dict[str, list[ControlOutcome]]  # by part of the corpus
    mutation: dict[str, MutationSummary]  # of every claim with a current verdict
    unscored: dict[str, str]  # claims without a score, and why
    acceptance: dict[str, str] = {}  # the toys' table, by row: accepted of heard, as it should be
    wrong: list[str]  # what is not as it must be

    @property
    def holds(self) -> bool:
        return not self.wrong


def run(as_json: bool = False, part: str = "") -> int:
    """The verb ``selftest``; exit 1 where anything is not as it must be."""
    with console.progress("trying the judge") as tell:
        record = trial(tell, part)
    if not part:
        results.put(SECTION, shortened(record), NAME, machine.kind())
    if as_json:
        print(record.model_dump_json(indent=1))
    else:
        print("\n".join(summary(record)))
    return int(not record.holds)


SECTION, NAME = "selftest", "tools/selftest"
SHOWN = 160  # characters of what was said of an entry


def shortened(record: SelfTest) -> SelfTest:
    """As it is committed: scores of claims stand in their verdicts."""
    short = {
        part: [h.model_copy(update={"said": h.said[:SHOWN]}) for h in heard]
        for part, heard in record.heard.items()
    }
    return record.model_copy(update={"heard": short, "mutation": {}, "unscored": {}})


def on_file(on: str) -> SelfTest | None:
    try:
        return results.section(SelfTest, SECTION, NAME, on)
    except (FileNotFoundError, BrokenRecord):
        return None


def trial(tell: Callable[[str], None] = lambda line: None, part: str = "") -> SelfTest:
    """Both corpora heard, the scores of every claim collected, the toys judged."""
    from validation import corpus  # late: torch

    parts = [part] if part in corpus.PARTS else [] if part else list(corpus.PARTS)
    if part and part not in (*corpus.PARTS, TOYS):
        raise LookupError(f"no part {part!r} of the test; have {[*corpus.PARTS, TOYS]}")
    heard = {name: [] for name in parts}
    for name in parts:
        for found in hear(name, tell):
            heard[name].append(found)
    mutation, unscored = scores()
    rows, astray = toys(tell, again=part == TOYS) if part in ("", TOYS) else ({}, [])
    return SelfTest(
        made=today(),
        protocol=JUDGE.number,
        modified=JUDGE.modified(),
        heard=heard,
        mutation=mutation,
        unscored=unscored,
        acceptance=rows,
        wrong=[*faults(heard), *survivors(mutation), *astray],
    )


def hear(part: str, tell: Callable[[str], None]) -> Iterator[ControlOutcome]:
    """Every entry of one part, by the judge or, where that is its point, by the clock."""
    from validation import corpus

    listen = timed if part == "must_reject_timed" else corpus.hear
    for name, entry in corpus.entries(part).items():
        tell(f"{part}: {name}")
        said = listen(part, entry)
        yield ControlOutcome(
            name=name,
            engine=entry.engine,
            expected=entry.reason,
            said=said,
            right=entry.as_expected(said),
        )


def timed(part: str, entry) -> str:
    """What the clock says of an entry: its refusal, or nothing."""
    from tools.timing import aggregate, sanity, session

    folder = scratch_folder()
    try:
        whole = in_a_fork(part, entry.name, folder)
        if whole["lost"]:
            raise NotMeasured(f"{entry.name}: {whole['lost'][entry.name]}")
        right = session.right_answers(entry.engine, whole, {entry.level}, {})
        own = aggregate.part(whole, entry.name)
        sanity.refuse_wrong_answers(unsealed(entry), own, right)
        sanity.refuse_work_put_off(entry.name, entry.case, [own])
        if words := sanity.slowing(entry.case, [witnessed(entry, whole)]):
            raise NotMeasured(f"{entry.name}/{words}")
    except NotMeasured as refused:
        return str(refused)
    finally:
        rmtree(folder, ignore_errors=True)
    return ""


def witnessed(entry, whole: dict) -> list[list[float]]:
    """The frozen engine beside the entry over itself alone, block by block."""
    from tools.timing.isolated_baseline import Witness

    words = {"frozen": entry.case, "steps": whole["steps"], "level": entry.level, "device": "cpu"}
    with closing(Witness(entry.engine)) as witness:
        witness.follow(os.getpid())
        witness.begin(words | {"rounds": [ROUNDS, ROUNDS + 1]})
        for _ in whole["rounds"]:
            witness.round_over()
        return witness.end(whole["rounds"])


def in_a_fork(part: str, name: str, folder: Path) -> dict:
    """The row that the timing process would print, from a process of the entry's own."""
    context = get_context("forkserver")
    context.set_forkserver_preload(
        ["validation.worker.server", "validation.corpus.must_reject", __name__]
    )
    process = context.Process(target=time_entry, args=(f"{part}/{name}", folder))
    process.start()
    process.join(60.0)
    process.kill()
    try:
        return json.loads((folder / "row").read_text())
    except (FileNotFoundError, ValueError):
        raise NotMeasured(f"{name}: the timing process ended with {process.exitcode}") from None


def time_entry(key: str, folder: Path) -> None:
    """In the forked process: so many blocks of so many steps, however busy the machine is."""
    import torch

    from tools.timing import worker
    from validation import corpus

    torch.set_num_threads(1)
    entry = corpus.find(key)
    steps = max(1, min(BLOCK, baselines.load(entry.engine).cases[entry.case].steps // 2))
    gc.disable()
    candidates = {entry.name: entry.candidate()}
    words = (
        candidates,
        entry.case,
        1,
        0.0,
        lambda said: None,
        entry.level,
        folder,
        (ROUNDS, steps),
    )
    partial = folder / "row.tmp"
    partial.write_text(json.dumps(worker.measure_case(*words, (ROUNDS, steps))))
    os.replace(partial, folder / "row")


def unsealed(entry) -> Summary:
    """A verdict as the clock wants one, of an entry that has no folder."""
    return Summary(
        optimization=entry.name,
        engine=entry.engine,
        level=entry.level,
        because=entry.name,
        expected="verified",
        status=Status.VERIFIED,
        reason="",
        coverage=Coverage.SMALL,
        protocol=JUDGE.number,
        cases={entry.case: CaseSummary()},
    )


def scores() -> tuple[dict[str, MutationSummary], dict[str, str]]:
    """Mutation scores of the verdicts on file that are current; the rest, and why."""
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


def toys(tell: Callable[[str], None], again: bool) -> tuple[dict[str, str], list[str]]:
    """The toys' acceptance table: what it shows, and what is wrong with it."""
    found = acceptance_table.measure(tell=tell) if again else acceptance_table.on_file()
    if found is None:
        return {"toys": "not tried with this judge; run: groundspeed selftest --part toys"}, []
    return found.lines(), found.wrong


def faults(heard: dict[str, list[ControlOutcome]]) -> list[str]:
    """Entries that were not met as they must be, and corpora that are too small."""
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


def survivors(mutation: dict[str, MutationSummary]) -> list[str]:
    return [f"{n}: {', '.join(m.survived)} survive" for n, m in mutation.items() if m.survived]


def summary(record: SelfTest) -> list[str]:
    """A line for each part, each score and each fault."""
    lines = []
    for part, heard in record.heard.items():
        right = sum(h.right for h in heard)
        refused = sum(bool(h.said) for h in heard)
        engines = len({h.engine for h in heard})
        if part == "must_accept":
            told = f"accepted {len(heard) - refused} of {len(heard)}"
        else:
            told = f"refused {refused} of {len(heard)}, for the right reason {right}"
        lines.append(f"{part.replace('_', ' '):<34}  {told}, over {engines} engines")
    for name, score in record.mutation.items():
        tolerated = f", {len(score.within_budget)} within budget" if score.within_budget else ""
        lines.append(f"{name:<34}  {score}{tolerated}")
    for why in sorted(set(record.unscored.values())):
        names = [name for name, reason in record.unscored.items() if reason == why]
        lines.append(f"{'no score':<34}  {why}: {', '.join(names)}")
    lines += [f"{row:<34}  {told}" for row, told in record.acceptance.items()]
    return lines + [f"WRONG  {line}" for line in record.wrong]


def page(view: View) -> str:
    """The text of reports/selftest.md: the newest record of the first machine that has one, and
    the mutation score of every claim as its verdict has it."""
    record, on = next(((r, m) for m in view.machines if (r := on_file(m))), (None, ""))
    verdicts = {name: view.of(name) for name in discovery.names()}
    scored = {n: e.verdict.mutation for n, e in verdicts.items() if e.verdict and e.current}
    return PAGES.get_template("selftest.md").render(
        record=record,
        machine=on,
        lines=summary(record) if record else [],
        scores={name: score for name, score in scored.items() if score},
    )
