"""Input variants: other states, memory layouts and shapes than those of the named cases.

A named case is one run, and an optimization can be right on it by luck. On small cases the
judge runs the baseline on the spot from

    seed k      the start of another seed, or where the seed moves nothing, a state from the
                middle of the trajectory, each number off by about a thousandth
    zeros       an eighth of the numbers 0, another eighth −0
    denormal    an eighth of the numbers below the smallest normal one
    large       all moving numbers 2¹⁰ times as large
    offset      the case's start, one element into a larger block of memory
    strided     the case's start as every second element of a block full of NaN; in these two
                torch itself may sum in another order, so exact claims are held to rounding
    shape       the case with a size one larger or smaller, about a block of 64, or tiny
    threshold   states on either side of a change of decisions: `validation.inputs.thresholds`

A start is used where the baseline *admits* it: it does not refuse, and its answer is
finite. Where rounding moves a decision of the baseline itself, values after it are not
compared. What no named case contains (other memory, other shapes, special numbers) an
optimization may decline by raising an error: that is noted. A wrong answer is not declining,
and fresh starts may not be declined.

Everything is drawn from the case's own seed: the same case is always tried alike.
"""

import dataclasses
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache as cache_results
from itertools import islice, tee
from threading import RLock

import torch

from groundspeed import baselines
from groundspeed.baselines.engine import Case, Engine, State, replace
from groundspeed.validation.claims import Agreement
from groundspeed.validation.golden import run_cache
from groundspeed.validation.inputs import thresholds
from groundspeed.validation.inputs.sizes import alike, resized
from groundspeed.validation.inputs.starts import moving, off_by
from groundspeed.validation.parallel.threads import shared
from groundspeed.validation.reference.distance import ZERO, Distance, inexact
from groundspeed.validation.reference.envelope import FACTOR, QUANTILE, Envelope, envelope
from groundspeed.validation.reference.trajectory import Reference, like

WORK = 60_000  # operator calls that the envelopes of one case's variants may take
SENSITIVE, ROUNDED = 8, 4  # members of a variant's envelope
RUNS = SENSITIVE + 8 * ROUNDED  # that it takes; random rounding is that much slower
SMALL = 1 << 13  # elements of the largest field; larger cases are tried from fresh starts alone
FEW, BRIEFLY = 2, 2  # of these, and steps of each
AT = (1, 2, 3, 4, 6, 8)  # steps after which a variant is compared
RACED, RACED_OFTEN = 1 << 23, 1 << 18  # elements of a state on which races are sought, and often
RACING = 6  # cases on which they are sought often
SEEDS = 6  # of six, the smallest and the largest enclose the median in 97 of 100 draws
EIGHTH = 8
FIRST = 3  # of them come before all others
LAYOUTS = ("offset", "strided")
VARIANTS = 3
COMPILED_VARIANTS = 1  # each shape is compiled anew, for seconds
REFUSALS = (ValueError, RuntimeError, IndexError)  # of a start that the engine does not admit


@dataclass
class InputVariant:
    """One start on one case, and what the baseline makes of it."""

    label: str
    base: Engine
    case: Case
    start: State
    want: dict[int, State]
    changes: dict[str, object] = field(default_factory=dict)  # of the named case
    layout: str = ""
    optional: bool = False  # whether the candidate may decline by raising an error
    lock: RLock = field(default_factory=RLock, repr=False)

    @shared
    def true(self) -> dict[int, State]:
        """The same run in the widest type."""
        if self.case.is_truth:
            return self.want
        wide = self.case.truth
        begin = like(self.start, self.base.initial(wide))
        return run_cache.along(self.base, wide, begin, sorted(self.want))

    @shared
    def envelope(self) -> Envelope:
        """How far right answers may lie from the truth."""

        def measure() -> Envelope:
            run = (self.base, self.case, self.start, self.want, self.true, self.still())
            return envelope(*run, SENSITIVE, ROUNDED)

        return run_cache.envelope(self.base, self.case, self.start, sorted(self.want), measure)

    def true_after(self, n: int) -> State:
        return self.true[n]

    def allowed(self, n: int, name: str) -> Distance:
        """What a field may be off after n steps."""
        return self.envelope.allowed[n].get(name, ZERO)

    def origin(self) -> str:
        """Where what is allowed comes from."""
        members = f"{SENSITIVE} one-ulp starts and {ROUNDED} randomly rounded runs"
        return f"{FACTOR:g} times the {QUANTILE:g} quantile of {members}"

    def still(self) -> tuple[str, ...]:
        """Declared fixed, and not moved here."""
        run = Reference(self.case, {0: self.start} | self.want)
        return tuple(name for name in self.base.fixed if not run.evolving(name))


def variant(
    label: str, base: Engine, case: Case, start: State, most: int = AT[-1], **more
) -> InputVariant | None:
    """The variant over at most so many steps, if the baseline admits it."""
    at = [n for n in AT if n <= min(case.steps, most)]
    try:
        want = run_cache.along(base, case, start, at)
    except REFUSALS:
        return None
    if not all(torch.isfinite(t).all() for state in want.values() for t in state):
        return None
    return InputVariant(label, base, case, start, want, **more)


def input_variants(base: Engine, run: Reference) -> Iterator[InputVariant]:
    """Every variant of a small case, each made when it is asked for; of a larger one some fresh
    starts over a call or two."""
    small = max(t.numel() for t in run.start) <= SMALL
    return filter(None, attempts(base, run) if small else few_attempts(base, run))


def few_attempts(base: Engine, run: Reference) -> Iterator[InputVariant | None]:
    """Fresh starts of a case whose state is large."""
    still = tuple(name for name in base.fixed if not run.evolving(name))
    brief = {"most": BRIEFLY if sum(t.numel() for t in run.start) <= RACED else 1}
    for k, state in enumerate(islice(seeds(base, run, still), FEW), 1):
        yield variant(f"seed {k}", base, run.case, state, **brief)


def attempts(base: Engine, run: Reference) -> Iterator[InputVariant | None]:
    """The variants in their order; none where the baseline does not admit one."""
    case, start = run.case, run.start
    still = tuple(name for name in base.fixed if not run.evolving(name))

    def made(starts: Iterable[tuple[str, State]], **more) -> Iterator[InputVariant | None]:
        return (variant(label, base, case, state, **more) for label, state in starts)

    fresh = made((f"seed {k}", s) for k, s in enumerate(seeds(base, run, still), 1))
    yield from islice(fresh, FIRST)
    yield from made(beside_thresholds(base, run, still), optional=True)
    for layout in LAYOUTS:
        yield from made([(layout, start)], layout=layout, optional=True)
    yield from islice(filter(None, other_sizes(base, case, start)), VARIANTS)
    yield from made(special(start, still, case.seed), optional=True)
    yield from fresh  # the rest of them


class Made(Iterable[InputVariant]):
    """Variants that are made once, the first time that somebody comes to them."""

    def __init__(self, coming: Iterator[InputVariant]):
        self.coming = coming

    def __iter__(self) -> Iterator[InputVariant]:
        self.coming, again = tee(self.coming)
        return again


def afforded(found: Iterable[InputVariant], calls: int) -> list[InputVariant]:
    """As many of the variants, in their order, as may have an envelope each; the first, cut
    short to one call where it must be, in any case."""
    kept, spent = [], 0
    for one in found:
        spent += cost(one, calls)
        if spent > WORK:
            least = min(one.want)
            return kept or [dataclasses.replace(one, want={least: one.want[least]})]
        kept.append(one)
    return kept


def cost(one: InputVariant, calls: int) -> int:
    """Operator calls that its envelope takes."""
    return calls * max(one.want) * RUNS


@cache_results
def sizes(engine: str, case: str) -> tuple[int, ...]:
    """Elements of each field of the start; a large start is dear to make only for that."""
    base = baselines.load(engine)
    return tuple(t.numel() for t in base.initial(base.cases[case]))


def informative_cases(base: Engine, agreement: Agreement, full: bool = True) -> list[str]:
    """Cases that the claim covers of which variants are made: of the small ones three by size, or
    one; where all are large the smallest."""
    names = list(agreement.covered_of(base))
    if len(names) == 1:
        return names
    small = sorted((max(sizes(base.name, n)), n) for n in names if base.cases[n].stored)
    small = [n for count, n in small if count <= SMALL]
    if not small:
        return [min(names, key=lambda n: (max(sizes(base.name, n)), n))]
    middle = small[len(small) // 2 :][:1]
    return sorted({*small[:1], *middle, *small[-1:]}) if full else middle


def racing_cases(base: Engine, agreement: Agreement, full: bool = True) -> list[str]:
    """Cases on which races are sought: the largest whose runs are affordable, and some that can be
    run often, or one where each shape is compiled for seconds."""
    covered = agreement.covered_of(base)
    if len(covered) == 1:
        return list(covered)
    total = {name: sum(sizes(base.name, name)) for name in covered}
    able = sorted((count, -covered[n].steps, n) for n, count in total.items() if count <= RACED)
    often = [name for count, _, name in able if count <= RACED_OFTEN][-RACING:]
    if set(agreement.engine.needs) & {"compiler", "jax"}:
        often = informative_cases(base, agreement, full)[-1:]
    return [*often, *(name for *_, name in able[-1:])]


def seeds(base: Engine, run: Reference, still: tuple[str, ...]) -> Iterator[State]:
    """Fresh starts of the same case."""
    for k in range(1, SEEDS + 1):
        other = base.initial(replace(run.case, seed=run.case.seed + k))
        moved = any(not torch.equal(a, b) for a, b in zip(other, run.start, strict=True))
        yield other if moved and alike(other, run.start) else disturbed(run, k, still)


def disturbed(run: Reference, k: int, still: tuple[str, ...]) -> State:
    """A state from along the trajectory, each moving number off by about a thousandth."""
    states = [run.states[n] for n in sorted(run.states)]
    state = states[k * (len(states) - 1) // (SEEDS + 1)]
    return moving(state, still, run.case.seed + k, off_by(1e-3))


def special(start: State, still: tuple[str, ...], seed: int) -> Iterator[tuple[str, State]]:
    """Starts with numbers of a special kind in some places."""

    def somewhere(t, g, *values):
        at = torch.randint(0, EIGHTH, t.shape, generator=g)
        for place, value in enumerate(values):
            t = torch.where(at == place, value, t)
        return t

    yield "zeros", moving(start, still, seed, lambda t, g: somewhere(t, g, 0.0, -0.0))
    yield (
        "denormal",
        moving(start, still, seed, lambda t, g: somewhere(t, g, torch.finfo(t.dtype).tiny / 4)),
    )
    yield "large", moving(start, still, seed, lambda t, g: t * 1024)


def beside_thresholds(
    base: Engine, run: Reference, still: tuple[str, ...]
) -> Iterator[tuple[str, State]]:
    """Starts on either side of a threshold, where one frozen step crosses any."""
    if not all(map(inexact, run.start)):
        with suppress(*REFUSALS):
            yield from thresholds.beside(
                run.start,
                lambda state: run_cache.along(base, run.case, state, [1])[1],
                lambda share: moving(run.start, still, run.case.seed, off_by(share)),
            )


def other_sizes(base: Engine, case: Case, start: State) -> Iterator[InputVariant | None]:
    """Sizes of the case moved, where the engine takes them: larger, smaller, block, tiny."""
    for changes in resized(base, case, start):
        try:
            other = replace(case, **changes)
            begin = base.initial(other)
        except REFUSALS:
            continue
        if max(t.numel() for t in begin) <= SMALL:
            words = ", ".join(f"{key} {value}" for key, value in changes.items())
            yield variant(words, base, other, begin, changes=changes, optional=True)
