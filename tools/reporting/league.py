"""League: the optimizations of a baseline, best first, by their speedup on one headline case.

`optimizations/targets.toml` names the headline case of a baseline. Where it names none, that is the
case on which most optimizations are timed, and of several the one whose step takes longest. An
optimization that was not timed on it shows its own slowest case, by name.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import date

from groundspeed import baselines
from groundspeed.tools.records.evidence import Evidence, View
from groundspeed.tools.records.measurement import Timing
from groundspeed.tools.reporting import targets
from groundspeed.validation import discovery
from groundspeed.validation.judge.verdicts import Status

AGREEMENT = {  # levels of claims, as a reader of pages needs them
    "exact": "the same bits, on one device and thread count",
    "rounding": "differences no larger than those that rounding makes in the baseline itself",
    "approximate": "other physics within a declared error, which is no speedup of the baseline",
}


@dataclass(frozen=True)
class Entry:
    """An optimization, the evidence that is shown of it, and its number."""

    evidence: Evidence
    case: str  # of its number
    headline: str  # case of its baseline
    view: View

    @property
    def kinds(self) -> str:
        """On how many kinds of machine it has that verdict, where there are several."""
        return self.view.kinds(self.name)

    @property
    def name(self) -> str:
        return self.evidence.optimization

    @property
    def timing(self) -> Timing | None:
        return self.evidence.timing.cases[self.case] if self.case else None

    @property
    def elsewhere(self) -> str:
        """Its case, where that is not the headline case."""
        return self.case if self.case != self.headline else ""

    @property
    def other_physics(self) -> bool:
        """Whether a declared error makes its ratio no speedup of the baseline."""
        return bool(self.evidence.verdict) and self.evidence.verdict.level == "approximate"

    @property
    def rank(self) -> tuple:
        """Numbers first, those on the headline case before others, by what can be believed; then
        verified ones without a number, then the rest."""
        timing = self.timing
        order = [Status.VERIFIED, Status.REJECTED]
        status = self.evidence.status
        place = order.index(status) if status in order else len(order)
        sure = timing.headline if timing else 0.0
        return (timing is None, place, self.other_physics, bool(self.elsewhere), -sure, self.name)

    @property
    def made(self) -> str:
        """Day of the number, or of the verdict."""
        found = self.evidence.timing or self.evidence.verdict
        return found.made[:10] if found else ""

    @property
    def age(self) -> str:
        """Days since then."""
        if not self.made:
            return ""
        days = (date.today() - date.fromisoformat(self.made)).days
        return f"{days} d" if days > 0 else "today"

    @property
    def reason(self) -> str:
        """Why it has no number."""
        return f"{self.wrong[0]}: {self.wrong[1]}" if self.wrong else self.evidence.reason

    @property
    def short(self) -> str:
        """Why it has no number, in a few words."""
        if self.wrong:
            return self.wrong[1]
        if self.evidence.status is Status.VERIFIED:
            return "not timed"
        return self.evidence.reason.partition(";")[0]

    @property
    def wrong(self) -> tuple[str, str] | None:
        """Of a rejected one the case that is furthest off, and by how much."""
        tightest = self.evidence.tightest
        if self.evidence.status is not Status.REJECTED or not tightest or tightest[1].share <= 1:
            return None
        case, check = tightest
        return case, f"{check.field} off by {rough(check.largest)}, allowed {rough(check.allowed)}"


def rough(value: float) -> str:
    """Two digits; of large values all before the point."""
    return f"{value:.0f}" if 100 <= value < 1e6 else f"{value:.2g}"


@dataclass(frozen=True)
class League:
    """One baseline."""

    engine: str
    headline: str
    entries: list[Entry]

    @property
    def timed(self) -> list[Entry]:
        return [entry for entry in self.entries if entry.timing]

    @property
    def compared(self) -> dict[str, Timing]:
        """Numbers on the headline case, by name, which says where one is of other physics."""
        rows = [entry for entry in self.timed if not entry.elsewhere]
        return {e.name + (", other physics" if e.other_physics else ""): e.timing for e in rows}

    @property
    def untimed(self) -> list[Entry]:
        return [entry for entry in self.entries if not entry.timing]


def leagues(view: View) -> list[League]:
    """Every baseline that has optimizations, by name."""
    by_engine: dict[str, list[Evidence]] = {}
    for name in discovery.names():
        found = view.of(name)
        by_engine.setdefault(engine_of(found), []).append(found)
    return [one(engine, found, view) for engine, found in sorted(by_engine.items())]


def engine_of(found: Evidence) -> str:
    """The baseline that it was judged against, else the newest that its name begins with."""
    if found.verdict:
        return found.verdict.engine
    family = discovery.engine_family(found.optimization)
    return max((b for b in baselines.names() if b.startswith(family)), default="")


def one(engine: str, found: list[Evidence], view: View) -> League:
    """The league of one baseline."""
    case = headline_case(engine, found)
    entries = [Entry(e, shown_case(e, case), case, view) for e in found]
    return League(engine, case, sorted(entries, key=lambda entry: entry.rank))


def headline_case(engine: str, found: list[Evidence]) -> str:
    """The declared case, else the one that compares most of them; "" where nothing is timed."""
    declared = targets.targets().headline.get(engine, "")
    timed = [case for e in found if e.timing for case in e.timing.cases.items()]
    if declared in {name for name, _ in timed}:
        return declared
    often = Counter(name for name, _ in timed)
    longest = {name: timing.baseline_s for name, timing in timed}
    return max(often, key=lambda name: (often[name], longest[name], name), default="")


def shown_case(evidence: Evidence, headline: str) -> str:
    """The case whose number is shown of an optimization."""
    cases = evidence.timing.cases if evidence.timing else {}
    if headline in cases:
        return headline
    return max(cases, key=lambda name: cases[name].baseline_s, default="")
