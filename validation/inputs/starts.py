"""Starts that are made from a case's own, by a recipe of plain data.

    after n         the state after n steps of the case's own run
    shuffled k      the values of each moving field in another order: a packet that is nearly zero
                    far out hides an error there, and the range of values stays
    towards [s, t]  on the line from there (t = 0) to the same state with each moving number off
                    by about a share s (t = 1)
    counters {f: n} fields of a single whole number set to n

applied in the order in which the recipe names them. The same recipe gives the same bits.
"""

from collections.abc import Callable, Mapping

import torch

from baselines.engine import Case, Engine, State, clone, fields
from validation.reference.distance import inexact
from validation.reference.trajectory import along

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

    return moving(state, engine.fixed, case.seed + number, change)


def towards(engine: Engine, case: Case, state: State, place: tuple[float, float]) -> State:
    share, t = place
    return between(state, moving(state, engine.fixed, case.seed, off_by(share)), t)


def counters(engine: Engine, case: Case, state: State, values: dict[str, int]) -> State:
    held = fields(clone(state))
    return state._replace(**{name: torch.full_like(held[name], n) for name, n in values.items()})


WORDS: dict[str, Callable[..., State]] = {
    "after": after,
    "shuffled": shuffled,
    "towards": towards,
    "counters": counters,
}


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
