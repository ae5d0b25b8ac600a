"""Numbers in foreign objects: which there are, how they are set, and what is passed over."""

import random
from collections import deque
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from groundspeed.baselines.foreign import numeric_leaves
from groundspeed.baselines.foreign.answer_files import AnswerFiles
from groundspeed.baselines.foreign.fresh_starts import fresh
from groundspeed.baselines.foreign.object_walk import MANY, Walk
from groundspeed.baselines.foreign.outputs import numbers_left, stacked
from groundspeed.baselines.foreign.sandbox import Boundaries, Broken
from groundspeed.tools.create.program_outputs import chosen, text_constants

GENERATORS = {
    "of numpy": (np.random.default_rng(1), lambda g: g.random()),
    "Mersenne twister": (np.random.Generator(np.random.MT19937(1)), lambda g: g.random()),
    "old one of numpy": (np.random.RandomState(1), lambda g: g.normal()),
    "of Python": (random.Random(1), lambda g: g.gauss(0, 1)),
    "of torch": (torch.Generator().manual_seed(1), lambda g: torch.rand(3, generator=g).sum()),
}


@pytest.mark.parametrize("what", list(GENERATORS))
def test_a_generator_goes_on_from_its_state_as_a_tensor(what):
    generator, draw = GENERATORS[what]
    draw(generator)
    state = numeric_leaves.tensor(generator)
    first = [draw(generator) for _ in range(3)]
    numeric_leaves.fill({"g": generator}, (("item", "g"),), state, set())
    assert [draw(generator) for _ in range(3)] == first


def test_every_kind_of_content_is_found_and_can_be_set_again():
    table = np.zeros(2, dtype=[("x", "f8"), ("n", "i4")])
    key = torch.zeros(1)
    root = {
        "sites": {(0, (1, 2)): 1.5},
        "table": table,
        "past": deque([np.ones(2)]),
        "moments": {key: {"step": torch.tensor(3.0)}},
        "objects": np.array([np.ones(1), None], dtype=object),
        "sparse": torch.eye(2).to_sparse(),
        "when": np.array(["2020-01-01"], dtype="datetime64[D]"),
    }
    places = {place: value for place, value in Walk().numbers(root)}
    assert len(places) == 8
    for place, value in places.items():
        new = numeric_leaves.tensor(value) + 1
        numeric_leaves.fill(root, place, new, set())
        assert torch.equal(numeric_leaves.tensor(numeric_leaves.get(root, place)), new), place
    assert table["x"].tolist() == [1.0, 1.0]


def test_what_is_passed_over_has_a_reason():
    walk = Walk()
    held = {"ratio": Fraction(1, 3), "set": {1.0}, "many": [object()] * (MANY + 1), "word": "x"}
    deep = node = {}
    for _ in range(12):
        node["in"] = {}
        node = node["in"]
    node["u"] = 1.0
    assert list(walk.numbers(held | {"deep": deep})) == []
    reasons = {place[0][1]: why for place, why in walk.left_out.items()}
    assert set(reasons) == {"ratio", "set", "many", "deep"}


def test_places_whose_names_read_alike_are_two_fields():
    found = numbers_left({"a": {"+": 1.0, "-": 2.0}})
    assert [float(stacked(numbers)) for _, numbers in found.values()] == [1.0, 2.0]


def test_an_output_that_cannot_be_compared_is_an_error_and_not_left_out():
    left = {"u": np.ones(2), "ratio": Fraction(1, 3), "mask": np.array([np.nan, 1.0])}
    with pytest.raises(Broken, match="--output ratio: it is a Fraction"):
        chosen(left, (), ("ratio",), {})
    found = chosen(left | {"k": 1}, (), (), {"u": "a reason"})
    assert set(found["fields"]) == {"mask", "mask_not_finite"}
    assert found["left_out"] == {
        "ratio": "is a Fraction, which no tensor holds",
        "k": "is a single number beside arrays",
        "u": "was to be left out: a reason",
    }


SOLVER = b"""
import numpy as np
dt, steps = 0.5, 4
nu = -1 / 64
width: float = 2.0
time = 0.0
decay = np.exp(-dt)
for _ in range(steps):
    time += dt
"""


def test_constants_are_what_the_text_spells_out_and_nothing_changes():
    assert text_constants(SOLVER) == {"dt", "steps", "nu", "width"}


def test_single_numbers_that_a_program_computes_are_outputs_beside_arrays():
    left = {"u": np.ones(2), "energy": 0.5, "drift": np.float64(1e-3), "nu": 1 / 64, "steps": 7,
            "spectrum": {"low": 0.25}, "test_a[0.5].error": 0.125, "_hidden": 1.5,
            "solver": SimpleNamespace(tolerance=1e-8)}  # fmt: skip
    found = chosen(left, (), (), {}, {"nu"})
    assert set(found["fields"]) == {
        "u", "energy", "drift", "spectrum_low", "test_a_0_5_error",
    }  # fmt: skip
    assert found["left_out"] == {
        "nu": "is a constant of the program's text",
        "steps": "is a single number beside arrays",
        "solver_tolerance": "is a single number beside arrays",
        "hidden": "has a private name",
    }
    alone = chosen({"energy": 0.5, "nu": 1 / 64}, (), (), {}, {"nu"})
    assert set(alone["fields"]) == {"energy"}
    assert set(chosen({"nu": 1 / 64}, (), (), {}, {"nu"})["fields"]) == {"nu"}


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("answer.npz", lambda path: np.savez(path, u=np.arange(3.0))),
        ("answer.csv", lambda path: path.write_text("u\n0\n1\n2\n")),
        ("answer.json", lambda path: path.write_text('{"u": [0.0, 1.0, 2.0]}')),
        ("answer.pt", lambda path: torch.save({"u": torch.arange(3.0)}, path)),
    ],
)
def test_an_answer_in_a_file_is_read_if_the_run_wrote_it(tmp_path, name, write):
    write(tmp_path / name)
    files = AnswerFiles(tmp_path, [name, "u"])
    with pytest.raises(Broken, match="does not write"):
        files.read()
    (tmp_path / name).unlink()
    files = AnswerFiles(tmp_path, [name, "u"])
    write(tmp_path / name)
    (numbers,) = [numbers for _, numbers in numbers_left(files.read()).values()]
    assert stacked(numbers).flatten().tolist() == [0.0, 1.0, 2.0]


def test_a_fresh_start_stays_in_range_and_moves_what_is_at_rest():
    start = {"u": torch.zeros(400, dtype=torch.float64), "spin": torch.tensor([1, -1] * 9),
             "place": torch.arange(40), "mass": torch.ones(3)}  # fmt: skip
    start["u"][:4] = 2.0
    seen = {"u": (0.0, 2.0), "spin": (-1.0, 1.0), "place": (0.0, 39.0)}
    one, other = fresh(start, seen, 1), fresh(start, seen, 2)
    assert (one["u"] != start["u"]).all()
    assert one["u"].min() >= 0
    assert one["u"].max() <= 2
    assert sorted(one["spin"].tolist()) == sorted(start["spin"].tolist())
    assert not torch.equal(one["spin"], start["spin"])
    assert torch.equal(one["place"], start["place"])
    assert torch.equal(one["mass"], start["mass"])
    assert not torch.equal(one["u"], other["u"])


def test_boundaries_say_what_nothing_answers_to():
    assert Boundaries({"core:lap": lambda old: old}).absent() == ["core:lap"]
