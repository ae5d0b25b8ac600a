"""Inputs that may be worth trying: the named cases of an engine with parameters moved and combined.

    moved      each number, flag, choice and optional of a case, nested ones included: smaller and
               larger, 0, 1, the other sign, the default, values of other cases, one entry more
    pair       pairs of features that the named cases have and that never meet in one of them
    shape      each size at 1, 2, a prime, and just below, at and above 32, 64 and 128
    counter    whole numbers that count steps, near the limits of narrower types

Whether the engine admits a proposal, and whether it tells anything, `selection` finds out.

Pairs are combined in `covering`.
"""

import dataclasses
import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch

from groundspeed.baselines.engine import WIDER, Case, Engine, State, plain
from groundspeed.validation.inputs.features import kind as kind_of
from groundspeed.validation.reference import case_fields
from groundspeed.validation.reference.case_fields import LIKE, MADE, Changes

PAIR, LIMIT, SHAPE, MOVED, COUNTER = KINDS = ("pair", "limit", "shape", "moved", "counter")
FACTORS = (0.7, 1.5, 0.1, 10.0, 0.001, 1000.0)
SIZES = (1, 2, 7, 31, 32, 33, 63, 64, 65, 127, 128, 129, 200)
TWO_SIZES = ((65, 33), (33, 65), (33, 33), (65, 65))
NARROW = (7, 5, 3)  # other sizes, where one is large
LIMITS = (1 << 7, 1 << 8, 1 << 15, 1 << 16, 1 << 24, 1 << 31)  # of integers, and of float32's
OTHERS = 4  # values of other cases that a field is given


@dataclass(frozen=True)
class Proposal:
    """A named case, changes of it, and what it starts from.

    Attributes:
        kind: why it is proposed.
        case: name of the case.
        changes: of its fields, as plain data.
        begin: how the start is made of the changed case's own: `starts.made`.
        aim: what it is proposed for; of those with one aim a few are enough.
    """

    kind: str
    case: str
    changes: Changes = field(default_factory=dict)
    begin: dict[str, object] = field(default_factory=dict)
    aim: str = ""

    @property
    def label(self) -> str:
        """In words: "odd_2d, dx 0.7, shuffled 1"."""
        words = (f"{path} {shown(value)}" for path, value in self.changes.items())
        start = (f"{name} {shown(value)}" for name, value in self.begin.items())
        return ", ".join((self.case, *words, *start))


def shown(value: object) -> str:
    if isinstance(value, dict):
        words = " ".join(f"{k} {v}" for k, v in value.items())
        return f"of {value[LIKE]}" if LIKE in value else words
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def same_kind(cases: dict[str, Case], case: Case) -> dict[str, Case]:
    """Of those cases the ones of the same class."""
    return {name: other for name, other in cases.items() if type(other) is type(case)}


def moved(
    engine: Engine, sources: dict[str, Case], rows: list[tuple[Proposal, Case]]
) -> Iterator[Proposal]:
    """Each field of each source case, moved; those with one aim follow one another.

    Args:
        rows: combinations of features; what they borrow from other cases is moved as well.
    """
    found: dict[str, list[Proposal]] = {}
    begins = [(Proposal(MOVED, name), case) for name, case in sources.items()]
    for near, case in begins + rows:
        others = same_kind(dict(engine.cases), case)
        for path, value in case_fields.everything(case):
            top = path.split(".")[0]
            if near.changes and (top not in near.changes or top == path):
                continue
            held = kind_of(getattr(case, top))
            for word, changes in moves(case, path, value, others):
                aim = f"{path} {word} of {held}"
                proposal = Proposal(MOVED, near.case, near.changes | changes, aim=aim)
                found.setdefault(aim, []).append(proposal)
    for place, proposals in enumerate(found.values()):
        turn = place % len(proposals)  # else all aims would meet on the first case
        yield from proposals[turn:] + proposals[:turn]


def moves(
    case: Case, path: str, value: object, others: dict[str, Case]
) -> Iterator[tuple[str, Changes]]:
    """(word, changes) of a field at that path that holds that value."""
    if isinstance(value, bool):
        yield "flipped", {path: not value}
    elif isinstance(value, int | float):
        yield from ((word, {path: new}) for word, new in numbers(value, default(case, path)))
    elif isinstance(value, torch.dtype):
        for wide, narrow in WIDER.items():
            for other in {wide, narrow} - {value} if value in (wide, narrow) else ():
                if other not in (torch.float16, torch.bfloat16):
                    yield str(other), {path: str(other).removeprefix("torch.")}
    elif isinstance(value, tuple) and value:
        yield from longer(case, path, value)
    for name in unused(path, case, others):
        yield name, {path: {MADE: name}}
    if not isinstance(value, bool | float | torch.dtype):
        found = list(borrowed(path, value, others))
        if not isinstance(value, int) or len(found) < OTHERS:  # else it is no choice, but a size
            yield from found


def numbers(value: float, usual: object) -> Iterator[tuple[str, float]]:
    """(word, number) for a number moved."""
    if isinstance(value, int):
        news = {"+1": value + 1, "-1": value - 1, "doubled": 2 * value, "0": 0, "1": 1}
        news["negative"] = -value
    else:
        news = {f"x{factor:g}": value * factor for factor in FACTORS}
        news |= {"0": 0.0, "1": 1.0, "negative": -value, "0.5": 0.5}
    if isinstance(usual, int | float) and not isinstance(usual, bool):
        news["default"] = usual
    taken = {value}
    for word, new in news.items():
        if new not in taken and math.isfinite(new):
            taken.add(new)
            yield word, new


def default(case: Case, path: str) -> object:
    """The default of a field of the case itself; None where it has none."""
    known = {f.name: f.default for f in dataclasses.fields(case)}
    return known.get(path)


def longer(case: Case, path: str, value: tuple) -> Iterator[tuple[str, Changes]]:
    """A tuple with one entry more or less, and with it those that run parallel."""
    above, _, name = path.rpartition(".")
    owner = case_fields.at(case, above.split(".")) if above else case
    alike = [
        n
        for n, v in case_fields.parts(owner)
        if isinstance(v, tuple)
        and len(v) == len(value)
        and n != name
        and not isinstance(owner, tuple)
    ]
    ways = {len(value) + 1: lengthened, len(value) - 1: lambda v: v[:-1]}
    for length, act in ways.items():
        word = f"{length} entries"
        alone = {path: plain(act(value))} if nothing_inside(value) else {}
        if alone and act(value):
            yield word, alone
        together = {
            f"{above}.{n}" if above else n: v for n, v in case_fields.parts(owner) if n in alike
        }
        if alone and together and all(map(nothing_inside, together.values())) and act(value):
            yield f"{word} together", alone | {p: plain(act(v)) for p, v in together.items()}


def nothing_inside(value: object) -> bool:
    """Whether it is numbers and tuples of them."""
    if isinstance(value, tuple):
        return all(map(nothing_inside, value))
    return isinstance(value, int | float | str) or value is None


def lengthened(value: tuple) -> tuple:
    """One entry more, not like the last where it is made of numbers with a point."""
    return (*value, other_than(value[-1]))


def other_than(value: object) -> object:
    if isinstance(value, tuple):
        return tuple(map(other_than, value))
    return value * 0.9 if isinstance(value, float) else value


def borrowed(path: str, value: object, others: dict[str, Case]) -> Iterator[tuple[str, Changes]]:
    """Values that other named cases hold at that path."""
    taken = [plain_or_none(value)]
    for name, other in others.items():
        try:
            theirs = plain_or_none(case_fields.at(other, path.split(".")))
        except LookupError:
            continue
        if theirs not in taken and len(taken) <= OTHERS:
            taken.append(theirs)
            yield f"of {name}", {path: {LIKE: name}}


def unused(path: str, case: Case, others: dict[str, Case]) -> list[str]:
    """Classes that the field is declared for and that it has in none of the cases."""
    held = {type(getattr(other, path, None)).__name__ for other in (case, *others.values())}
    declared = case_fields.classes(case, path)
    return [name for name in declared if name not in held and needs_nothing(declared[name])]


def needs_nothing(kind: type) -> bool:
    """Whether every field of a dataclass has a default."""
    missing = dataclasses.MISSING
    return all(f.default is not missing or f.default_factory is not missing
               for f in dataclasses.fields(kind))  # fmt: skip


def plain_or_none(value: object) -> object:
    return repr(plain(value))


def shapes(engine: Engine, sources: dict[str, Case]) -> Iterator[Proposal]:
    """Two sizes of each source case that belong together, both large; then each size, alone and
    with the others of its tuple small."""
    known = {name: list(sizes(engine, case)) for name, case in sources.items()}
    for name, paths in known.items():
        for one, other in itertools.combinations(paths, 2):
            if belong_together(engine, sources[name], one, other):
                for two in TWO_SIZES:
                    changes = dict(zip((one, other), two, strict=True))
                    yield Proposal(SHAPE, name, changes, aim=f"{one}, {other} are {two}")
    for name, paths in known.items():
        for path in paths:
            beside = [
                p for p in paths if p != path and p.rpartition(".")[0] == path.rpartition(".")[0]
            ]
            beside = beside if "." in path else []
            for size in SIZES:
                aim = f"{path} of {len(beside) + 1} is {size}"
                yield Proposal(SHAPE, name, {path: size}, aim=aim)
                for small in NARROW if beside else ():
                    yield Proposal(
                        SHAPE, name, {path: size} | dict.fromkeys(beside, small), aim=aim
                    )


def sizes(engine: Engine, case: Case) -> Iterator[str]:
    """Paths of the whole numbers that decide the shape of the start."""
    own = shape_of(engine.initial(case))
    for path, value in case_fields.everything(case):
        if type(value) is not int or path == "seed":
            continue
        for step in (1, -1):
            try:
                other = case_fields.changed(case, {path: value + step}, {})
                if shape_of(engine.initial(other)) != own:
                    yield path
                    break
            except (ValueError, RuntimeError, IndexError, TypeError):
                continue


def belong_together(engine: Engine, case: Case, one: str, other: str) -> bool:
    """Whether two sizes are of one tuple, or the length of some axis is not the sum of what each
    adds, as that of cells in rows and columns."""
    if "." in one and one.rpartition(".")[0] == other.rpartition(".")[0]:
        return True

    def lengths(*paths: str) -> list[int] | None:
        more = {path: case_fields.at(case, path.split(".")) + 1 for path in paths}
        try:
            state = engine.initial(case_fields.changed(case, more, {}))
        except (ValueError, RuntimeError, IndexError, TypeError):
            return None
        return [n for shape in shape_of(state) for n in shape]

    found = [lengths(), lengths(one), lengths(other), lengths(one, other)]
    if None in found or len(set(map(len, found))) > 1:
        return False
    return any(d - c != b - a for a, b, c, d in zip(*found, strict=True))


def shape_of(state: State) -> list[tuple[int, ...]]:
    return [tuple(t.shape) for t in state]


def counters(engine: Engine, sources: dict[str, Case], along) -> Iterator[Proposal]:
    """Fields that count steps, all of them moved together to just below a limit.

    Args:
        along: states of the engine after numbers of steps, `reference.trajectory.along`.
    """
    at = (22, 23, 24)
    for name, case in sources.items():
        try:
            run = along(engine, case, engine.initial(case), list(at))
        except (ValueError, RuntimeError, IndexError):
            continue
        one, two, three = (run[n] for n in at)
        steady = [f for f in three._fields if counts(*(getattr(s, f) for s in (one, two, three)))]
        for limit in LIMITS if steady else ():
            begin = {"after": 24, "counters": dict.fromkeys(steady, limit - 1)}
            yield Proposal(COUNTER, name, begin=begin, aim=f"counters {limit}")


def counts(one: torch.Tensor, two: torch.Tensor, three: torch.Tensor) -> bool:
    """Whether a whole number advances by the same step, and only that."""
    if (
        three.numel() != 1
        or three.is_floating_point()
        or three.is_complex()
        or three.dtype == torch.bool
    ):
        return False
    step = int(three) - int(two)
    return step != 0 and step == int(two) - int(one)
