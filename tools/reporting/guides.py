"""Guides: pages of `docs/` whose examples and figures are those of the evidence on file.

What is written by hand in them is a template in `tools/rendering/pages/guides/`. A guide is written
where the project has a page of its name, so a user's project gets none.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from groundspeed.tools.records.evidence import View
from groundspeed.tools.records.measurement import Timing
from groundspeed.tools.rendering.templates import PAGES, write
from groundspeed.tools.reporting import proposals
from groundspeed.tools.reporting.league import Entry, leagues
from groundspeed.validation.judge.verdicts import Status

GUIDES = "guides"  # folder of their templates


def pages(view: View, root: Path) -> Iterator[Path]:
    """Every guide of the project.

    Raises:
        LookupError: a guide names what is no optimization.
    """
    names = [Path(name).name for name in PAGES.list_templates() if name.startswith(f"{GUIDES}/")]
    present = [path for name in names if (path := root / "docs" / name).exists()]
    if not present:
        return
    entries = {entry.name: entry for league in leagues(view) for entry in league.entries}

    def of(name: str) -> Entry:
        if name not in entries:
            raise LookupError(f"a guide names {name}, which is no optimization; have {[*entries]}")
        return entries[name]

    rows = [row for document in proposals.documents().values() for row in document.row]
    shown = {
        "of": of,
        "found": found,
        "first": Examples(entries.values()),
        "proposals": rows,
        "count": [row.decision for row in rows].count,
    }
    for path in present:
        yield write(path, PAGES.get_template(f"{GUIDES}/{path.name}").render(shown))


def found(entry: Entry) -> str:
    """What became of it, in a cell: its speedup, or why it has none."""
    if entry.timing:
        physics = ", other physics" if entry.other_physics else ""
        return f"{entry.timing.wall} on {entry.case}, {entry.timing.word}{physics}"
    if entry.evidence.status is Status.STALE:
        return f"no current number: {entry.reason.partition(';')[0]}"
    if entry.evidence.status is Status.VERIFIED:
        return "VERIFIED, not timed"
    return f"{entry.evidence.status}: {entry.reason}"


class Examples:
    """The first piece of evidence, in the order of names, that shows something; none where nothing
    on file does. What only repeats its baseline comes last."""

    def __init__(self, entries: Iterable[Entry]):
        self.entries = sorted(entries, key=lambda e: (e.name.endswith("_null"), e.name))

    def verdict(
        self, status: str, level: str = "", saying: str = "", family: str = ""
    ) -> Entry | None:
        """A verdict of that status, and of that level, whose reason has those words."""
        for entry in self.entries:
            found = entry.evidence
            fits = found.status == status and (not level or found.verdict.level == level)
            if fits and saying in found.reason and entry.name.startswith(family):
                return entry
        return None

    def timing(self, word: str, saying: str = "") -> tuple[Entry, str, Timing] | None:
        """Optimization, case and numbers of that outcome, with those words in its note."""
        for entry in self.entries:
            measured = entry.evidence.timing
            for case, timing in measured.cases.items() if measured else ():
                if timing.word == word and saying in timing.note and not entry.other_physics:
                    return entry, case, timing
        return None
