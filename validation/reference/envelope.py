"""Envelope: how far two right answers may lie apart, measured on the baseline.

Two right answers differ by the rounding of their operations and by nothing else. What that
grows to is measured with two families of runs of the baseline:

    sensitivity   every moving floating-point number of the start goes up or down by one unit
                  in the last place, at random: what growth makes of a first rounding
    floor         every rounded result is moved at random (`random_rounding`): what each step adds,
                  and all that is left in a system that forgets its start

For a field at a check, with d_i the distance of member i from the truth (from the frozen
run, where no wider type exists), in root mean square, largest cell and worst block:

    allowed = FACTOR · max(Q_0.9 {d_i: sensitivity}, Q_0.9 {d_i: floor})

A quantile with a factor, not a maximum: one stray member must not decide. The factor was
calibrated on two systems whose answers are known (`validation.calibration`): right rewritings used
at most 0.8 of the quantile, errors of 1e-5 at least 5 of it at some check of every run.
A single call has its start exactly, so only the floor counts there.

Members whose decisions (whole numbers, branches) are other than the frozen run's are on
another branch and say nothing about values; they are counted. The *horizon* of a field is the
first check at which the envelope reaches `SATURATED` of the distance of two unrelated states:
from there on a comparison of values has no power, and distributions and laws are left.

E. N. Lorenz, Tellus 21, 289 (1969), doi:10.3402/tellusa.v21i3.10086; ensembles as tolerance:
A. H. Baker et al., Geosci. Model Dev. 8, 2829 (2015), doi:10.5194/gmd-8-2829-2015.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from groundspeed.baselines.engine import Case, Engine, State, fields
from groundspeed.validation.reference.distance import (
    ZERO,
    Distance,
    distance,
    floating,
    inexact,
    quantile,
    size,
    widened,
    widest,
)
from groundspeed.validation.reference.trajectory import States, along, rounded_run

SENSITIVE = 16  # runs from starts that differ in the last place
ROUNDED = 6  # runs in which every result is rounded at random
QUANTILE = 0.9
FACTOR = 3.0
SATURATED = 0.1  # of the distance of two unrelated states


@dataclass
class Envelope:
    """What right answers do from one start: by number of steps and field."""

    allowed: dict[int, dict[str, Distance]]
    horizon: dict[str, int | None]  # steps; None where no check reaches it
    decided: dict[int, int]  # members whose decisions are the frozen run's, by steps
    count: int  # of members

    def settled(self, n: int) -> bool:
        """Whether every right answer decides alike up to there."""
        return self.decided[n] == self.count


def ulp(tensor: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Every floating-point number to its neighbour, up or down at random; zero stays zero."""
    if tensor.is_complex():
        return torch.view_as_complex(ulp(torch.view_as_real(tensor).contiguous(), generator))
    if not tensor.is_floating_point() or tensor.numel() == 0:
        return tensor
    up = torch.randint(0, 2, tensor.shape, generator=generator).bool()
    far = torch.full_like(tensor, float("inf"))
    moved = torch.nextafter(tensor, torch.where(up, far, -far))
    return torch.where(tensor == 0, tensor, moved)


def perturbed(state: State, seed: int, still: tuple[str, ...] = ()) -> State:
    """``state`` one unit in the last place away, but for the fields that stand still."""
    generator = torch.Generator("cpu").manual_seed(seed)
    return type(state)(
        *(t if name in still else ulp(t, generator) for name, t in fields(state).items())
    )


def rounded_calls(engine: Engine, case: Case, start: State, steps: int) -> Iterator[State]:
    """What random rounding makes of one call."""
    return (rounded_run(engine, case, start, [steps], seed)[steps] for seed in range(ROUNDED))


def sensitivity(engine: Engine, case: Case, start: State, at: list[int], still, count=SENSITIVE):
    """Runs of the baseline from starts one unit in the last place away."""
    return [along(engine, case, perturbed(start, 1 + i, still), at) for i in range(count)]


def envelope(
    engine: Engine,
    case: Case,
    start: State,
    base: States,
    true: States,
    still: tuple[str, ...] = (),
    sensitive: int = SENSITIVE,
    rounded: int = ROUNDED,
) -> Envelope:
    """Of the runs from ``start``, at the steps of ``base``, with so many members of each kind."""
    at = sorted(base)
    noisy = [rounded_run(engine, case, start, at, seed) for seed in range(rounded)]
    moved = sensitivity(engine, case, start, at, still, sensitive)
    allowed, decided = {}, {}
    for n in at:
        inside = [[m[n] for m in family if same_decisions(m[n], base[n])]
                  for family in (moved, noisy)]  # fmt: skip
        decided[n] = sum(map(len, inside))
        allowed[n] = {
            name: widest(*(spread(family, name, true[n], base[n]) for family in inside))
            for name in floating(base[n])
        }
    horizon = {name: first_saturated(allowed, base, name) for name in floating(start)}
    return Envelope(allowed, horizon, decided, len(moved) + len(noisy))


def spread(family: list[State], name: str, true: State, base: State) -> Distance:
    """FACTOR times the quantile of the members' distances from the truth; the frozen run is one."""
    target = getattr(true, name)
    found = [distance(getattr(member, name), target) for member in (*family, base)]
    return quantile(found, QUANTILE).scaled(FACTOR)


def same_decisions(one: State, other: State) -> bool:
    """Whether every whole number and every branch is the same."""
    return all(inexact(a) or torch.equal(a, b) for a, b in zip(one, other, strict=True))


def unrelated(tensor: torch.Tensor) -> float:
    """Root mean square distance of two states that have nothing in common but their law."""
    wide = widened(tensor)
    return 2**0.5 * size(wide - wide.mean())


def first_saturated(allowed, base: States, name: str) -> int | None:
    """The first number of steps at which the envelope is a share of the field itself."""
    for n in sorted(allowed):
        scale = unrelated(getattr(base[n], name))
        if scale > 0 and allowed[n].get(name, ZERO).rms >= SATURATED * scale:
            return n
    return None
