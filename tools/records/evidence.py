"""Evidence on file for today's code, by kind of machine.

A verdict or a number of another kind of machine is evidence like that of this one; it is shown
with its machine and date and never mixed with it. Imports no torch, but where only a build of it
for CUDA can tell whether there is a device.
"""

from dataclasses import dataclass
from functools import cache, cached_property

from groundspeed.tools.records.measurement import SECTION, Measurement, Timing
from groundspeed.tools.records.protocols import CLOCK
from groundspeed.validation import discovery, machine
from groundspeed.validation.golden import manifest
from groundspeed.validation.judge import verdicts
from groundspeed.validation.judge.verdicts import Closest, Conclusion, Status, Summary
from groundspeed.validation.protocol import JUDGE
from groundspeed.validation.records import digests, results
from groundspeed.validation.records.base import Part
from groundspeed.validation.records.errors import BrokenRecord, Sealed
from groundspeed.validation.tiers import Coverage

UNSETTLED = (Status.STALE, Status.UNJUDGED)  # no verdict of today's code


def forget() -> None:
    """Ask the files again: evidence was written since."""
    for asked in (code_now, judged, measured, of, filed):
        asked.cache_clear()


def here(name: str) -> str:
    """Kind of this machine, for what that optimization works on."""
    return machine.kind(discovery.device(name))


@cache
def code_now() -> verdicts.CodeNow:
    """What evidence is held to until `forget`."""
    return verdicts.CodeNow()


@cache
def judged(
    name: str, coverage: Coverage = Coverage.EVERYDAY, on: str = ""
) -> tuple[Status, Summary | None, str]:
    """Where an optimization stands: `validation.judge.verdicts.current_status`, asked once.

    Of a machine that is named, the files alone decide. Here and now (none is named), one that
    could not run goes stale when it can.
    """
    status, verdict, reason = verdicts.current_status(name, coverage, on, code_now())
    if not on and status is Status.UNAVAILABLE and not machine.missing(tuple(verdict.needs)):
        reason_now = f"{', '.join(verdict.needs)}: here now; run: groundspeed validate {name}"
        return Status.STALE, verdict, reason_now
    return status, verdict, reason


def timed_cases(verdict: Conclusion, full: bool) -> list[str]:
    """Cases that the clock measures: those that were judged and are meant for it."""
    cases = manifest.manifest(verdict.engine).answers
    return [n for n in verdict.cases if cases[n].case["timed"] and (cases[n].case["quick"] or full)]


@cache
def measured(name: str, full: bool = False, on: str = "") -> Measurement | None:
    """The measurement of a kind of machine, this one by default, if it is still about this code."""
    status, verdict, _ = judged(name, on=on)
    if status is not Status.VERIFIED or verdict is None:
        return None
    found = results.section_or_none(Measurement, SECTION, name, on or here(name))
    if found is None or outdated(found, verdict):
        return None
    return found if set(timed_cases(verdict, full)) <= set(found.cases) else None


def kinds() -> tuple[str, ...]:
    """This machine, here and now, and every kind that has evidence."""
    return "", *results.machines()


def judged_anywhere(name: str, coverage: Coverage) -> bool:
    """Whether some kind of machine has a current verdict, or this one cannot run it."""
    return any(judged(name, coverage, on)[0] not in UNSETTLED for on in kinds())


def timed_anywhere(name: str, full: bool) -> bool:
    """Whether some kind of machine has a current measurement."""
    return any(measured(name, full, on) for on in kinds())


def outdated(found: Measurement, verdict: Conclusion) -> str:
    """Why a measurement says nothing of the code that the verdict is on; "" where it does."""
    if found.code != verdict.code:
        return "measured of other code"
    if not CLOCK.stands(found.modified):
        return "measured while the clock's rules were being changed"
    return CLOCK.overturned(found.protocol, found.tags)


@dataclass(frozen=True)
class Evidence:
    """What one kind of machine found of an optimization, and what it is worth today."""

    optimization: str
    machine: str
    status: Status
    verdict: Summary | None
    reason: str
    timing: Measurement | None  # current, or none

    @property
    def current(self) -> bool:
        return self.status not in UNSETTLED

    @property
    def decided(self) -> bool:
        """Whether this kind of machine could judge it, and nothing has changed since."""
        return self.current and self.status is not Status.UNAVAILABLE

    @property
    def could_run(self) -> bool:
        """Whether this kind of machine has what it needs, whatever its verdict is still worth."""
        return self.verdict is not None and self.verdict.status is not Status.UNAVAILABLE

    @property
    def too_loose(self) -> str:
        """That its tolerance is far larger than it needs, in words; "" if it is not."""
        return verdicts.too_loose(self.verdict) if self.verdict else ""

    @property
    def tightest(self) -> tuple[str, Closest] | None:
        """The case whose check used most of its tolerance, and that check."""
        cases = self.verdict.cases if self.verdict else {}
        found = [(name, case.closest) for name, case in cases.items() if case.closest]
        return max(found, key=lambda one: one[1].share, default=None)

    @property
    def marks(self) -> list[str]:
        """Older protocols under which it was made."""
        found = [JUDGE.mark(self.verdict.protocol)] if self.verdict else []
        found += [CLOCK.mark(self.timing.protocol)] if self.timing else []
        return [mark for mark in found if mark]

    @property
    def word(self) -> str:
        """Status, with the protocol where that is an older one."""
        mark = JUDGE.mark(self.verdict.protocol) if self.verdict and self.current else ""
        return f"{self.status} ({mark.removeprefix('judge ')})" if mark else self.status.value


@cache
def of(name: str, on: str) -> Evidence:
    """What is on file from that kind of machine."""
    return Evidence(name, on, *judged(name, on=on), measured(name, on=on))


class View:
    """All evidence, as seen from one kind of machine: its own comes first."""

    def __init__(self, first: str = ""):
        self.asked = first

    def first(self, name: str) -> str:
        return self.asked or here(name)

    @cached_property
    def machines(self) -> list[str]:
        """Kinds that have evidence: the first, then by how much they have."""
        found = results.machines()
        return sorted(found, key=lambda m: (m != (self.asked or machine.kind()), -len(filed(m)), m))

    def every(self, name: str) -> list[Evidence]:
        """Of each kind of machine that has a file on it."""
        return [of(name, on) for on in self.having(name)]

    def having(self, name: str) -> list[str]:
        """Those kinds, the first of all before the others."""
        own = self.first(name)
        found = [on for on in self.machines if name in filed(on)]
        return sorted(found, key=lambda on: on != own)

    def of(self, name: str) -> Evidence:
        """The evidence to show where there is room for one: the first that has a number, else the
        first that is decided, else whatever there is."""
        every = []
        for on in self.having(name) or [self.first(name)]:
            every.append(of(name, on))
            if every[-1].timing:
                break  # none can be better, and others need not be looked at
        return max(every, key=lambda e: (bool(e.timing), e.decided, e.could_run))

    def timing(self, name: str, case: str) -> Timing | None:
        found = self.of(name).timing
        return found.cases.get(case) if found else None

    def kinds(self, name: str) -> str:
        """ "VERIFIED on 3 of 4 machine kinds"; "" where one kind alone has judged it."""
        judged = [e for e in self.every(name) if e.could_run]
        decided = [e for e in judged if e.decided]
        if len(judged) < 2 or not decided:
            return ""
        status = self.of(name).status
        agreeing = [e for e in decided if e.status is status]
        stale = len(judged) - len(decided)
        words = f"{status} on {len(agreeing)} of {len(decided)} machine kinds"
        return words + (f", stale on {stale} more" if stale else "")


def say_what_is_broken() -> None:
    """A line for each file that is no evidence; the others stand."""
    for on, name in results.files():
        try:
            results.read(name, on)
        except BrokenRecord as error:
            print(f"no evidence: {error}", flush=True)


@cache
def filed(on: str) -> frozenset[str]:
    """Optimizations on which that kind of machine has a file."""
    return frozenset(results.names(on))


def home() -> str:
    """The kind of machine from which committed pages are seen: that with the most evidence."""
    found = results.machines()
    return min(found, key=lambda m: (-len(filed(m)), m), default=machine.kind())


class Checked(Part):
    """That a baseline was found to be what was sealed, and by what."""

    engine: str
    full: bool
    words: str
    made: str
    protocol: int  # of the judge
    modified: str = ""  # see `Protocol.modified`
    torch: str  # release
    rests_on: str


CHECK = "check"


def check_name(engine: str) -> str:
    return f"checks/{engine}"


def provenance(engine: str, torch: str = "") -> str:
    """Names what a check of a baseline rests on, under the installed torch or another release.

    Raises:
        Sealed: it is not frozen.
    """
    golden = manifest.place(engine) / "golden.safetensors"
    return digests.of_plain(
        {
            "seal": manifest.manifest(engine).seal,
            "sources": manifest.source_digests(engine),
            "golden": digests.of_file(golden) if golden.exists() else "missing",
            "torch": torch or machine.torch_version(),
        }
    )[:32]


def checked(engine: str, full: bool = False, on: str = "") -> Checked | None:
    """The last check of a baseline, here and now or by a machine of that kind, if nothing has
    changed since."""
    found = results.section_or_none(Checked, CHECK, check_name(engine), on or machine.kind())
    if found is None or (full and not found.full):
        return None
    try:
        right = found.rests_on == provenance(engine, found.torch if on else "")
    except Sealed:
        return None
    overturned = JUDGE.overturned(found.protocol, {"check"})
    return found if right and JUDGE.stands(found.modified) and not overturned else None
