"""Verdicts, bound to what can change the answer.

That is: the baseline's manifest, every file of the project that the candidate ran, its claim, the
release of torch, and the number of the judge's protocol. The judge keeps everything that it found
as samples on this machine; the summary, a line a case, is the evidence that is committed.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from functools import cache
from pathlib import Path

from pydantic import Field

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
from groundspeed.validation.records.codes import Code
from groundspeed.validation.tiers import Coverage


class Status(StrEnum):
    """What is known about an optimization."""

    VERIFIED = "VERIFIED"  # every check of every case that it covers holds
    REJECTED = "REJECTED"  # at least one check fails; the record names it
    INCONCLUSIVE = "INCONCLUSIVE"  # nothing failed, and something could not be judged
    UNAVAILABLE = "UNAVAILABLE"  # this machine lacks what it needs
    STALE = "STALE"  # judged, but something has changed since
    UNJUDGED = "UNJUDGED"


# Made anew for each record, where a plain default would be copied, which takes ten times as long.
EMPTY, EMPTY_LIST = Field(default_factory=dict), Field(default_factory=list)


class Conclusion(Part):
    """A conclusion and its provenance."""

    optimization: str
    engine: str
    level: str
    because: str
    expected: str
    status: Status
    reason: str  # the first thing that failed, or what was checked
    refusal: str = ""  # code of the reason, where it is one; see `refusal_code` for older ones
    coverage: Coverage
    standard: dict = EMPTY  # the closest that it was ever held to without a reason to loosen
    loosened: str = ""  # the reason, where there is one
    needs: list[str] = EMPTY_LIST  # of a machine: see `machine.missing`
    made: str = ""
    protocol: int  # of the judge
    modified: str = ""  # names rules that no protocol number stands for: see `Protocol.modified`
    baseline: str = ""  # seal of its manifest
    inputs: str = ""  # seal of the variants that are frozen with it
    torch: str = ""  # release
    files: dict[str, str] = EMPTY  # with digests: what it ran of the project, and its claim

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
    origins: list[str] = EMPTY_LIST  # where the allowances came from, without bits and budgets
    budget: dict[str, float] = EMPTY  # RMS allowed by field, where a budget was declared
    broken: str = ""
    code: str = ""  # of that
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
            code=case.codes[0] if case.codes else "",
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
    laws: dict[str, tuple[float, float]] = EMPTY  # residual and allowed, at their worst
    mutation: MutationSummary | None = None
    variants: VariantsSummary | None = None


LOOSE = 0.01  # of what is allowed: where no comparison uses more, it is far too much


def too_loose(found: Summary) -> str:
    """That the allowance is a hundred times what any comparison used, and what to do; "" if not."""
    if found.status is not Status.VERIFIED or found.level == "exact" or not found.cases:
        return ""
    used = max(case.closest.share if case.closest else 0.0 for case in found.cases.values())
    if used >= LOOSE:
        return ""
    words = f"tolerance far too loose: no comparison uses more than {used:.2g} of it"
    if not used:
        return f"{words}; every bit is right here: exact could be claimed"
    budgets = any(case.budget for case in found.cases.values())
    return f"{words}; declare a smaller budget" if budgets else words


SECTION = "verdict"
UNDECIDED = {status: Code[status] for status in ("STALE", "UNJUDGED", "UNAVAILABLE")}


def refusal_code(status: str, found: Summary | None) -> str:
    """The code of what keeps an optimization from being VERIFIED; "" where nothing does.

    Of a verdict that was given before reasons had codes it follows from its findings, as far as
    these are kept: the words are never read.
    """
    if status == Status.VERIFIED:
        return ""
    if status in UNDECIDED or found is None:
        return UNDECIDED.get(status, Code.REFUSED)
    return found.refusal or code_of_findings(status, found)


def code_of_findings(status: str, found: Summary) -> str:
    """What the kept findings of a verdict without a code say of its kind."""
    if status == Status.INCONCLUSIVE:
        unfinished = any(case.unfinished for case in found.cases.values())
        return Code.UNFINISHED if unfinished else Code.INCONCLUSIVE
    failed = [case for case in found.cases.values() if case.broken]
    over = [case for case in failed if case.closest and case.closest.share > 1]
    if over:
        return {"exact": Code.BITS, "approximate": Code.BUDGET}.get(found.level, Code.VALUE)
    broken_law = any(residual > allowed for residual, allowed in found.laws.values())
    return Code.LAW if failed and broken_law else Code.REJECTED


class CodeNow:
    """Files of optimizations as they are now; each file and each folder is looked at once."""

    def __init__(self):
        self.digest, self.own = cache(digest_now), cache(self.own)
        self.imported, self.seals = cache(self.imported), cache(seals_of)

    def of(self, name: str, ran: Iterable[str] = ()) -> dict[str, str]:
        """See `code_of`."""
        own = self.own(name)
        return own | {path: self.digest(path) for path in ran if path not in own}

    def own(self, name: str) -> dict[str, str]:
        """Its own files, and those that their text imports."""
        discovery.refuse_absent(name)
        own = discovery.own_files(discovery.folder(name))
        texts = [path for path in own if path.suffix == ".py"]
        leaves = {leaf for path in texts for leaf in digests.imported_leaves(path, digests.ROOT)}
        found = self.digests(own)
        for leaf in leaves:
            found |= self.imported(leaf)
        return dict(sorted(found.items()))

    def imported(self, leaf: Path) -> dict[str, str]:
        """Files of a folder that is imported, and those that they import in turn."""
        return self.digests(digests.sources(leaf, skip=discovery.NOT_RUN))

    def digests(self, files: Iterable[Path]) -> dict[str, str]:
        places = map(project.place_of, files)
        return {place: self.digest(place) for place in places}


def code_of(name: str, ran: Iterable[str] = ()) -> dict[str, str]:
    """Digests of every file of an optimization: its own, whatever their kind, the text of those
    that it imports, and those that its process loaded.

    Raises:
        BrokenLeaf: a file is missing, or a link leads out of the folder.
    """
    return dict(sorted(CodeNow().of(name, ran).items()))


def seals_of(engine: str) -> tuple[str, str]:
    """Seals of a baseline and of its variants.

    Raises:
        Sealed: it is not frozen.
    """
    return manifest.manifest(engine).seal, manifest.variants_seal(engine)


def digest_now(path: str, root: Path = digests.ROOT) -> str:
    """Digest of a file as it is now, 16 digits; "" if there is none."""
    try:
        return of_version(root / path)[:16]
    except OSError:
        return ""


of_version = digests.per_version(digests.of_file)


def provenance(
    name: str, engine: str, ran: Iterable[str] = (), code: CodeNow | None = None
) -> dict[str, object]:
    """The provenance of a verdict given now, by the fields of a conclusion."""
    baseline, inputs = code.seals(engine) if code else seals_of(engine)
    return {
        "protocol": JUDGE.number,
        "modified": JUDGE.modified(),
        "baseline": baseline,
        "inputs": inputs,
        "torch": machine.torch_version(),
        "files": code.of(name, ran) if code else code_of(name, ran),
    }


def stale(found: Conclusion, here: bool = True, code: CodeNow | None = None) -> list[str]:
    """What has changed since the verdict was given, in words.

    The release of torch is compared with the one installed ``here``; evidence of another machine
    keeps the release that it names.
    """
    try:
        now = provenance(found.optimization, found.engine, found.files, code)
    except (manifest.Sealed, discovery.BrokenLeaf) as broken:
        return [str(broken)]
    changes = []
    if now["baseline"] != found.baseline:
        changes.append(f"baseline {found.engine} changed")
    if now["inputs"] != found.inputs:
        changes.append(f"variants of {found.engine} changed")
    if now["files"] != found.files:
        files = sorted({*now["files"], *found.files})
        changes += [f"{p} changed" for p in files if now["files"].get(p) != found.files.get(p)]
    if here and now["torch"] != found.torch:
        changes.append(f"torch {found.torch} → {now['torch']}")
    if not JUDGE.stands(found.modified):
        changes.append("made while the judge's rules were being changed")
    overturned = JUDGE.overturned(found.protocol, found.tags)
    return changes + ([overturned] if overturned else [])


def current_status(
    name: str,
    coverage: Coverage = Coverage.EVERYDAY,
    on: str = "",
    code: CodeNow | None = None,
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
    changed = stale(verdict, not on, code)
    if changed:
        was = f"was {verdict.status} on {verdict.made[:10]}"
        return Status.STALE, verdict, f"{was}; {'; '.join(changed)}; {again}"
    if not verdict.coverage.includes(coverage):
        more = " --full" if coverage is Coverage.FULL else ""
        reason = f"judged on its {verdict.coverage} cases only; {again}"
        return Status.STALE, verdict, reason + more
    return verdict.status, verdict, verdict.reason
