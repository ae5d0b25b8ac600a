"""To allow more than before needs a reason; each allowance says where it comes from."""

import pytest

from baselines.lattice_field_v1 import engine
from groundspeed.validation.claims import Agreement
from groundspeed.validation.judge.previous_tolerance import Standard, of, refusal


def claim(level, **more):
    return Agreement(engine=engine, level=level, because="a test", **more)


@pytest.mark.parametrize(
    ("before", "now", "words"),
    [
        (Standard(level="exact"), claim("rounding"), "level 'exact' became 'rounding'"),
        (
            Standard(level="approximate", budget={"E": 1e-6}),
            claim("approximate", budget={"E": 1e-5}),
            "budget of E 1e-06 became 1e-05",
        ),
    ],
)
def test_loosening_without_a_reason_is_refused(before, now, words):
    assert words in refusal(now, before)


def test_a_reason_or_a_closer_claim_is_not_refused():
    assert not refusal(claim("rounding", loosened="contracted on this machine"), of(claim("exact")))
    assert not refusal(claim("exact"), of(claim("rounding")))
    assert not refusal(claim("rounding"), None)


@pytest.mark.long
def test_loosening_is_refused_again_until_there_is_a_reason(scratch):
    leaf = "lattice_field_null"
    scratch.only(leaf, ("odd_2d",))
    assert scratch.run("validate", leaf).returncode == 0
    path = scratch.file("optimizations", leaf, "validation.py")
    text = path.read_text()
    path.write_text(text.replace('level="exact"', 'level="rounding"'))
    for _ in range(2):  # the refusal itself does not become the standard
        done = scratch.run("validate", leaf)
        assert done.returncode == 1
        assert "loosened without a reason" in done.stdout
    path.write_text(text.replace('level="exact"', 'level="rounding", loosened="a test"'))
    assert scratch.run("validate", leaf).returncode == 0
