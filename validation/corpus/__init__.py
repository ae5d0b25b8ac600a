"""Controls: candidates with a known verdict, over all engines.

Exploits must be refused, each for its own reason; honest rewritings must be accepted at the
level that they claim. Entries are declarations; `hear` gives them to the same checks, in a
process of their own, that judge an optimization.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import baselines
from baselines.engine import Engine
from validation.claims import Agreement
from validation.worker.client import Candidate

PARTS = ("must_reject", "must_reject_timed", "must_accept")
PATIENCE_S = 60.0


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A candidate whose verdict is known.

    Attributes:
        name: in words, unlike any other.
        engine: the baseline that it stands in for.
        build: the candidate, from the baseline.
        case: on which it is heard.
        reason: pattern of what must be said of it; empty for an honest one.
        level: that it claims.
        what: what it does, in a line; where it was seen, if it was.
        patience_s: given to it.
    """

    name: str
    engine: str
    build: Callable[[Engine], Engine]
    case: str
    reason: str = ""
    level: str = "exact"
    what: str = ""
    patience_s: float = PATIENCE_S

    def candidate(self) -> Engine:
        return self.build(baselines.load(self.engine))

    def claim(self) -> Agreement:
        return Agreement(engine=self.candidate(), level=self.level, because=self.what or self.name)

    def as_expected(self, said: str) -> bool:
        """Whether what was said of it is what must be said."""
        return bool(re.search(self.reason, said)) if self.reason else not said


def entries(part: str) -> dict[str, Entry]:
    """Entries of one part by name.

    Raises:
        ValueError: two of one name.
    """
    found = importlib.import_module(f"{__name__}.{part}").ENTRIES
    by_name = {entry.name: entry for entry in found}
    if len(by_name) != len(found):
        raise ValueError(f"two entries of one name in {part}; give each its own")
    return by_name


def find(key: str) -> Entry:
    """The entry of "part/name"."""
    part, _, name = key.partition("/")
    return entries(part)[name]


@cache
def bench(engine: str, case: str):
    """The judge's own reference of a case, computed once for all entries on it."""
    from validation.golden.manifest import manifest
    from validation.judge.case_checks import CaseChecks  # late: candidates need no judge
    from validation.judge.case_reference import CaseReference

    base = baselines.load(engine)
    sealed = manifest(engine).answers[case]
    return CaseChecks(CaseReference(base, case, base.cases[case], sealed))


def hear(part: str, entry: Entry) -> str:
    """What the judge says of an entry: the first check that fails, or nothing."""
    from validation.judge import checks  # late, as above

    with ControlClient(f"@{part}/{entry.name}", entry.patience_s) as room:
        result = checks.run_checks(bench(entry.engine, entry.case), entry.claim(), room)
    return result.broken[0] if result.broken else result.unfinished


class ControlClient(Candidate):
    """A candidate's process that is given as long as the entry says."""

    preloaded = (__name__,)

    def __init__(self, name: str, patience_s: float = PATIENCE_S):
        super().__init__(name)
        self.patience_s = patience_s

    def ask(self, request: dict, patience_s: float) -> dict:
        return super().ask(request, min(patience_s, self.patience_s))
