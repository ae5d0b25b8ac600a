"""Pairs of features that never meet in a small named case, brought together in few inputs.

A greedy covering array: a row begins with a pair that is still missing, laid into the first case
that the engine admits with it; then each other field takes the feature that brings most missing
pairs, if the engine still admits the row.

D. M. Cohen, S. R. Dalal, M. L. Fredman, G. C. Patton, IEEE Trans. Softw. Eng. 23, 437 (1997),
doi:10.1109/32.605761.
"""

import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from groundspeed.baselines.engine import Case
from groundspeed.validation.inputs.features import Feature, features, kind, pairs
from groundspeed.validation.inputs.moves import PAIR, Proposal
from groundspeed.validation.inputs.tried import Tried
from groundspeed.validation.reference import case_fields
from groundspeed.validation.reference.case_fields import LIKE, parts

TRIES = 6  # cases into which a pair is laid
SOME = 0.6
Pair = tuple[Feature, Feature]


@dataclass
class Covering:
    """Rows over the cases of one class.

    Attributes:
        cases: named cases of the class, smallest first.
        sources: of those the ones that are small.
        attempt: runs a proposal: None where it is not admitted.
    """

    cases: dict[str, Case]
    sources: list[str]
    attempt: Callable[[Proposal], Tried | None]

    def __post_init__(self):
        self.holders: dict[Feature, object] = {}  # a value of that feature, as plain data
        for name, case in self.cases.items():
            for feature in features(case).items():
                self.holders.setdefault(feature, {LIKE: name})
        self.holders |= {
            feature: value
            for feature, value in unseen(self.cases.values()).items()
            if feature not in self.holders
            and any(self.attempt(Proposal(PAIR, n, {feature[0]: value})) for n in self.sources)
        }
        known = sorted(self.holders)
        every = {(a, b) for a in known for b in known if a[0] < b[0]}
        self.missing = every - set().union(*(pairs(self.cases[n]) for n in self.sources))
        self.all = len(every)

    def rows(self) -> Iterator[Tried]:
        """Inputs that bring missing pairs together, until no further one is admitted."""
        for place, pair in enumerate(sorted(self.missing)):
            if pair not in self.missing:
                continue
            row = self.begun(pair, place)
            if row is not None:
                row = self.extended(row, random.Random(place))
                self.missing -= row.pairs
                yield row

    def begun(self, pair: Pair, place: int) -> Tried | None:
        """The first small case that is admitted with the pair, the cases taking turns."""
        changes = {name: self.holders[name, kind] for name, kind in pair}
        turn = place % len(self.sources)
        for source in (self.sources[turn:] + self.sources[:turn])[:TRIES]:
            row = self.attempt(Proposal(PAIR, source, changes))
            if row is not None and pair in row.pairs:
                return row
        return None

    def extended(self, row: Tried, rng: random.Random) -> Tried:
        """The row with more missing pairs, where the engine admits that."""
        others = sorted({name for name, _ in self.holders} - set(row.proposal.changes))
        rng.shuffle(others)
        for name in others:
            gain, feature = max(self.gains(row, name), default=(0, None))
            if gain <= len(self.missing & {p for p in row.pairs if name in (p[0][0], p[1][0])}):
                continue
            changes = row.proposal.changes | {name: self.holders[feature]}
            wider = self.attempt(Proposal(PAIR, row.proposal.case, changes))
            if wider is not None and len(wider.pairs & self.missing) > len(
                row.pairs & self.missing
            ):
                row = wider
        return row

    def gains(self, row: Tried, name: str) -> Iterator[tuple[int, Feature]]:
        """For each feature of a field, how many missing pairs it would bring into the row."""
        rest = [feature for feature in features(row.case).items() if feature[0] != name]
        for feature in self.holders:
            if feature[0] == name:
                found = {tuple(sorted((feature, other))) for other in rest}
                yield len(found & self.missing), feature


def unseen(cases: Iterable[Case]) -> dict[Feature, float]:
    """Numbers that no case has in a field: none at all where all have some, some where all have
    0 or 1."""
    found = {}
    for case in cases:
        for name, value in parts(case):
            if isinstance(value, float) and name not in case_fields.WORKING:
                found |= {(name, kind(new)): new for new in (0.0, SOME)}
    return found
