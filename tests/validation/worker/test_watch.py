"""What a candidate may not change: what it is given, and what it gave before."""

import pytest
import torch

from groundspeed import baselines
from groundspeed.validation.worker import server

ENGINE, CASE = "lattice_field_v1", "odd_2d"


class Watched:
    """Runs of one candidate, and what the server says of each."""

    def __init__(self, spoil, calls=range(4)):
        self.engine = baselines.load(ENGINE)
        self.case, self.calls, self.earlier = self.engine.cases[CASE], calls, []
        right = self.engine.prepare(self.case)
        self.step = lambda state: spoil(right, state)

    def run(self, factor=1.0) -> str:
        state = self.engine.initial(self.case)
        state = state._replace(E=state.E * factor)
        watch = server.Watch(self.engine, self.case, self.step, self.calls, self.earlier)
        server.advance(self.engine, self.case, watch, state, [4])
        return watch.ended()


def on_call(number, act):
    """Right, but for an act on the given state in that call."""
    made = []

    def spoil(right, state):
        made.append(1)
        after = right(state)
        if len(made) == number:
            act(state)
        return after

    return spoil


def into_kept_memory(count):
    """Results in so many buffers made once, one after the other, from the first for a new start."""
    kept = []

    def spoil(right, state):
        after = right(state)
        if not kept:
            kept.extend(torch.empty_like(after.E) for _ in range(count))
        mine = [n for n, buffer in enumerate(kept) if buffer.data_ptr() == state.E.data_ptr()]
        place = (mine[0] + 1) % count if mine else 0
        return after._replace(E=kept[place].copy_(after.E))

    return spoil


@pytest.mark.parametrize("number", [1, 2, 4])
def test_a_given_state_that_changes_is_seen_in_every_call(number):
    said = Watched(on_call(number, lambda state: state.E.view(-1)[3:4].add_(1.0))).run()
    assert said == ("the state that it was given" if number == 1 else "its last result")


def test_a_bit_that_equality_does_not_see_counts():
    def negative_zero(state):
        state.chi.fill_(-0.0)

    assert Watched(on_call(1, negative_zero)).run() == "the state that it was given"


def test_calls_that_are_not_watched_are_not_seen():
    spoil = on_call(2, lambda state: state.E.add_(1.0))
    assert Watched(spoil, {0, 2}).run() == ""


def test_a_result_in_memory_made_once_is_seen():
    assert Watched(into_kept_memory(1)).run() == "its last result"


def test_a_result_that_the_next_run_overwrites_is_seen():
    """Three buffers in turn: within a run nothing changes that is still looked at."""
    watched = Watched(into_kept_memory(3))
    assert watched.run() == ""
    assert watched.run(factor=2.0) == "a result of an earlier run"


def test_what_is_right_may_hand_on_the_memory_that_it_was_given():
    watched = Watched(lambda right, state: right(state)._replace(E_prev=state.E, chi=state.chi))
    assert [watched.run(), watched.run(factor=2.0)] == ["", ""]


def test_large_states_are_watched_at_the_first_call_and_at_a_few_that_nobody_knows():
    large = (torch.empty(1).expand(server.WATCHED + 1),)
    drawn = [server.watched_calls(large, 1000) for _ in range(8)]
    assert all(0 in calls and 1 < len(calls) <= server.FEW + 1 for calls in drawn)
    assert len({frozenset(calls) for calls in drawn}) > 1
    assert list(server.watched_calls((torch.empty(9),), 1000)) == list(range(1000))
