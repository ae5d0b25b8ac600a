"""Starts that are made from a case's own, by a recipe of plain data.

    after n         the state after n steps of the case's own run
    shuffled k      the values of each moving field in another order: a packet that is nearly zero
                    far out hides an error there, and the range of values stays
    line [k, t]     on the line from there to its k-th far end (`far_ends`)
    line back [k, t]  the same line from the far end
    counters {f: n} fields of a single whole number set to n

applied in the order in which the recipe names them. The same recipe gives the same bits.
"""

from collections.abc import Callable, Iterator, Mapping
from itertools import islice, product

import torch

from groundspeed.baselines.engine import Case, Engine, State, clone, fields
from groundspeed.validation.reference.distance import inexact
from groundspeed.validation.reference.trajectory import along

Recipe = Mapping[str, object]


def start_of(engine: Engine, case: Case, recipe: Recipe) -> State:
    """The start that the recipe makes of the case's own.

    Raises:
        ValueError, RuntimeError: the engine does not admit the case, or stops on the way.
    """
    state = engine.initial(case)
    for word, value in recipe.items():
        state = WORDS[word](engine, case, state, value)
    return state


def after(engine: Engine, case: Case, state: State, steps: int) -> State:
    return along(engine, case, state, [steps])[steps]


def shuffled(engine: Engine, case: Case, state: State, number: int) -> State:
    def change(t: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        order = torch.randperm(t.numel(), generator=generator)
        return t.reshape(-1)[order].reshape(t.shape)

    return moving(state, still(engine, case, state), case.seed + number, change)


def line(engine: Engine, case: Case, state: State, place: tuple[int, float]) -> State:
    number, t = place
    return between(state, far_end(engine, case, state, number), t)


def line_back(engine: Engine, case: Case, state: State, place: tuple[int, float]) -> State:
    number, t = place
    return between(far_end(engine, case, state, number), state, t)


def far_end(engine: Engine, case: Case, state: State, number: int) -> State:
    return next(islice(far_ends(state, still(engine, case, state), case.seed), number, None))


def counters(engine: Engine, case: Case, state: State, values: dict[str, int]) -> State:
    held = fields(clone(state))
    return state._replace(**{name: torch.full_like(held[name], n) for name, n in values.items()})


AHEAD = 6  # steps
POWERS = (1, 4, 10, 20, 40)  # of two, by which numbers are moved to the far end of a line
Change = Callable[[torch.Tensor, torch.Generator], torch.Tensor]
WORDS: dict[str, Callable[..., State]] = {
    "after": after,
    "shuffled": shuffled,
    "line": line,
    "line back": line_back,
    "counters": counters,
}


def still(engine: Engine, case: Case, state: State) -> tuple[str, ...]:
    """Fields that are declared fixed, and that some steps from there leave as they are."""
    steps = min(case.steps, AHEAD) // engine.stride * engine.stride
    try:
        end = along(engine, case, state, [steps])[steps]
    except (ValueError, RuntimeError, IndexError):
        return engine.fixed
    return tuple(n for n in engine.fixed if torch.equal(getattr(state, n), getattr(end, n)))


def may_be_shuffled(state: State) -> bool:
    """Whether a state keeps its meaning so: not where flows or places are whole numbers."""
    return all(inexact(t) or t.numel() <= 1 for t in state)


def between(one: State, other: State, t: float) -> State:
    """On the line between two states; whole numbers are those of the first."""
    pairs = zip(one, other, strict=True)
    return type(one)(*(x + t * (y - x) if inexact(x) else x for x, y in pairs))


def moving(state: State, still: tuple[str, ...], seed: int, change) -> State:
    """``state`` with ``change(tensor, generator)`` in its moving floating-point fields."""
    generator = torch.Generator("cpu").manual_seed(seed)

    def changed(name: str, t: torch.Tensor) -> torch.Tensor:
        if name in still or t.numel() < 2:  # a single number is a parameter more often than a field
            return t
        if t.is_complex():
            return torch.view_as_complex(change(torch.view_as_real(t).contiguous(), generator))
        return change(t, generator) if t.is_floating_point() else t

    return type(state)(*(changed(name, t) for name, t in fields(state).items()))


def off_by(share: float) -> Callable[[torch.Tensor, torch.Generator], torch.Tensor]:
    """Change of each number by about that share of it."""

    def change(t: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        draw = torch.randn(t.shape, generator=generator, dtype=torch.float64)
        return t * (1 + share * draw.to(t.dtype))

    return change


def far_ends(start: State, still: tuple[str, ...], seed: int) -> Iterator[State]:
    """The start with one moving field changed, or all of them; mild changes come first. Then
    with one field nothing, and all others changed.

    Which cells are changed is drawn from the seed.
    """
    moving = [n for n, t in fields(start).items() if inexact(t) and t.numel() and n not in still]
    groups = [[name] for name in moving] + ([moving] if len(moving) > 1 else [])
    for change, group in product(changes(), groups):
        yield changed(start, group, change, seed)
    for name, change in product(moving if len(moving) > 1 else [], changes()):
        empty = start._replace(**{name: torch.zeros_like(getattr(start, name))})
        yield changed(empty, [n for n in moving if n != name], change, seed)


def changed(start: State, names: list[str], change: Change, seed: int) -> State:
    """The start with these fields changed."""
    generator = torch.Generator("cpu").manual_seed(seed)
    return start._replace(**{n: change(getattr(start, n), generator) for n in names})


def changes() -> Iterator[Change]:
    """Of the numbers of a field: to nothing; half of them the other way, up, down, and further."""
    yield lambda t, generator: torch.zeros_like(t)
    yield halfway(lambda t: -t)
    for power in POWERS:
        for sign in (1, -1):
            yield halfway(lambda t, by=sign * 2.0**power: t + by)
        yield halfway(lambda t, by=2.0**power: t * by)
    yield halfway(lambda t: torch.full_like(t, torch.finfo(t.dtype).max / 8))


def halfway(change: Callable[[torch.Tensor], torch.Tensor]) -> Change:
    """The change, made in half of the cells."""

    def act(t: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        chosen = torch.rand(t.shape, generator=generator) < (0.5 if t.numel() > 1 else 1.0)
        return torch.where(chosen.to(t.device), change(t), t)

    return act
