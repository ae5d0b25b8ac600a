"""The record of a profile."""

from pathlib import Path
from statistics import median

from groundspeed.tools.records.conditions import Conditions
from groundspeed.tools.records.quantities import size
from groundspeed.tools.roofline.model import Ceilings
from groundspeed.validation.records import digests
from groundspeed.validation.records.base import Part, Record


class Metric(Part):
    """A number with its unit and source, or the reason why there is none."""

    value: float | None = None
    unit: str = ""
    source: str = ""
    reason: str = ""

    @property
    def text(self) -> str:
        if self.value is None:
            return f"not available: {self.reason}"
        if self.unit == "B":
            return size(self.value)
        plain = {"share": f"{self.value:.0%}", "count": f"{self.value:,.0f}"}
        return plain.get(self.unit) or f"{self.value:,.4g} {self.unit}".strip()


class At(Part):
    """A line of source."""

    file: str
    line: int
    source: str

    @property
    def where(self) -> str:
        return f"{self.file}:{self.line}"


class HotLine(At):
    """An own line: exclusive share of the samples, and what it does a step."""

    function: str
    share: float  # of the run's wall clock without imports, this line and library code below it
    half_width: float  # of its 95 % interval
    inclusive: float  # with own functions that it calls
    waiting: float | None = None  # share of the run in which it waited
    seconds: float  # a step: its share of the bare run's time with a core
    in_loop: bool = False
    hits: float | None = None  # a step, by line_profiler
    launches: float | None = None  # operators a step
    bytes: float | None = None
    flops: float | None = None
    allocated: float | None = None
    ceiling: float | None = None  # share of the machine's limit for what bounds it
    bound: str = ""  # bandwidth, products, launches, python


class Operator(Part):
    """An operator of torch over the whole run, a step."""

    name: str
    calls: float
    bytes: float
    flops: float
    allocated: float
    share: float | None = None  # of the operators' time in the trace
    seconds: float | None = None  # a step: its share of the traced run, of the bare run's time
    ceiling: float | None = None
    bound: str = ""
    lines: list[str]  # where it is asked for most


class Repeat(At):
    """Work done again on the same inputs, with the same result."""

    what: str
    calls: int
    repeated: int
    bytes: float  # of each result
    share: float | None  # of the run that doing it once would save, at most


class Place(At):
    """Something counted at a line."""

    count: float
    bytes: float = 0
    what: str = ""


class FunctionLines(Part):
    """line_profiler's table of a hot function; shares are within the function."""

    file: str
    function: str
    rows: list[tuple[int, int, float, str]]  # line, hits, share, source


class Overhead(Part):
    """What an instrument costs: its run over the bare one, for the same work."""

    wall: float
    cpu: float


class Advice(Part):
    """Something to do about it, and the most that it can bring."""

    kind: str
    title: str  # what is the matter, as a sentence without its end
    text: str
    category: str
    share: float | None
    amdahl: float | None  # speedup at most, if that share vanished
    gain: str = ""  # where there is no such share: what it can bring

    @property
    def bound(self) -> str:
        """The most that it can bring, or why no bound is known."""
        if self.amdahl is None:
            return self.gain
        most = f"{self.amdahl:.2f}" if self.amdahl < 1000 else "over 1000"
        return f"If this took no time, the run would be {most}× as fast at most."


class Profile(Record):
    """Everything about one run."""

    name: str
    kind: str
    what: str
    case: str
    steps: int
    conditions: Conditions
    repeats_s: list[float]  # wall seconds a step of each bare repeat
    metrics: dict[str, Metric]
    samples: int = 0
    busy_s: float  # seconds a step of the bare run with a core
    importing: float = 0.0  # share of samples
    outside: float = 0.0  # share of samples in no own line
    lines: list[HotLine] = []
    imports: list[Place] = []
    operators: list[Operator] = []
    operators_s: float | None = None  # seconds a step in operators, where all were traced
    library_calls: list[Place] = []
    repeated: list[Repeat] = []
    syncs: list[Place] = []
    transfers: list[Place] = []
    heap: list[Place] = []
    functions: list[FunctionLines] = []
    overheads: dict[str, Overhead] = {}
    ceilings: Ceilings | None = None
    unavailable: dict[str, str] = {}
    findings: list[Advice] = []
    notes: list[str] = []  # to be read before the numbers
    artefacts: dict[str, str] = {}

    @property
    def hot(self) -> list[HotLine]:
        """Lines above a tenth of the run."""
        return [line for line in self.lines if line.share >= 0.1]

    @property
    def missing(self) -> dict[str, list[str]]:
        """Metrics that this machine or program cannot give, by reason."""
        found: dict[str, list[str]] = {}
        for name, metric in self.metrics.items():
            if metric.value is None:
                found.setdefault(metric.reason, []).append(name)
        return found

    @property
    def step_s(self) -> float:
        """Median seconds a step of the bare run."""
        return median(self.repeats_s)


def folder(name: str, root: Path = digests.ROOT) -> Path:
    return root / "reports" / "profiles" / name
