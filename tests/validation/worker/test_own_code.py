"""A wrong return and an error are told with the author's file and line, in one line."""

import json
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch

from groundspeed.baselines.engine import Case, Engine, Stage, clone, replace, replace_stage
from groundspeed.validation import discovery
from groundspeed.validation.claims import Agreement
from groundspeed.validation.records.digests import ROOT
from groundspeed.validation.worker import server
from groundspeed.validation.worker.own_code import OwnCode

HERE = Path(__file__).relative_to(ROOT)
CASE = Case(steps=2)


class Heat(NamedTuple):
    warm: torch.Tensor
    time: torch.Tensor


class Layout:
    """A working layout that an author might write."""

    def __init__(self, state):
        self.state = state


def warmer(state):
    return state._replace(warm=2 * state.warm)


def later(state):
    return state._replace(time=state.time + 1)


def frozen(function):
    """As if it were a baseline's: written elsewhere."""
    code = function.__code__.replace(co_filename="/elsewhere/scheme.py")
    return type(function)(code, function.__globals__, argdefs=function.__defaults__)


ENGINE = Engine(
    name="heat",
    cases={"one": CASE},
    initial=lambda case: Heat(torch.ones(3), torch.zeros(())),
    stages=(
        Stage("warm", frozen(lambda case: frozen(warmer))),
        Stage("time", frozen(lambda case: frozen(later))),
    ),
)


@frozen  # its own lines are none of the author's
def told(engine, at=(2,)) -> str:
    """What the process of a candidate says of a run."""
    own = OwnCode("some_name")
    own.folder = ROOT / HERE.parent
    state = engine.initial(CASE)
    try:
        watched = own.watched(engine)
        server.advance(watched, CASE, watched.prepare(CASE), state, list(at))
    except Exception as error:
        return own.explain(error)
    return ""


def line_of(function) -> str:
    return f"({HERE}:{function.__code__.co_firstlineno})"


def as_dict(state):
    return warmer(state)._asdict()


def as_tuple(state):
    return tuple(warmer(state))


def nothing(state):
    warmer(state)


def in_numpy(state):
    return state._replace(warm=2 * state.warm.numpy())


def a_float(state):
    return state._replace(time=float(state.time) + 1)


def a_field_lost(state):
    return state._replace(warm=None)


WRONG = {
    as_dict: "returned dict, allowed: Heat; return state._replace(...)",
    as_tuple: "returned tuple, allowed: Heat; return state._replace(...)",
    nothing: "returned NoneType, allowed: Heat; return state._replace(...)",
    in_numpy: "returned Heat with ndarray as warm, allowed: Tensor; "
    "return state._replace(warm=a tensor)",
    a_float: "returned Heat with float as time, allowed: Tensor; "
    "return state._replace(time=a tensor)",
    a_field_lost: "returned Heat with NoneType as warm, allowed: Tensor; "
    "return state._replace(warm=a tensor)",
}


@pytest.mark.parametrize("wrong", WRONG, ids=lambda f: f.__name__)
@pytest.mark.parametrize("at", [(1,), (1, 2)], ids=["one call", "two calls"])
def test_a_step_that_returns_something_else(wrong, at):
    words = told(replace(ENGINE, stepper=lambda case: wrong), at)
    assert words == f"step {WRONG[wrong]} {line_of(wrong)}"


@pytest.mark.parametrize("wrong", WRONG, ids=lambda f: f.__name__)
@pytest.mark.parametrize("stage", ["warm", "time"])
def test_a_stage_that_returns_something_else_and_then_frozen_code_raises(wrong, stage):
    words = told(replace_stage(ENGINE, **{stage: lambda case: wrong}))
    assert words.startswith(f"stage {stage} {WRONG[wrong]} {line_of(wrong)}")
    assert "\n" not in words


def fails(state):
    return state.warm / state.cold  # no such field


def test_what_raises_is_told_with_the_author_s_innermost_line():
    place = f"({HERE}:{fails.__code__.co_firstlineno + 1})"
    words = "AttributeError: 'Heat' object has no attribute 'cold'"
    for engine in (
        replace(ENGINE, stepper=lambda case: fails),
        replace_stage(ENGINE, time=lambda case: fails),
        replace(ENGINE, stepper=lambda case: fails(Heat(1, 2))),
        replace_stage(ENGINE, time=lambda case: fails(Heat(1, 2))),
        replace(ENGINE, adopt=lambda case, state: fails(state)),
        replace(ENGINE, observe=lambda case, state: fails(state)),
    ):
        assert told(engine) == f"{words} {place}"


def test_a_long_error_is_told_in_one_line_with_what_stands_behind_its_first():
    def raises(state):
        raise ValueError("compilation failed\n\n  unknown attribute 'cold'\n" + 1000 * "^")

    words = told(replace(ENGINE, stepper=lambda case: raises))
    assert words.startswith("ValueError: compilation failed unknown attribute 'cold' ^^")
    assert words.endswith(f"({HERE}:{raises.__code__.co_firstlineno + 1})")
    assert len(words) < 500


def test_a_claim_of_no_engine_says_what_is_allowed():
    with pytest.raises(TypeError, match="engine is dict, allowed: Engine; "):
        Agreement(engine={}, level="exact", because="it is not")


def test_frozen_code_that_raises_names_the_line_of_the_function_that_was_called():
    """The traceback passes through no line of the author's."""

    def no_argument():
        return None

    words = told(replace(ENGINE, stepper=lambda case: no_argument))
    assert "takes 0 positional arguments" in words
    assert words.endswith(line_of(no_argument))


def test_a_function_inside_a_wrapper_is_found():
    step = partial(partial(lambda _, state: as_dict(state)), None)
    assert f"{HERE}:" in told(replace(ENGINE, stepper=lambda case: step))


def test_a_builder_that_returns_no_function():
    def built(case):
        return {"step": warmer}

    words = "returned dict, allowed: a function of the state; return that"
    assert told(replace(ENGINE, stepper=built)) == f"the builder of step {words} {line_of(built)}"
    changed = replace_stage(ENGINE, warm=built)
    assert told(changed) == f"the builder of stage warm {words} {line_of(built)}"


def test_adopt_that_returns_nothing():
    def adopt(case, state):
        Layout(state)

    words = told(replace(ENGINE, adopt=adopt))
    start = f"adopt returned None, allowed: a working state; return it {line_of(adopt)}, then "
    assert words.startswith(f"{start}AttributeError: ")


def test_observe_that_returns_the_working_state():
    adopted = replace(
        ENGINE, adopt=lambda case, state: Layout(state), stepper=lambda case: lambda work: work
    )

    def observe(case, working):
        return working

    words = told(replace(adopted, observe=observe))
    assert words.startswith("observe returned Layout, allowed: Heat; return ")
    assert words.endswith(line_of(observe))
    assert not told(replace(adopted, observe=lambda case, working: working.state))


def test_a_working_layout_may_be_of_any_type():
    """A list in, a tuple out: strange, and nothing is wrong with the answer."""
    engine = replace(
        ENGINE,
        adopt=lambda case, state: list(state),
        stepper=lambda case: lambda work: (2 * work[0], work[1] + 1),
        observe=lambda case, work: Heat(*work),
    )
    assert not told(engine)


def test_what_is_watched_computes_the_same():
    own = OwnCode("some_name").watched(ENGINE)
    start = ENGINE.initial(CASE)
    run = own.runner(CASE)
    assert run(start, 2)._asdict() == {"warm": pytest.approx(4 * np.ones(3)), "time": 2}
    part = replace(own, stages=own.stages[:1]).runner(CASE)
    assert part(clone(start), 2).time == 0


def test_each_kind_of_name_has_a_folder():
    folders = {name: OwnCode(name).folder for name in ("leaf", "=heat_v1", "@control: heat_v1")}
    assert list(folders.values()) == [
        discovery.folder("leaf"),
        ROOT / "baselines" / "heat_v1",
        ROOT / "validation" / "corpus",
    ]


PLANTED = """
def wrong(case):
    step = right.prepare(case)
    return lambda state: {0}


engine = replace(right, stepper=wrong)
"""


def test_a_verdict_names_the_author_s_line(scratch):
    """What the judge prints of a tuple with all the right tensors, and of an error."""
    name = "lattice_field_null"
    path = scratch.file("optimizations", name, "implementation.py")
    before = path.read_text()
    for returned, words in {
        "tuple(step(state))": "step returned tuple, allowed: LatticeState",
        "step(state.nonsense)": "'LatticeState' object has no attribute 'nonsense'",
    }.items():
        path.write_text(before)
        scratch.plant(name, "from dataclasses import replace\n" + PLANTED.format(returned))
        line = 1 + path.read_text().splitlines().index(f"    return lambda state: {returned}")
        done = scratch.run("validate", name)
        assert done.returncode == 1
        assert words in done.stdout
        assert f"optimizations/{name}/implementation.py:{line}" in done.stdout


def error_of(act) -> Exception:
    try:
        act()
    except Exception as error:
        return error


def refuses(shape):
    if len(shape) != 2:
        raise ValueError("3 axes, allowed: 2")  # noqa: E701


@pytest.mark.parametrize(
    ("act", "on_purpose"),
    [
        (lambda: refuses((1, 2, 3)), True),
        (lambda: np.zeros(3) + np.zeros(4), False),
        (lambda: np.zeros(3).reshape(2, 2), False),
        (lambda: np.stack([np.zeros(3), np.zeros(4)]), False),  # raised in Python, by a library
        (lambda: json.loads("{"), False),
        (lambda: [].index(1), False),
        (lambda: torch.zeros(3) + torch.zeros(4), False),
        (lambda: {}["raise"], False),
    ],
)
def test_only_a_value_error_that_somebody_raised_declines(act, on_purpose):
    assert discovery.declined(error_of(act)) is on_purpose
