"""What the fixtures hand out: numbers and verdicts from evidence, or the reason why there are none.

A test that finds no current evidence is skipped. One whose optimization is known to be wrong fails,
as does one that names what does not exist.
"""

from dataclasses import dataclass

import pytest

from groundspeed.location import VARIABLE
from groundspeed.tools.pytest_plugin.project_client import CLIENTS, Client, project_of

OPTION = "--groundspeed-bench"


@dataclass(frozen=True)
class Speedup:
    """Time of the baseline over time of the optimization, measured in pairs.

    Attributes:
        ratio: the best estimate; above 1 is faster.
        low: lower end of its 95 % interval; the number to build upon.
        high: upper end.
        outcome: FASTER, SLOWER or INCONCLUSIVE, with the reason where there is one.
        case: of the baseline.
        machine: kind of machine on which it was measured.
        date: of the measurement.
    """

    low: float
    high: float
    ratio: float
    outcome: str
    case: str
    machine: str
    date: str


@dataclass(frozen=True)
class VerdictOnFile:
    """A current verdict; ``holds`` says whether it is the one that the claim expects."""

    holds: bool
    status: str
    expected: str
    reason: str
    machine: str
    date: str


@dataclass(frozen=True)
class Asker:
    """Asks for evidence on behalf of one test."""

    client: Client
    afresh: bool

    def speedup(self, name: str, case: str = "") -> Speedup:
        return Speedup(**self.ask("speedup", name=name, case=case, measure=self.afresh))

    def verdict(self, name: str) -> VerdictOnFile:
        found = self.ask("verdict", name=name, judge=self.afresh)
        if found.pop("absent"):
            pytest.skip(f"{name}: {found['reason']}")
        del found["next"]
        return VerdictOnFile(**found)

    def ask(self, question: str, **given: object) -> dict:
        found = self.client.ask(question, **given)
        if "failed" in found:
            pytest.fail(found["failed"], pytrace=False)
        if "no number" in found:
            pytest.skip(found["no number"])
        return found


def asker(request: pytest.FixtureRequest) -> Asker:
    """For the test that asks; it is skipped where no project lies above its file."""
    root = project_of(request.path)
    if root is None:
        pytest.skip(f"no groundspeed project lies above {request.path.name}; name it in {VARIABLE}")
    return Asker(request.config.stash[CLIENTS].of(root), request.config.getoption(OPTION))
