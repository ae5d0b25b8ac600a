"""What verbs print with ``--json`` where that is no record of an instrument: a model each.

Fields are added and never taken away or given another type; `tools.cli.schema` publishes them.
"""

from pydantic import Field

from groundspeed.tools.records.measurement import Measurement
from groundspeed.validation.records.base import Part, Record


class ErrorAnswer(Part):
    """Why a verb printed no answer."""

    code: str  # see docs/reference/codes.md
    message: str
    exit: int  # exit code of the process


class Failed(Part):
    """Printed in the place of an answer."""

    error: ErrorAnswer


class ListedEngine(Part):
    """A baseline."""

    name: str
    status: str  # FROZEN or BROKEN
    level: str  # "engine"
    words: str
    code: str = ""  # where it is broken


class ListedOptimization(Part):
    """An optimization, with the evidence that is shown first."""

    name: str
    status: str
    level: str  # "" where it was never judged
    words: str
    code: str  # why it is not VERIFIED; "" where it is
    speedups: dict[str, float]  # by case
    headline: str  # case of the headline number
    machine: str  # kind of machine that the evidence is from
    made: str  # day
    here: str  # status on this machine
    covers: str = ""  # how much the verdict of this machine covers; "" where it has none
    machines: dict[str, str]  # status by kind of machine


class Created(Part):
    """A new baseline of a user's program."""

    engine: str
    fields: list[str]
    files: list[str]
    left_out: dict[str, str]  # what is not compared, and why
    unmoved: list[str]
    dropped: dict[str, str]
    next: str  # command


class Frozen(Part):
    """A baseline that was sealed."""

    engine: str
    seal: str
    cases: list[str]
    reached: list[str]


class CheckedBaseline(Part):
    """Whether a baseline is what was sealed."""

    status: str  # SEALED or BROKEN
    words: str
    code: str = ""  # where it is broken
    reached: list[str] = []


class JudgedOptimization(Part):
    """A verdict in short; all of it lies in reports/results."""

    optimization: str
    engine: str
    level: str
    expected: str
    status: str
    reason: str
    code: str  # of the reason; "" where it is VERIFIED
    too_loose: str = ""  # that its tolerance is far larger than it needs; "" if it is not
    made: str
    protocol: int
    holds: bool  # whether the status is the expected one


class RefusedNumber(Part):
    """Why an optimization got no number."""

    status: str  # of its verdict
    reason: str
    code: str


class Benched(Part):
    """What ``bench --json`` prints."""

    measured: list[Measurement]
    refused: dict[str, RefusedNumber]


class Claim(Part):
    """What was said of one case, what is found today, and whether the old word still holds."""

    optimization: str
    case: str
    made: str  # when it was said
    was: str
    now: str
    holds: bool
    code: str = ""  # why there is no number today
    change_points: list[str] = []  # when the number became another one, over all that is on file
    changed: list[str]  # conditions that are others now


class Recheck(Record):
    """One round over the claims on file."""

    claims: list[Claim]


class Replayed(Part):
    """What ``replay --json`` prints: the failure as it was found, and what it comes to now."""

    made: str
    seal: str
    optimization: str
    engine: str
    case: str
    trial: str
    changes: dict[str, object]
    layout: str
    steps: int
    calls: int
    stage: str
    field: str
    cell: list[int]
    got: float
    want: float
    ulps: dict[str, int]
    words: str
    stored: bool
    differs_now: str = Field(alias="differs now")  # a field, or "" where nothing differs


class CostOutcome(Part, json_schema_serialization_defaults_required=False):
    """What came of counting an optimization; only what applies is printed."""

    outgrown: list[str] | None = None
    code: str | None = None  # where it has outgrown its budget
    passed_over: str | None = Field(None, alias="passed over")
    not_counted: str | None = Field(None, alias="not counted")
    no_budget: str | None = Field(None, alias="no budget")


class RateOutcome(Part):
    """Error rates of the clock."""

    rows: list[dict[str, str | int]]
    overhead: tuple[float, float, float]  # of the loop, as shares: value and interval


class SampleRow(Part):
    """Samples that a section of the evidence names."""

    machine: str
    name: str
    section: str
    samples: str  # digest
    here: bool  # whether they are on this machine


class ProtocolState(Part):
    """The rules of an instrument."""

    number: int
    state: str  # locked or UNDECIDED
    last: str  # the last change
    undecided: str
    code: str = ""  # where an edit is undecided


class Initialized(Part):
    """A project that was begun."""

    root: str
    files: dict[str, str]  # WRITTEN or KEPT, by path
    next: str  # what to do next


class BuiltSite(Part):
    """The static site."""

    site: str  # its first page
    pages: int


class FirstRatio(Part):
    """Of one process; no number rests on it."""

    case: str
    word: str  # FASTER, SLOWER or INCONCLUSIVE
    speedup: float
    low: float
    high: float
    rounds: int
    baseline_s: float
    candidate_s: float
    noise: str


class FirstLook(Part):
    """What `try` prints, a line each with --watch."""

    optimization: str
    word: str  # RIGHT SO FAR, WRONG, BROKEN, INCONCLUSIVE, UNAVAILABLE
    right: bool
    reason: str  # what differs first; "" where it is right so far
    engine: str | None
    level: str | None
    steps: dict[str, int]  # of each case, the last step that was compared
    smoke: str | None  # what was tried, and what was left out
    ratio: FirstRatio | None  # of what is right so far
    seconds: float
    note: str


class CheckedChange(Part):
    """One check of the gate."""

    about: str
    check: str  # seal, verdict, costs or comparison
    outcome: str  # WRONG, SLOWER, INCONCLUSIVE, GOOD or SKIPPED
    words: str
    case: str
    seconds: float


class Gated(Part):
    """What the gate found of a change."""

    outcome: str
    exit: int
    base: str  # as it was asked for
    commit: str
    headline: str
    checks: list[CheckedChange]
    changed: dict[str, list[str]]  # optimizations, and their files that differ
    gone: list[str]
    unchanged: list[str]
    unjudged: list[str]
