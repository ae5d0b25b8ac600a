"""Compiling ahead of the judge: what a second process is asked, and that nobody misses it."""

import subprocess
import sys
from threading import Event

import pytest

from tools.cli.precompile import compiled_ahead
from validation import claims, discovery
from validation.tiers import Coverage
from validation.worker import client
from validation.worker.messages import CandidateFailed

COMPILED = "lattice_field_compiled"


class Second:
    """A process of a candidate that answers nothing, and notes what it was asked."""

    made: list = []

    def __init__(self, name):
        self.name, self.asked, self.stopped = name, [], Event()
        self.done = Event()
        Second.made.append(self)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        assert self.stopped.is_set()

    def claim(self):
        return claims.described(discovery.claim(self.name))

    def after(self, case, state, at):
        self.asked.append((case, tuple(at)))

    def stop(self):
        self.stopped.set()


class Broken(Second):
    """One that fails when it is first asked."""

    def after(self, case, state, at):
        self.done.set()
        raise CandidateFailed("died")


class Endless(Second):
    """One that answers when it is ended."""

    def after(self, case, state, at):
        self.stopped.wait()
        raise CandidateFailed("was ended")


@pytest.fixture
def second(monkeypatch):
    """Puts another class in the place of candidates, and says which were made."""

    def put(kind):
        monkeypatch.setattr(client, "Candidate", kind)
        Second.made = []
        return Second.made

    return put


def test_all_small_cases_but_the_first_are_compiled_from_the_last_on(second):
    made = second(Second)
    small = list(discovery.claim(COMPILED).covered(Coverage.SMALL))
    assert len(small) > 1
    with compiled_ahead(COMPILED) as thread:
        thread.join()
    (one,) = made
    assert one.asked == [(case, (2,)) for case in small[:0:-1]]


def test_of_numbas_other_parts_of_the_step_are_compiled_each_once(second):
    made = second(Second)
    with compiled_ahead("probabilistic_field_numba") as thread:
        thread.join()
    assert made[0].asked == [("seeding_only_128x120", (2,)), ("diffusion_only_512x384", (2,))]


def test_a_step_that_has_no_parts_asks_nothing_of_numba_ahead(second):
    made = second(Second)
    with compiled_ahead("lattice_field_numba") as thread:
        thread.join()
    assert made[0].asked == []


def test_what_is_not_compiled_starts_no_second_process(second):
    made = second(Second)
    with compiled_ahead("lattice_field_null") as thread:
        assert thread is None
    assert made == []


@pytest.mark.parametrize("kind", [Broken, Endless])
def test_nobody_waits_for_it_or_hears_of_its_failure(second, kind):
    made = second(kind)
    with pytest.raises(ZeroDivisionError), compiled_ahead(COMPILED):
        raise ZeroDivisionError
    assert made[0].stopped.is_set()


def test_the_verb_starts_the_server_of_forks_before_it_imports_torch():
    command = "import sys, tools.cli.validate; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", command], check=True)
