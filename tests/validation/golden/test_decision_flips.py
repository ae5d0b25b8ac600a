"""What a frozen engine decides may come out otherwise elsewhere only where rounding decides it."""

from dataclasses import dataclass
from typing import NamedTuple

import pytest
import torch

from groundspeed.baselines.engine import Case, Engine, Stage
from groundspeed.validation.golden.decision_flips import allowed_flips, decisions, flips
from groundspeed.validation.golden.freeze import check_decisions
from groundspeed.validation.golden.manifest import Sealed

CELLS = 4096


class Marked(NamedTuple):
    """x [cells], any; warm [cells], whether a cell is above its level."""

    x: torch.Tensor
    warm: torch.Tensor


@dataclass(frozen=True, kw_only=True)
class MarkedCase(Case):
    """Levels lie ``off`` above what the cells come to: at 0 rounding alone decides."""

    off: float
    dtype: torch.dtype = torch.float32


def initial(case: MarkedCase) -> Marked:
    x = 1 + torch.rand(CELLS, generator=case.generator(), dtype=case.dtype)
    return Marked(x, torch.zeros(CELLS, dtype=torch.bool))


def marking(case: MarkedCase):
    def step(state: Marked) -> Marked:
        return Marked(state.x, state.x / 3 * 3 > state.x + case.off)

    return step


def ended(off: float):
    case = MarkedCase(steps=1, seed=1, off=off, stored=True)
    engine = Engine(
        name="marked", cases={"c": case}, initial=initial, stages=(Stage("marking", marking),)
    )
    return engine, case, engine.runner(case)(engine.initial(case), 1)


def flipped(state: Marked, count: int) -> dict[str, torch.Tensor]:
    warm = state.warm.clone()
    warm[:count] ^= True
    return {"x": state.x, "warm": warm}


def test_as_many_as_rounding_moves_may_be_decided_otherwise_and_no_more():
    engine, case, end = ended(off=0.0)
    most = allowed_flips(engine, case, end, Marked._asdict)["warm"]
    assert 0 < most < CELLS
    check_decisions("marked/c", engine, case, end, flipped(end, most))
    with pytest.raises(Sealed, match=f"warm is not the sealed one in {most + 1} of {CELLS}"):
        check_decisions("marked/c", engine, case, end, flipped(end, most + 1))


@pytest.mark.parametrize("off", [-0.1, 0.1])
def test_not_one_may_where_rounding_decides_nothing(off):
    engine, case, end = ended(off)
    check_decisions("marked/c", engine, case, end, flipped(end, 0))
    with pytest.raises(Sealed, match="rounding moves 0 at most"):
        check_decisions("marked/c", engine, case, end, flipped(end, 1))


def test_more_decisions_than_there_were_are_all_others():
    assert flips(torch.zeros(3, dtype=torch.int64), torch.zeros(5, dtype=torch.int64)) == 5
    assert set(decisions({"x": torch.zeros(1), "n": torch.zeros(1, dtype=torch.int64)})) == {"n"}
