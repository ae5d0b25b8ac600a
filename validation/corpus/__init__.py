"""Controls: candidates with a known verdict, over all engines.

Must-reject controls must be rejected, each for its own reason; must-accept controls must be
accepted at the level that they claim. Entries are declarations; `tools.selftest` gives them to
the checks, or to the clock, that judge an optimization.
"""

import importlib
import re
from collections.abc import Callable
from dataclasses import dataclass

from groundspeed import baselines
from groundspeed.baselines.engine import Engine

PARTS = (
    "must_reject",
    "must_reject_variants",
    "must_reject_timed",
    "must_accept",
    "must_accept_variants",
)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A candidate whose verdict is known.

    Attributes:
        name: in words, unlike any other.
        engine: the baseline that it stands in for.
        build: the candidate, from the baseline.
        case: on which it is checked.
        reason: pattern of what must be said of it; empty where it must be accepted.
        level: that it claims.
        patience_s: given to it.
    """

    name: str
    engine: str
    build: Callable[[Engine], Engine]
    case: str
    reason: str = ""
    level: str = "exact"
    patience_s: float = 60.0

    def candidate(self) -> Engine:
        return self.build(baselines.load(self.engine))

    def as_expected(self, message: str) -> bool:
        """Whether what was said of it is what must be said."""
        return bool(re.search(self.reason, message)) if self.reason else not message


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
