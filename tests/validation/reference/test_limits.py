"""Every side of a decision that a run takes is noted, at its own line, and no other."""

import json
import sys
from dataclasses import dataclass
from typing import NamedTuple

import torch

from groundspeed import baselines
from groundspeed.baselines.engine import Case, Engine, Stage
from groundspeed.validation.reference.limits import Conditions
from groundspeed.validation.reference.places import Limits, Place


class Cells(NamedTuple):
    """x [cells]."""

    x: torch.Tensor


@dataclass(frozen=True, kw_only=True)
class CellsCase(Case):
    """Cells of these values."""

    values: tuple[float, ...]
    gain: float | None = None
    wall: bool = False


def initial(case: CellsCase) -> Cells:
    x = torch.tensor(case.values, dtype=case.dtype)
    if not torch.isfinite(x).all():
        raise ValueError("values are not finite")
    return Cells(x)


def limited(case: CellsCase):
    gain = 1.0 if case.gain is None else case.gain

    def step(state: Cells) -> Cells:
        x = gain * state.x
        x = torch.where(x < 1, x, 2 * x).clamp(-3, 3)
        x = torch.remainder(x + 2, 4) - 2
        if case.wall and bool(x[0] > 0):
            x = x.clone()
            x.clamp_(min=0)
        return Cells(x)

    return step


ENGINE = Engine(name="limited", cases={}, initial=initial, stages=(Stage("limited", limited),))


def seen(*values, **others) -> dict[str, set[str]]:
    """By source text, what a run of one step reaches."""
    return by_text(run(*values, **others))


def run(*values, steps=1, **others) -> Limits:
    case = CellsCase(steps=steps, values=values, **others)
    with Conditions(ENGINE) as conditions:
        ENGINE.runner(case)(ENGINE.initial(case), steps)
    return conditions.limits


def by_text(limits: Limits) -> dict[str, set[str]]:
    return {place.text: set(found) for place, found in limits.items()}


def test_a_comparison_is_seen_true_false_and_equal():
    assert seen(0.5)["x < 1"] == {"true"}
    assert seen(1.5)["x < 1"] == {"false"}
    assert seen(1.0)["x < 1"] == {"false", "equal"}
    assert seen(0.5, 1.0)["x < 1"] == {"true", "false", "equal"}


def test_a_limit_is_seen_to_act_on_either_side_or_to_be_idle():
    clamp = "torch.where(x < 1, x, 2 * x).clamp(-3, 3)"
    assert seen(0.5)[clamp] == {"idle"}
    assert seen(-4.0)[clamp] == {"low"}
    assert seen(4.0)[clamp] == {"high"}
    assert seen(-3.0)[clamp] == {"idle"}
    wrap = "torch.remainder(x + 2, 4)"
    assert seen(0.0)[wrap] == {"idle"}
    assert seen(-3.0)[wrap] == {"low"}
    assert seen(1.25)[wrap] == {"high"}


def test_a_limit_in_place_is_held_to_what_was_there_before():
    assert seen(0.5, -0.5, wall=True)["x.clamp_(min=0)"] == {"low", "idle"}
    assert seen(0.5, 0.25, wall=True)["x.clamp_(min=0)"] == {"idle"}


def test_a_branch_is_known_before_it_is_taken_and_noted_when_it_is():
    plain, walled = seen(0.5), seen(0.5, wall=True)
    assert plain["case.wall"] == {"false"}
    assert plain["bool(x[0] > 0)"] == set()
    assert walled["case.wall"] == {"true"}
    assert walled["bool(x[0] > 0)"] == {"true"}
    assert seen(-0.5, wall=True)["bool(x[0] > 0)"] == {"false"}


def test_an_option_in_one_line_is_a_branch_of_two():
    limits = run(0.5)
    (place,) = (place for place in limits if place.text == "case.gain")
    assert (place.operator, limits[place]) == ("none", {"true"})
    assert "test_limits.py" in place.file
    assert place.shown().endswith("`case.gain is None`")
    assert by_text(run(0.5, gain=2.0))["case.gain"] == {"false"}


def test_what_refuses_bad_input_does_not_count():
    assert not [text for text in seen(0.5) if "isfinite" in text]


def test_runs_add_up_and_go_through_a_file():
    both = run(0.5) | run(1.0)
    assert by_text(both)["x < 1"] == {"true", "false", "equal"}
    assert Limits.of_plain(json.loads(json.dumps(both.plain()))) == both
    missing = {(place.text, outcome) for place, outcome in run(0.5).missing()}
    assert ("x < 1", "equal") in missing
    assert ("x < 1", "true") not in missing
    assert len(both.reached()) + len(both.missing()) == both.expected()


def test_nothing_of_the_answer_changes_and_the_tracer_comes_back():
    case = CellsCase(steps=3, values=(0.3, -2.5, 7.0), wall=True)
    plain = ENGINE.runner(case)(ENGINE.initial(case), 3)
    before = sys.gettrace()
    with Conditions(ENGINE):
        watched = ENGINE.runner(case)(ENGINE.initial(case), 3)
    assert sys.gettrace() is before
    assert torch.equal(plain.x, watched.x)


def test_a_line_of_an_engine_is_named_within_its_own_folder():
    engine = baselines.load("lattice_field_v1")
    case = engine.cases["ball"]
    with Conditions(engine) as conditions:
        engine.initial(case)
    found = {place.shown("lattice_field_v1"): s for place, s in conditions.limits.items()}
    (inside,) = (place for place in found if "r2 < bodies.width**2" in place)
    assert inside.startswith("scheme.py:")
    assert found[inside] == {"true", "false", "equal"}


def test_another_baseline_of_whose_parts_one_is_built_counts():
    engine = baselines.load("probabilistic_field_v1")
    case = engine.cases["cold_wide"]
    with Conditions(engine) as conditions:
        engine.runner(case)(engine.initial(case), 1)
    places = {place.file for place in conditions.limits}
    assert "probabilistic_field_v0/turnover.py" in places
    assert "probabilistic_field_v1/case.py" in places
    assert not [file for file in places if file.startswith(("engine", "/"))]


def test_a_limit_of_one_side_expects_nothing_of_the_other():
    for limits in (run(0.5, wall=True),):
        (place,) = (place for place in limits if "clamp_" in place.text)
        assert place.operator == "clamp_min"
    assert Place("a.py", 1, "clamp_max", "x").shown() == "a.py:1 `x`"
