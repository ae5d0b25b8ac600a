"""A refusal comes with the smallest run that shows it, and one command that runs it again."""

import json

import pytest
import torch

from groundspeed.validation.judge.divergence import histogram

WRONG = """
import dataclasses
def wrong(case):
    from baselines.lattice_field_v1.scheme import advance
    return advance(dataclasses.replace(case, c=case.c * (1 + 5e-7)))
from groundspeed.baselines.engine import replace_stage
engine = replace_stage(right, field=wrong)
"""


@pytest.mark.long
def test_a_refusal_is_traced_to_step_stage_and_cell_and_replayed(scratch):
    leaf = "lattice_field_null"
    scratch.only(leaf, ("odd_2d",))
    scratch.plant(leaf, WRONG)
    assert scratch.run("validate", leaf).returncode == 1
    record = json.loads(scratch.file(".groundspeed", "failures", f"{leaf}.json").read_text())
    assert (record["steps"], record["calls"], record["stage"]) == (0, 1, "field")
    assert record["field"] == "E"
    assert sum(record["ulps"].values()) == 17 * 13
    shown = scratch.run("replay", leaf)
    assert shown.returncode == 1
    assert "E still differs" in shown.stdout
    path = scratch.file("optimizations", leaf, "implementation.py")
    path.write_text(path.read_text() + "\nengine = right\n")
    mended = scratch.run("replay", leaf)
    assert mended.returncode == 0
    assert "equal, bit for bit" in mended.stdout


def test_a_name_without_a_failure_is_wrong_usage(scratch):
    done = scratch.run("replay", "lattice_field_null")
    assert done.returncode == 2
    assert "no failure" in done.stderr


def test_units_in_the_last_place_are_counted_across_zero():
    x = torch.tensor([1.0, 1.0, 0.0, 5.0])
    up = torch.nextafter(x, torch.full_like(x, 9.0))
    up[0], up[2], up[3] = 1.0, -0.0, 6.0
    assert histogram(up, x) == {"0": 2, "1": 1, "10001 to 100000000": 1}
