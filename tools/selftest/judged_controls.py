"""Controls of the judge: the checks of one entry of the corpus, in a process of its own."""

from functools import cache

import torch

from groundspeed import baselines
from groundspeed.validation.claims import Agreement
from groundspeed.validation.corpus import Entry
from groundspeed.validation.golden.manifest import manifest
from groundspeed.validation.inputs.frozen_variants import frozen_variants
from groundspeed.validation.judge import checks
from groundspeed.validation.judge.case_checks import CaseChecks
from groundspeed.validation.judge.case_reference import CaseReference
from groundspeed.validation.judge.variant_checks import VariantChecks
from groundspeed.validation.records.codes import Code, Coded
from groundspeed.validation.tiers import Coverage
from groundspeed.validation.worker.client import Candidate

REJECTED = "must_reject_variants"


@cache
def case_checks(engine: str, case: str) -> CaseChecks:
    """The judge's own checks of a case; their reference is computed once for all entries on it."""
    base = baselines.load(engine)
    sealed = manifest(engine).answers[case]
    return CaseChecks(CaseReference(base, case, base.cases[case], sealed))


@cache
def variant_checks(engine: str) -> VariantChecks:
    """The engine's frozen variants, made ready once for all entries."""
    return VariantChecks(baselines.load(engine), frozen_variants(engine))


def judged(part: str, entry: Entry, coverage: Coverage = Coverage.EVERYDAY) -> str:
    """What the judge says of an entry: the first check that fails, or nothing.

    What is right on every case is tried on the frozen variants alone.
    """
    torch.set_num_threads(1)
    claim = Agreement(engine=entry.candidate(), level=entry.level, because=entry.name)
    with ControlClient(f"@{part}/{entry.name}", entry.patience_s) as client:
        if part != REJECTED:
            result = checks.run_checks(case_checks(entry.engine, entry.case), claim, client)
            if result.broken:
                return Coded(result.broken[0], result.codes[0])
            if result.unfinished:
                return Coded(result.unfinished, Code.UNFINISHED)
        if not part.endswith("_variants"):
            return ""  # what it is right on is its case alone
        found, _ = variant_checks(entry.engine).check(claim, client, coverage)
    if found.broken:
        return Coded(found.broken, found.code)
    return Coded(found.unfinished, Code.UNFINISHED) if found.unfinished else ""


class ControlClient(Candidate):
    """A candidate's process that is given as long as the entry says."""

    preloaded = ("groundspeed.validation.corpus",)

    def __init__(self, name: str, patience_s: float = Entry.patience_s):
        super().__init__(name)
        self.patience_s = patience_s

    def ask(self, request: dict, patience_s: float) -> dict:
        return super().ask(request, min(patience_s, self.patience_s))
