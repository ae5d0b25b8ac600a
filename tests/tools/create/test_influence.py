"""Functions of a program whose results are moved, and what of its answer moves with them."""

import ast

import numpy as np
import pytest

from groundspeed.tools.create.influence import Moved, defined


class Held:
    def __init__(self):
        self.u = np.ones(2)

    def grow(self):
        self.u[:] = 2.0

    def look(self):
        return len(self.u)


@pytest.mark.parametrize("how", ["returned", "in place"])
def test_what_a_function_returns_or_changes_is_moved(how):
    moved, held = Moved(1e-3), Held()
    if how == "returned":
        result = moved.wrap("f", lambda: np.full(2, 2.0))()
    else:
        moved.wrap("f", Held.grow)(held)
        result = held.u
    assert moved.calls == {"f": 1}
    assert ((result > 2.0) & (result < 2.01)).all()


def test_what_a_function_only_reads_stays():
    moved, held = Moved(1e-3), Held()
    assert moved.wrap("f", Held.look)(held) == 2
    assert held.u.tolist() == [1.0, 1.0]


def test_functions_and_methods_are_found_by_name():
    text = "def a(): pass\nclass B:\n    def c(self): pass\n    @property\n    def d(self): pass\n"
    assert list(defined(ast.parse(text).body, "")) == ["a", "B.c"]
