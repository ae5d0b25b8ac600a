"""Verdicts, bound to what can change the answer.

That is: the baseline's manifest, every file of the project that the candidate ran, its claim, the
release of torch, and the number of the judge's protocol. The judge keeps everything that it found
as samples on this machine; the summary, a line a case, is the evidence that is committed.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path

from groundspeed import project
from groundspeed.validation import discovery, machine
from groundspeed.validation.golden import manifest
from groundspeed.validation.judge.findings import (
    BITS,
    BUDGET,
    CaseResult,
    LawFinding,
    Mutation,
    MutationSummary,
    VariantsResult,
    VariantsSummary,
)
from groundspeed.validation.protocol import JUDGE
from groundspeed.validation.records import digests, results, samples
from groundspeed.validation.records.base import BrokenRecord, Part, today
from groundspeed.validation.tiers import Coverage


class Status(StrEnum):
    """What is known about an optimization."""

    VERIFIED = "VERIFIED"  # every check of every case that it covers holds
    REJECTED = "REJECTED"  # at least one check fails; the record names it
    INCONCLUSIVE = "INCONCLUSIVE"  # nothing failed, and something could not be judged
    UNAVAILABLE = "UNAVAILABLE"  # this machine lacks what it needs
    STALE = "STALE"  # judged, but something has changed since
    UNJUDGED = "UNJUDGED"


class Conclusion(Part):
    """A conclusion and its provenance."""

    optimization: str
    engine: str
    level: str
    because: str
    expected: str
    status: Status
    reason: str  # the first thing that failed, or what was checked
    coverage: Coverage
    standard: dict = {}  # the closest that it was ever held to without a reason to loosen
    loosened: str = ""  # the reason, where there is one
    needs: list[str] = []  # of a machine: see `machine.missing`
    made: str = ""
    protocol: int  # of the judge
    modified: str = ""  # names rules that no protocol number stands for: see `Protocol.modified`
    baseline: str = ""  # seal of its manifest
    inputs: str = ""  # seal of the variants that are frozen with it
    torch: str = ""  # release
    files: dict[str, str] = {}  # every file of the project that it ran, and its claim, with digests

    @property
    def holds(self) -> bool:
        """Whether the status is the one that the claim expects."""
        if self.status is Status.UNAVAILABLE:
            return True
        return self.status.lower() == self.expected

    @property
    def tags(self) -> set[str]:
        """Tags by which a protocol change makes this stale."""
        return {f"{self.level} {self.status.lower()}"}

    @property
    def code(self) -> str:
        """Digest of the code, its baseline and torch, without the rules."""
        return digests.of_plain([self.baseline, self.torch, self.files])[:32]


class Verdict(Conclusion):
    """All findings of the judge on one optimization."""

    cases: dict[str, CaseResult]
    mutation: Mutation | None = None  # none where a refusal is expected, or was found
    variants: VariantsResult | None = None  # none where a case was refused before

    def file(self) -> Verdict:
        """Keeps everything as samples, and files the summary for this kind of machine."""
        self.made = self.made or today()
        whole = samples.keep(self.model_dump(mode="json"))
        here = machine.kind(discovery.device(self.optimization))
        results.put(SECTION, self.summary(whole), self.optimization, here)
        return self

    def summary(self, whole: str = "") -> Summary:
        """The committed form: one line a case."""
        shared = {name: getattr(self, name) for name in Conclusion.model_fields}
        return Summary(
            **shared,
            samples=whole,
            cases={name: CaseSummary.of(case) for name, case in self.cases.items()},
            laws=worst_laws(self.cases.values()),
            mutation=self.mutation
            and MutationSummary(**{key: sorted(names) for key, names in self.mutation}),
            variants=self.variants
            and VariantsSummary(
                **{key: getattr(self.variants, key) for key in VariantsSummary.model_fields}
            ),
        )


class Closest(Part):
    """The check of a case that used most of its tolerance."""

    field: str
    check: str
    share: float  # of what is allowed; above 1 is rejected
    largest: float  # error of a cell
    allowed: float
    relative_rms: float = 0.0  # of the field, at the end


class CaseSummary(Part):
    """The closest call of one case, and what failed."""

    checks: int = 0
    closest: Closest | None = None  # of all fields and checks; none where all were bit for bit
    origins: list[str] = []  # where the allowances came from, without bits and budgets
    budget: dict[str, float] = {}  # RMS allowed by field, where a budget was declared
    broken: str = ""
    unfinished: str = ""
    otherwise: int = 0  # cells held to another right branch
    declined: int = 0  # inputs that the candidate refuses
    horizon: int | None = None  # steps after which values tell nothing, where there is such

    @classmethod
    def of(cls, case: CaseResult) -> CaseSummary:
        found = case.closest.values()
        reached = [n for n in case.power.horizon.values() if n is not None]
        return cls(
            checks=case.checks,
            closest=closest_call(case),
            origins=sorted({f.origin for f in found} - {"", BITS, BUDGET}),
            budget={f.field: f.allowed_rms for f in found if f.origin == BUDGET},
            broken=case.broken[0] if case.broken else "",
            unfinished=case.unfinished,
            otherwise=sum(case.otherwise.values()),
            declined=len(case.declined),
            horizon=min(reached, default=None),
        )


def closest_call(case: CaseResult) -> Closest | None:
    off = [f for f in case.closest.values() if f.share]
    if not off:
        return None
    worst = max(off, key=lambda f: (f.share, f.field))
    return Closest(
        field=worst.field,
        check=worst.check,
        share=worst.share,
        largest=worst.largest,
        allowed=worst.allowed_largest,
        relative_rms=case.relative_rms.get(worst.field, 0.0),
    )


def worst_laws(cases: Iterable[CaseResult]) -> dict[str, tuple[float, float]]:
    """Residual and tolerance of each law, in the case where it used most of it."""
    found: dict[str, LawFinding] = {}
    for law in (law for case in cases for law in case.laws):
        known = found.get(law.law)
        if known is None or law.share > known.share:
            found[law.law] = law
    return {name: (law.residual, law.allowed) for name, law in found.items()}


class Summary(Conclusion):
    """The committed form of a verdict."""

    samples: str = ""  # digest of the whole
    cases: dict[str, CaseSummary]
    laws: dict[str, tuple[float, float]] = {}  # residual and allowed, at their worst
    mutation: MutationSummary | None = None
    variants: VariantsSummary | None = None


SECTION = "verdict"


def code_of(name: str, ran: Iterable[str] = ()) -> dict[str, str]:
    """Digests of every file of an optimization: its own, whatever their kind, the text of those
    that it imports, and those that its process loaded.

    Raises:
        BrokenLeaf: a file is missing, or a link leads out of the folder.
    """
    discovery.refuse_absent(name)
    folder = discovery.folder(name)
    own = {*discovery.own_files(folder), *digests.sources(folder, skip=discovery.NOT_RUN)}
    paths = {project.place_of(p) for p in own} | set(ran)
    return {path: digest_now(path) for path in sorted(paths)}


def digest_now(path: str, root: Path = digests.ROOT) -> str:
    """Digest of a file as it is now, 16 digits; "" if there is none."""
    try:
        return of_version(root / path)[:16]
    except OSError:
        return ""


of_version = digests.per_version(digests.of_file)


def provenance(name: str, engine: str, ran: Iterable[str] = ()) -> dict[str, object]:
    """The provenance of a verdict given now, by the fields of a conclusion."""
    return {
        "protocol": JUDGE.number,
        "modified": JUDGE.modified(),
        "baseline": manifest.manifest(engine).seal,
        "inputs": manifest.variants_seal(engine),
        "torch": machine.torch_version(),
        "files": code_of(name, ran),
    }


def stale(found: Conclusion, here: bool = True) -> list[str]:
    """What has changed since the verdict was given, in words.

    The release of torch is compared with the one installed ``here``; evidence of another machine
    keeps the release that it names.
    """
    try:
        now = provenance(found.optimization, found.engine, found.files)
    except (manifest.Sealed, discovery.BrokenLeaf) as broken:
        return [str(broken)]
    changes = []
    if now["baseline"] != found.baseline:
        changes.append(f"baseline {found.engine} changed")
    if now["inputs"] != found.inputs:
        changes.append(f"variants of {found.engine} changed")
    files = {*now["files"], *found.files}
    changes += [f"{p} changed" for p in sorted(files) if now["files"].get(p) != found.files.get(p)]
    if here and now["torch"] != found.torch:
        changes.append(f"torch {found.torch} → {now['torch']}")
    if not JUDGE.stands(found.modified):
        changes.append("made while the judge's rules were being changed")
    overturned = JUDGE.overturned(found.protocol, found.tags)
    return changes + ([overturned] if overturned else [])


def current_status(
    name: str, coverage: Coverage = Coverage.EVERYDAY, on: str = ""
) -> tuple[Status, Summary | None, str]:
    """The current status of an optimization: status, the verdict if there is one, and a reason.

    On this machine, or on the named kind of machine. A verdict on few cases does not count as one
    on many.
    """
    kind = on or machine.kind(discovery.device(name))
    again = f"run: groundspeed validate {name}"
    try:
        verdict = results.section(Summary, SECTION, name, kind)
    except FileNotFoundError:
        return Status.UNJUDGED, None, f"not judged on {kind} yet; {again}"
    except BrokenRecord as error:
        return Status.UNJUDGED, None, str(error)
    changed = stale(verdict, here=not on)
    if changed:
        was = f"was {verdict.status} on {verdict.made[:10]}"
        return Status.STALE, verdict, f"{was}; {'; '.join(changed)}; {again}"
    if not verdict.coverage.includes(coverage):
        more = " --full" if coverage is Coverage.FULL else ""
        reason = f"judged on its {verdict.coverage} cases only; {again}"
        return Status.STALE, verdict, reason + more
    return verdict.status, verdict, verdict.reason
