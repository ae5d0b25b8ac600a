"""No phase is unwatched: what behaves only while it is judged is caught while it is timed."""

import inspect
import itertools
import json
import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from baselines.lattice_field_v1 import engine as right
from groundspeed import baselines
from groundspeed.baselines.engine import clone
from groundspeed.tools.timing import (
    aggregate,
    interleaved,
    output_check,
    runners,
    sanity,
    session,
)
from groundspeed.tools.timing.fingerprints import (
    WrongAnswer,
    bit_sum,
    compare_fingerprints,
    fingerprint,
)
from groundspeed.tools.timing.prepared_case import prepare
from groundspeed.tools.timing.worker_client import Heard
from groundspeed.validation.judge.verdicts import CaseSummary, Status, Summary
from groundspeed.validation.tiers import Coverage

CASE = "odd_2d"


FIXED = (20, 8)  # blocks of eight steps, however busy the machine is; a pass has forty


def verdict(level="exact"):
    return Summary(optimization="it", engine=right.name, level=level, because="it", reason="",
                   expected="verified", status=Status.VERIFIED, protocol=1,
                   coverage=Coverage.EVERYDAY,
                   cases={CASE: CaseSummary()})  # fmt: skip


def timed(tmp_path, wrap, **others):
    """The row that the timing process would print for a candidate whose step is wrapped."""

    def stepper(case):
        return wrap(right.prepare(case), case)

    candidate = replace(right, stepper=stepper, **others)
    heard = Heard()

    def tell(said):
        return heard.hear(0.0, json.loads(json.dumps(said)))

    rounds, steps = FIXED
    prepared = prepare({"it": candidate}, CASE, steps)
    found = prepared.measure(["it"], 3, 0.0, tell, tmp_path, rounds=rounds)
    return heard.case(json.loads(json.dumps(found))).row


def refusal(row, level="exact"):
    """What the clock says of that row."""
    right_answers = session.right_answers(right.name, row, {})
    return sanity.wrong_answers(verdict(level), aggregate.part(row, "it"), right_answers)


def spoiled(state):
    return state._replace(E=state.E * (1 + 1e-9))


def counting(step, case):
    calls = itertools.count()
    return lambda state: spoiled(step(state)) if next(calls) % 64 == 40 else step(state)


def on_the_stack(step, case):
    def inner(state):
        files = [frame.filename for frame in inspect.stack(0)]
        return state if any("timing/prepared_case" in f for f in files) else step(state)

    return inner


def by_module(step, case):
    return lambda state: (
        spoiled(step(state))
        if "groundspeed.tools.timing.prepared_case" in sys.modules
        else step(state)
    )


def remembered(key):
    """Later calls with a known key get the old answer."""

    def wrap(step, case):
        known = {}

        def inner(state):
            if key(state) not in known:
                known[key(state)] = step(state), state
            return clone(known[key(state)][0])

        return inner

    return wrap


def skipping(step, case):
    calls = itertools.count()
    return lambda state: state if next(calls) % 9 == 8 else step(state)


class Lazy(torch.Tensor):
    """Not computed until somebody looks."""


def lazy(step, case):
    def inner(state):
        after = step(state)
        return after._replace(E=after.E.as_subclass(Lazy))

    return inner


def threads(step, case):
    calls = itertools.count()

    def inner(state):
        if next(calls) == 9:
            torch.set_num_threads(2)
        return step(state)

    return inner


CHEATS = {
    "wrong on some calls": (counting, "off after"),
    "looks at the call stack": (on_the_stack, "off after"),
    "looks for the clock's module": (by_module, "off after"),
    "remembers by shape": (remembered(lambda s: s.E.shape), "off after"),
    "remembers by value rounded": (
        remembered(lambda s: [round(float(x), 2) for x in s.E[7, 3:9]].__repr__()),
        "off after",
    ),
    "skips every ninth step": (skipping, "off after"),
    "gives a lazy tensor": (lazy, "Lazy after"),
    "changes the number of threads": (threads, "number of threads"),
}


@pytest.mark.parametrize("name", CHEATS)
def test_a_candidate_that_cheats_while_timed_is_refused(tmp_path, name):
    wrap, reason = CHEATS[name]
    row = timed(tmp_path, wrap)
    torch.set_num_threads(1)
    assert reason in refusal(row)


@pytest.mark.parametrize("level", ["exact", "rounding"])
def test_an_honest_candidate_is_not_refused(tmp_path, level):
    row = timed(tmp_path, lambda step, case: step)
    assert refusal(row, level) == ""
    trail = row["trails"]["it"]
    assert [[made for made, _ in blocks] for blocks in trail["passes"]] == row["looked"]
    assert all(looked[-1] == right.cases[CASE].steps for looked in row["looked"])
    ((number, made, _),) = trail["whole"]
    assert made in row["looked"][number]


def test_one_state_is_kept_whole_and_left_where_it_is_wanted(tmp_path):
    start = right.initial(right.cases[CASE])
    trail = interleaved.Watched("it", runners.Runner(right, right.cases[CASE], start), None)
    for made, drawn in ((8, 0.9), (16, 0.4), (24, 0.9)):  # of one block, of two, of three
        trail.passes or trail.begin()
        trail.draw = SimpleNamespace(random=lambda drawn=drawn: drawn)
        trail.note(made)
    assert list(trail.kept) == [(0, 16)]
    ((number, made, file),) = trail.save(tmp_path / CASE, True)["whole"]
    assert (number, made, [str(p) for p in tmp_path.iterdir()]) == (0, 16, [file])
    trail.note(32)
    assert trail.save(tmp_path / "other", False)["whole"] == []
    assert len(list(tmp_path.iterdir())) == 1
    assert not trail.kept


FRESH = {
    "lattice_field_v1": ("odd_2d", "E"),
    "probabilistic_field_v1": ("peaks", "E"),
    "energy_flow_v1": ("tiny_steps", "inputs"),
    "tensor_field_v1": ("axis_0", "T"),
}


@pytest.mark.parametrize("engine", FRESH)
def test_each_pass_starts_from_fresh_values_and_addresses(engine):
    case, field = FRESH[engine]
    frozen = baselines.load(engine)
    starts = runners.Starts(frozen, frozen.cases[case])
    passes = [starts.own, *(starts.fresh(seed) for seed in (1, 2, 3))]
    found = [getattr(one, field) for one in passes]
    assert len({bit_sum(x.contiguous().view(torch.uint8).reshape(-1)) for x in found}) == 4
    assert len({x.data_ptr() for x in found}) == 4
    assert torch.equal(getattr(starts.fresh(3), field), found[3])


def test_a_start_that_no_seed_moves_stays_in_its_range():
    starts = runners.Starts(right, right.cases[CASE])
    assert not starts.seeded
    fresh = starts.fresh(7)
    share = (1 - fresh.E / starts.own.E)[starts.own.E != 0]
    assert share.min() >= 0
    assert runners.OFF / 2 < share.max() <= runners.OFF
    assert torch.equal(fresh.chi, starts.own.chi)


def test_a_pass_in_which_rounding_decides_says_nothing_and_the_others_count(tmp_path, monkeypatch):
    row = timed(tmp_path, lambda step, case: step)
    answers = session.right_answers(right.name, row, {})
    own, undecided = aggregate.part(row, "it"), set()
    monkeypatch.setattr(
        output_check.Answers, "own_error", lambda self, n: None if n in undecided else {}
    )

    def spoil(blocks):
        blocks[-1][1]["E"]["cells"][3] += 1
        blocks[-1][1]["E"]["bits"] += 1

    spoil(own["passes"][0])
    assert "off after" in sanity.wrong_answers(verdict("rounding"), own, answers)
    undecided.add(0)
    assert sanity.wrong_answers(verdict("rounding"), own, answers) == ""
    assert "off after" in sanity.wrong_answers(verdict("exact"), own, answers)
    for blocks in own["passes"]:
        spoil(blocks)
    undecided |= set(range(len(own["passes"])))
    assert "off after" in sanity.wrong_answers(verdict("rounding"), own, answers)


def test_what_rounding_does_from_a_fresh_start_is_measured_in_every_cell(tmp_path, monkeypatch):
    answers = session.right_answers(right.name, timed(tmp_path, lambda step, case: step), {})
    last, states = right.cases[CASE].steps, answers.run.neighbours

    def parted(start, at):
        for made, state in states(start, at):
            state.E[3, 5] += 1e-6  # in one cell that no fingerprint shows
            yield made, state

    assert 0 < answers.own_error(0)[last]["E"].largest < 1e-9
    monkeypatch.setattr(answers.run, "neighbours", parted)
    assert answers.own_error(0)[last]["E"].largest < 1e-9, "asked once for all candidates"
    own = answers.error_of_pass(0)
    assert own[last]["E"].largest == pytest.approx(1e-6, rel=1e-3)
    allowed = output_check.widened(lambda made: {}, own, last)
    assert allowed["E"] == own[last]["E"].scaled(2 * output_check.SLACK)
    assert "chi" not in allowed


def test_one_wrong_cell_that_a_fingerprint_overlooks_is_found_whole():
    """Two cells off by opposite bits: the sums agree, the whole state does not."""
    want = right.initial(right.cases[CASE])
    got = clone(want)
    bits = got.E.view(-1).view(torch.int64)
    bits[1] += 1
    bits[2] -= 1
    compare_fingerprints(fingerprint(got), fingerprint(want), {}, {}, 1)
    with pytest.raises(WrongAnswer, match="E was"):
        output_check.compare_states(dict(got._asdict()), want, {}, {}, 1)


def rows(candidate_s, moved=1.0, stride=1, least=3e6, written=0.0):
    once = {"baseline": [1.0, 1.0], "candidate": [candidate_s] * 2, "stream": [1e-3] * 2}
    return [{"rounds": [once] * 3, "stream_bytes": 3e6, "least_bytes": least, "moved": moved,
             "stride": stride, "written": written}] * 3  # fmt: skip


def test_a_speed_above_the_stream_is_refused_as_impossible():
    assert "no step can do that" in sanity.impossible_speed("it", CASE, rows(1e-4))
    assert sanity.impossible_speed("it", CASE, rows(9e-4)) == ""


def test_an_engine_without_a_least_traffic_is_held_to_what_it_wrote():
    assert "no step can do that" in sanity.impossible_speed("it", CASE, rows(1e-4, 1, 1, None, 3e6))
    assert sanity.impossible_speed("it", CASE, rows(1e-4, 1, 1, None, 3e5)) == ""


def test_temporal_blocking_and_fields_at_rest_are_not_impossible():
    assert sanity.impossible_speed("it", CASE, rows(2e-4, stride=4)) == ""
    assert sanity.impossible_speed("it", CASE, rows(1e-4, moved=0.05)) == ""
    assert "no step can do that" in sanity.impossible_speed("it", CASE, rows(1e-5, moved=0.05))


def test_a_wrong_answer_says_how_far_the_whole_state_is_off():
    want = right.initial(right.cases[CASE])
    got = clone(want)
    got.E[2, 3] += 0.5
    words = r"0\.5 at most and 0\.0336 in RMS, 1 of 221 cells differ"
    with pytest.raises(WrongAnswer, match=words):
        output_check.compare_states(dict(got._asdict()), want, {}, {}, 1)
