"""What an engine's judged inputs never reach: measured once, and kept beside its seal.

``frozen/conditions.json`` has, for each named case and whatever other inputs are frozen, which
outcomes of the engine's conditions and limits a run reaches (`reference.limits`). What no input
can reach the engine's author may list, with the reason, in ``frozen/unreachable.toml``:

    [[limit]]
    place = "scheme.py:79 `total > EPSILON`"    as the listing shows it
    outcomes = ["equal"]
    because = "a sum of squares is never exactly 1e-12"

That list is held to what is measured: what an input reaches after all has no place in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from groundspeed import baselines
from groundspeed.baselines.engine import Case, Engine
from groundspeed.validation.golden.manifest import place as folder_of
from groundspeed.validation.records.base import Part, Record, read_toml
from groundspeed.validation.records.errors import Sealed
from groundspeed.validation.reference.limits import reached_by
from groundspeed.validation.reference.places import Limits, Place, outcomes

SMALL = 1 << 20  # elements times steps: so much of a case is run
FEW = 3  # steps of a larger one
SHOWN = 2  # places in a verdict's line
BEYOND = "states that no run comes to"  # no input: what only these reach nobody need answer
Key = tuple[str, str]  # a place as it is shown, and an outcome


class Unreachable(Part, extra="forbid"):
    """Outcomes of one place that no input can bring about."""

    place: str
    outcomes: list[str]
    because: str


class Reasons(Part, extra="forbid"):
    """What the author of an engine says."""

    limit: list[Unreachable] = []


class Coverage(Record):
    """Of each input, the outcomes that it reaches.

    Attributes:
        places: file, line, operator and source text of each.
        reached: by input; bits, in the order of the places and of the outcomes of each, as a
            hexadecimal number.
    """

    engine: str
    places: list[Place]
    reached: dict[str, str]

    @classmethod
    def of(cls, engine: str, found: Mapping[str, Limits]) -> Coverage:
        places = sorted({place for limits in found.values() for place in limits})
        every = [(place, outcome) for place in places for outcome in outcomes(place)]
        reached = {}
        for name, limits in found.items():
            seen = limits.reached()
            reached[name] = f"{sum(1 << k for k, pair in enumerate(every) if pair in seen):x}"
        return cls(engine=engine, places=places, reached=reached)

    def limits(self, inputs: Iterable[str] | None = None) -> Limits:
        """What these inputs reach together, or all; an input that is not on file reaches nothing.

        Places are those that any input met.
        """
        bits = 0
        for name in self.inputs if inputs is None else inputs:
            bits |= int(self.reached.get(name, "0"), 16)
        found: dict[Place, set[str]] = {place: set() for place in self.places}
        every = [(place, outcome) for place in self.places for outcome in outcomes(place)]
        for k, (place, outcome) in enumerate(every):
            if bits >> k & 1:
                found[place].add(outcome)
        return Limits({place: frozenset(seen) for place, seen in found.items()})

    @property
    def inputs(self) -> list[str]:
        """Names of the inputs on file."""
        return [name for name in self.reached if name != BEYOND]

    def missing(self, inputs: Iterable[str] | None = None) -> list[Key]:
        """What these inputs do not reach, and some input might."""
        reasons, beyond = unreachable(self.engine), self.beyond()
        missed = self.limits(inputs).missing()
        keys = [(place.shown(self.engine), outcome) for place, outcome in missed]
        return [key for key in keys if key not in reasons and key not in beyond]

    def beyond(self) -> set[Key]:
        """What no input reaches and states do that no run comes to."""
        only = self.limits([BEYOND]).reached() - self.limits().reached()
        return {(place.shown(self.engine), outcome) for place, outcome in only}

    def with_inputs(self, more: Mapping[str, Limits]) -> Coverage:
        """The same with other inputs, which take the place of those of their names."""
        known = {name: self.limits([name]) for name in self.reached}
        return Coverage.of(self.engine, known | dict(more))


def measure(
    engine: Engine, cases: Mapping[str, Case], tell: Callable[[str], None] = lambda line: None
) -> dict[str, Limits]:
    """Of each everyday case what it reaches: small ones in full, of larger ones a few steps."""
    found = {}
    for name, case in cases.items():
        if case.quick:
            tell(f"{name}: conditions")
            size = max(t.numel() for t in engine.initial(case))
            found[name] = reached_by(engine, case, min(case.steps, max(FEW, SMALL // size)))
    return found


def path_of(name: str):
    return folder_of(name) / "conditions.json"


def measured(name: str) -> Coverage | None:
    """What is on file of an engine; nothing where it was sealed without."""
    return Coverage.read(path_of(name)) if path_of(name).exists() else None


def write(name: str, tell: Callable[[str], None] = lambda line: None) -> Coverage:
    """Measure the named cases, and file it; other inputs on file stay.

    Raises:
        Sealed: the author's list calls unreachable what a case reaches.
    """
    engine = baselines.load(name)
    return add(name, measure(engine, engine.cases, tell))


def add(name: str, found: Mapping[str, Limits]) -> Coverage:
    """File what these inputs reach, beside what is on file.

    Raises:
        Sealed: the author's list calls unreachable what an input reaches.
    """
    known = measured(name) or Coverage(engine=name, places=[], reached={})
    coverage = known.with_inputs(found)
    refuse_reached(coverage)
    return coverage.write(path_of(name))


def unreachable(name: str) -> dict[Key, str]:
    """The author's list of what no input can reach, with the reason."""
    path = folder_of(name) / "unreachable.toml"
    rows = read_toml(Reasons, path).limit if path.exists() else []
    return {(row.place, outcome): row.because for row in rows for outcome in row.outcomes}


def refuse_reached(coverage: Coverage) -> None:
    """Raise where the author's list is wrong."""
    listed = unreachable(coverage.engine)
    for name in coverage.inputs:
        for place, outcome in sorted(coverage.limits([name]).reached()):
            if (place.shown(coverage.engine), outcome) in listed:
                raise Sealed(
                    f"baselines/{coverage.engine}/frozen/unreachable.toml lists "
                    f"{place.shown(coverage.engine)} {outcome}, and {name} reaches it; "
                    "take it off the list"
                )


def never_reached(name: str, judged: Iterable[str]) -> str:
    """ "2 limits never reached: scheme.py:97 `r2 < width**2` equal; ...", by inputs of these names;
    "" where everything is reached that can be, or nothing is on file."""
    coverage = measured(name)
    return counted(name, coverage.missing(judged)) if coverage else ""


def listing(name: str) -> list[str]:
    """What no input on file reaches, line by line, and how much that is."""
    coverage = measured(name)
    if coverage is None:
        return [f"conditions and limits were not measured; run: groundspeed freeze {name}"]
    missing, excused = coverage.missing(), len(unreachable(name))
    beyond = len(coverage.beyond() - set(unreachable(name)))
    expected = coverage.limits().expected()
    there = expected - len(missing) - excused - beyond
    count = f"{there} of {expected} conditions and limits reached"
    reason = f"{excused} cannot be (frozen/unreachable.toml)" if excused else ""
    outside = f"{beyond} only from {BEYOND}" if beyond else ""
    never = f"{len(missing)} never" if missing else ""
    return [", ".join(filter(None, (count, reason, outside, never))), *listed(missing)]


def counted(engine: str, missing: list[Key]) -> str:
    """How many are missing; which, where they are few."""
    if not missing:
        return ""
    shown = listed(missing)
    words = f"{len(missing)} limit{'s' * (len(missing) > 1)} never reached"
    return (
        f"{words}: {'; '.join(shown if len(shown) <= SHOWN else [f'groundspeed check {engine}'])}"
    )


def listed(missing: list[Key]) -> list[str]:
    """One line a place: "scheme.py:97 `r2 < width**2` true, equal"."""
    lines: dict[str, list[str]] = {}
    for place, outcome in missing:
        lines.setdefault(place, []).append(outcome)
    return [f"{place} {', '.join(found)}" for place, found in lines.items()]
