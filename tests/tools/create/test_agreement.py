"""Two runs of one program: what may differ between them, and what makes it no baseline."""

from dataclasses import fields

import pytest
import torch

from groundspeed.tools.create.agreement import refuse_difference, without_seconds
from groundspeed.tools.create.recording import NotABaseline, Recording


def recorded(**numbers: float | list[float]) -> Recording:
    held = {name: torch.tensor(value, dtype=torch.float64) for name, value in numbers.items()}
    rest = {f.name: {} for f in fields(Recording)} | {"step": None, "wall_s": 2.0}
    return Recording(**rest | {"fields": held, "left_out": {}})


def test_single_numbers_that_differ_beside_arrays_that_agree_are_named_and_left_out():
    first = recorded(u=[1.0, 2.0], seconds=0.5, steps_a_second=4e3, energy=0.25)
    second = recorded(u=[1.0, 2.0], seconds=0.6, steps_a_second=3e3, energy=0.25)
    kept = without_seconds(first, second)
    assert set(kept.fields) == {"u", "energy"}
    assert kept.left_out == {
        "seconds": "is another time in each run: seconds of a clock",
        "steps_a_second": "is another number in each run",
    }
    refuse_difference("run.py", kept, second)


@pytest.mark.parametrize(
    ("first", "second", "wanted"),
    [
        ({"u": [1.0, 2.0], "rate": 4e3}, {"u": [1.0, 2.0], "rate": 3e3}, ("rate",)),
        ({"u": [1.0, 2.0], "rate": 4e3}, {"u": [1.0, -2.0], "rate": 3e3}, ()),
        ({"rate": 4e3}, {"rate": 3e3}, ()),
        ({"u": [1.0, 2.0], "energy": 1.0}, {"u": [1.0, -2.0], "energy": 1.0}, ()),
    ],
)
def test_what_was_asked_for_or_is_all_there_is_must_agree(first, second, wanted):
    kept = without_seconds(recorded(**first), recorded(**second), wanted)
    with pytest.raises(NotABaseline, match="not deterministic"):
        refuse_difference("run.py", kept, recorded(**second))
