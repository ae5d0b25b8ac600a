"""Findings of the judge: what each check of a candidate found."""

from groundspeed.validation.records.base import Part

BITS, BUDGET = "bits", "declared budget"  # where an allowance comes from, if not measured


class Finding(Part):
    """One field at one check: how far off, how far right answers may be, and where."""

    check: str  # "step n": the whole trajectory; "from n": one call from the baseline's state
    field: str
    rms: float
    largest: float
    block: float
    allowed_rms: float
    allowed_largest: float
    allowed_block: float
    share: float  # of what is allowed; above 1 is refused
    origin: str = ""  # of what is allowed
    cell: list[int] = []
    got: float | None = None
    want: float | None = None
    otherwise: int = 0  # cells held to another right branch

    @property
    def holds(self) -> bool:
        return self.share <= 1

    def __str__(self) -> str:
        when = in_words(self.check)
        if self.share == float("inf") and self.got == self.want:
            return f"{self.field}{self.cell} {when}: got {self.got!r} with another sign or bit"
        return (
            f"{self.field}{self.cell} {when}: got {self.got!r}, want {self.want!r}, off by "
            f"{self.largest:.3g}, allowed {self.allowed_largest:.3g}; rms {self.rms:.3g}, allowed "
            f"{self.allowed_rms:.3g}; worst block {self.block:.3g}, "
            f"allowed {self.allowed_block:.3g}"
        )


class LawFinding(Part):
    """One law on one case."""

    law: str
    residual: float
    allowed: float
    baseline: float = 0.0  # the frozen engine's own, when it was judged

    @property
    def holds(self) -> bool:
        return self.residual <= self.allowed

    @property
    def share(self) -> float:
        """Residual over tolerance."""
        return self.residual / self.allowed if self.allowed else float(self.residual > 0)


class Power(Part):
    """How far values can be compared, and the distribution tests beyond."""

    horizon: dict[str, int | None] = {}  # steps at which the envelope is a tenth of the field
    distributions: dict[str, float] = {}  # p of equal distributions beyond the horizon


class CaseResult(Part):
    """All findings on one case: the closest call of each field, and failures."""

    checks: int = 0
    relative_rms: dict[str, float] = {}  # at the end, of the field's own norm
    closest: dict[str, Finding] = {}
    laws: list[LawFinding] = []
    broken: list[str] = []
    codes: list[str] = []  # of those; none where an older judge found them
    unfinished: str = ""  # what was still at work when its time was up
    decisions: int = 0  # of those, decisions that differ: they come first
    shares: dict[str, list[float]] = {}  # of its tolerance, by field, over input variants
    measured: int = 0  # comparisons for which the sealed error alone did not suffice
    power: Power = Power()
    tried: list[str] = []  # trials beyond the case's own run
    declined: list[str] = []  # of those, what the candidate refuses to do
    otherwise: dict[str, int] = {}  # the most of them, by field


class VariantsSummary(Part):
    """What was tried of the inputs that are frozen with an engine: see `variant_checks`."""

    frozen: int = 0  # how many there are
    tried: int = 0  # of them, answered and compared
    declined: int = 0  # that the candidate refuses to do
    left_out: dict[str, int] = {}  # how many were not asked, by the reason
    unmoved: list[str] = []  # fields of the cases that no variant moves
    checks: int = 0
    broken: str = ""  # the first failure, with its input
    code: str = ""  # of that
    unfinished: str = ""

    def __str__(self) -> str:
        more = [f"{self.declined} declined"] if self.declined else []
        more += [f"{count} left out: {why}" for why, count in self.left_out.items()]
        more += [f"none moves {', '.join(self.unmoved)}"] if self.unmoved else []
        words = f"{self.tried} of {self.frozen} frozen variants"
        return f"{words} ({'; '.join(more)})" if more else words


class VariantsResult(VariantsSummary):
    """The same, with what was refused, and the closest call of each field."""

    refusals: list[str] = []
    closest: dict[str, Finding] = {}


class MutationSummary(Part):
    """Fate of the mutants under a claim, by name: see `mutation_score`."""

    killed: list[str]
    survived: list[str]
    within_budget: list[str]  # survived, no further from the candidate than its claim declares
    no_mutant: list[str]  # changed not one bit on any small case

    @property
    def applied(self) -> int:
        return len(self.killed) + len(self.survived)

    def __str__(self) -> str:
        return f"{len(self.killed)} of {self.applied} mutants killed"


class Mutation(MutationSummary):
    """The same, with the case and the check that killed each mutant."""

    killed: dict[str, str]


def in_words(check: str) -> str:
    """ "seed 1, step 5" -> "seed 1, after step 5"."""
    return check.replace("step", "after step").replace("from", "one step from step")
