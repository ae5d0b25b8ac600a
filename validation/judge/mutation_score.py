"""Mutation score: does this claim, on these cases, detect wrong answers?

Mutants wrap the candidate's own step, in the candidate's process. The checks that judged the
candidate judge them, cheapest case first. A mutant that changes no bit of any answer is
equivalent on that case and is tried on the next one; so is a mutant that survives. A mutant
that survives every case is a hole in the claim.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import torch

from groundspeed.baselines.engine import State, fields
from groundspeed.validation.claims import Agreement
from groundspeed.validation.judge.case_checks import CaseChecks
from groundspeed.validation.judge.compare import compare, same_bits
from groundspeed.validation.judge.findings import CaseResult, Mutation
from groundspeed.validation.judge.law_check import check_laws
from groundspeed.validation.mutation.mutants import DROPPED, NONE, SMALL, names, shows
from groundspeed.validation.parallel.threads import workers
from groundspeed.validation.reference.distance import distance, inexact, size
from groundspeed.validation.worker.memo import MemoizedCandidate
from groundspeed.validation.worker.messages import CandidateFailed

SPARE = 3  # one mutant in so many is tried every day where all states are large
CALLS = 5  # of a trajectory, where its states are large
OVERLAP = 2  # are tried at a time: one answer is compared while the candidate gives the next
IDLE = 3  # cases on which a mutant may change nothing before it is given up; stages are not


@dataclass
class Score:
    """Fate of the mutants of one claim so far."""

    claim: Agreement
    killed: dict[str, str] = field(default_factory=dict)
    mutants: set[str] = field(default_factory=set)
    excess: set[str] = field(default_factory=set)  # further from the candidate than is declared
    idle: Counter[str] = field(default_factory=Counter)  # cases on which it changed nothing
    names: list[str] = field(default_factory=list)
    tried: int = 0  # cases

    def __post_init__(self):
        self.names = names(self.claim)

    def try_case(self, case: CaseChecks, client) -> None:
        """Tries the surviving mutants on this case, which the candidate itself has passed.

        On the first case all are tried, whatever its size.
        """
        first, self.tried = self.tried == 0, self.tried + 1
        small = first or sum(t.numel() for t in case.data.reference.start) <= SMALL
        alive = [n for n in self.names if n not in self.killed]
        alive = [n for n in alive if n in self.mutants or small and self.may_yet(n)]
        if case.data.brief and first:
            alive = alive[::SPARE]
        if not alive:
            return
        client = MemoizedCandidate(client)  # which asks one at a time
        plain = frozen = self.unspoiled(case, Recorded(client))
        if self.claim.level != "exact" and any(name.startswith(DROPPED) for name in alive):
            # what less of the baseline is compared with
            frozen = self.unspoiled(case, Recorded(client, DROPPED + NONE))

        def attempt(name: str) -> None:
            compared = frozen if name.startswith(DROPPED) else plain
            self.attempt(name, case, Recorded(client, name, compared.answers))

        with workers(OVERLAP) as pool:
            for _ in pool.map(attempt, alive):
                pass

    def unspoiled(self, case: CaseChecks, client: Recorded) -> Recorded:
        """The client, after it has recorded its answers to all comparisons."""
        for _ in case.comparisons(self.claim, client, CALLS):
            pass
        return client

    def may_yet(self, name: str) -> bool:
        return name.startswith(DROPPED) or self.idle[name] < IDLE

    def attempt(self, name: str, case: CaseChecks, client: Recorded) -> None:
        reason = refusal(self.claim, case, client)
        if reason:
            self.killed[name] = f"{case.data.name}: {reason}"
        elif client.differs or not shows(name):
            self.mutants.add(name)
            if client.exceeds(self.claim.budget):
                self.excess.add(name)
        else:
            self.idle[name] += 1

    def result(self) -> Mutation:
        alive = [n for n in self.names if n in self.mutants and n not in self.killed]
        tolerated = self.claim.level == "approximate"
        return Mutation(
            killed={n: self.killed[n] for n in self.names if n in self.killed},
            survived=[n for n in alive if not tolerated or n in self.excess],
            within_budget=[n for n in alive if tolerated and n not in self.excess],
            no_mutant=[n for n in self.names if n not in self.killed and n not in self.mutants],
        )


def refusal(claim: Agreement, case: CaseChecks, client: Recorded) -> str:
    """The first failing check, or "": comparisons, then laws."""
    result = CaseResult()
    try:
        for check in case.comparisons(claim, client, CALLS):
            compare(claim, result, check)
            if result.broken:
                return result.broken[0]
        if client.differs:
            check_laws(case.data, claim, client, result)
    except CandidateFailed as failure:
        return str(failure)
    return result.broken[0] if result.broken else ""


class Recorded:
    """A candidate whose answers are recorded, or compared with the unspoiled candidate's."""

    def __init__(self, client, mutant: str = "", plain: list | None = None):
        self.client, self.mutant, self.plain = client, mutant, plain
        self.answers: list[dict[int, State]] = []

    def __getattr__(self, name: str):
        return getattr(self.client, name)

    def after(self, *words, guard: bool = True, **others) -> dict[int, State]:
        hidden = guard and bool(self.mutant) and not shows(self.mutant)
        found = self.client.after(*words, mutant=self.mutant, guard=hidden, **others)
        self.answers.append(found)
        return found

    def pairs(self):
        """(spoiled, unspoiled) states of every answer that both gave."""
        for ours, theirs in zip(self.answers, self.plain, strict=False):
            yield from ((ours[n], theirs[n]) for n in ours if n in theirs)

    @property
    def differs(self) -> bool:
        return any(not same_bits(a, b) for a, b in self.pairs())

    def exceeds(self, budget) -> bool:
        """Whether any field is further from the unspoiled answer than the claim declares."""
        return any(
            relative(getattr(a, name), theirs) > budget.get(name, 0.0)
            for a, b in self.pairs()
            for name, theirs in fields(b).items()
        )


def relative(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    """RMS of the difference over the RMS of the unspoiled field; infinite for whole numbers."""
    if torch.equal(ours, theirs):
        return 0.0
    if not inexact(theirs) or ours.shape != theirs.shape:
        return float("inf")
    norm = size(theirs)
    return distance(ours, theirs).rms / norm if norm else float("inf")
