"""Record and page of a self-test."""

from groundspeed.tools.records.evidence import View
from groundspeed.tools.rendering.templates import PAGES
from groundspeed.validation import discovery, machine
from groundspeed.validation.judge.findings import MutationSummary
from groundspeed.validation.records import results
from groundspeed.validation.records.base import Part

SECTION, NAME = "selftest", "tools/selftest"
NAMES = 47  # columns that the longest name takes
SHOWN = 160  # characters of what was said of an entry


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
    acceptance: dict[str, str] = {}  # the calibration systems' table, by row
    wrong: list[str]  # what is not as it must be

    @property
    def holds(self) -> bool:
        return not self.wrong


def file(record: SelfTest) -> None:
    """Write it down, shortened: scores of claims stand in their verdicts."""
    short = {
        part: [h.model_copy(update={"said": h.said[:SHOWN]}) for h in heard]
        for part, heard in record.heard.items()
    }
    kept = record.model_copy(update={"heard": short, "mutation": {}, "unscored": {}})
    results.put(SECTION, kept, NAME, machine.kind())


def summary(record: SelfTest) -> list[str]:
    """A line for each part, each score and each fault."""
    lines = []
    for part, heard in record.heard.items():
        right = sum(h.right for h in heard)
        refused = sum(bool(h.said) for h in heard)
        engines = len({h.engine for h in heard})
        if part == "must_accept":
            text = f"accepted {len(heard) - refused} of {len(heard)}"
        else:
            text = f"refused {refused} of {len(heard)}, for the right reason {right}"
        lines.append(f"{part.replace('_', ' '):<{NAMES}}  {text}, over {engines} engines")
    for name, score in record.mutation.items():
        tolerated = f", {len(score.within_budget)} within budget" if score.within_budget else ""
        lines.append(f"{name:<{NAMES}}  {score}{tolerated}")
    for why in sorted(set(record.unscored.values())):
        names = [name for name, reason in record.unscored.items() if reason == why]
        lines.append(f"{'no score':<{NAMES}}  {why}: {', '.join(names)}")
    lines += [f"{row:<{NAMES}}  {text}" for row, text in record.acceptance.items()]
    return lines + [f"WRONG  {line}" for line in record.wrong]


def page(view: View) -> str:
    """The text of reports/selftest.md: the newest record of the first machine that has one, and
    the mutation score of every claim as its verdict has it."""
    kept = ((results.section_or_none(SelfTest, SECTION, NAME, m), m) for m in view.machines)
    record, on = next(((r, m) for r, m in kept if r), (None, ""))
    verdicts = {name: view.of(name) for name in discovery.names()}
    scored = {n: e.verdict.mutation for n, e in verdicts.items() if e.verdict and e.current}
    scores = {name: score for name, score in scored.items() if score}
    if not record and not scores:
        return ""
    return PAGES.get_template("selftest.md").render(
        record=record,
        machine=on,
        lines=summary(record) if record else [],
        scores=scores,
    )
