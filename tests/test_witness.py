"""A candidate that slows the frozen engine is found out by the one that never met it."""

from types import SimpleNamespace

import pytest

import baselines
from tools import clock, contenders, phases, stopwatch, timekeeper
from tools.witness import Witness

LATTICE = "lattice_field_v1"


@pytest.fixture
def told(monkeypatch, tmp_path):
    """A case timed in this process with a witness that hears all; the blocks of both."""
    made: dict[bool, list] = {True: [], False: []}
    make, here = contenders.Contender.make, [False]

    def seen(self, steps):
        if type(self) is contenders.Contender and self is not getattr(witness, "warming", None):
            made[here[0]].append((self.engine, self.state.E.double().sum().item(), steps))
        return make(self, steps)

    monkeypatch.setattr(contenders.Contender, "make", seen)
    witness = Witness(LATTICE)
    candidate = baselines.load(LATTICE)

    def tell(said):
        here[0] = True
        if "frozen" in said:
            witness.begin(said)
            made[True].clear()
            made[False].clear()
        elif "end" in said and "expected" not in said:
            witness.round_over()
        here[0] = False

    steps = candidate.cases["odd_2d"].steps // 2  # a pass is two rounds
    row = stopwatch.measure_case(
        {"idea": candidate}, "odd_2d", 0, 0.0, tell, "exact", tmp_path, (9, steps), memory=False
    )
    return made, witness, row


def test_it_makes_the_blocks_of_the_rounds_from_the_same_states(told):
    made, witness, row = told
    ours, theirs = made[True], made[False][2:]  # the round before the first is the warm-up
    assert len(ours) == len(witness.own) >= 9
    starts = [block[1:] for block in ours]
    rounds = {tuple(block[1:]) for block in theirs}
    assert set(starts) <= rounds
    assert len(set(starts)) == len(starts), "each pass has a start of its own"
    assert len(witness.end(row["rounds"])) == len(ours)


def pairs(ratio: float, count: int = 9) -> list[list[float]]:
    return [[ratio * (1 + 0.01 * (i % 3)), 1.0] for i in range(count)]


def test_what_is_slowed_is_said_and_what_is_not_is_not():
    assert clock.slowing("small", pairs(1.0)) == ""
    assert clock.slowing("small", pairs(0.8)) == ""
    assert "small: in its process the frozen engine takes 1.31 [1.3" in clock.slowing(
        "small", pairs(1.3)
    )
    assert clock.slowing("small", [one[::-1] for one in pairs(1.3)]), "by processor time alone"


def test_few_rounds_say_nothing():
    assert clock.slowing("small", []) == ""
    assert clock.slowing("small", pairs(2.0, clock.WITNESSED - 1)) == ""


def session(monkeypatch, listen) -> clock.Session:
    monkeypatch.setattr(clock, "listen", listen)
    monkeypatch.setattr(clock, "timed_cases", lambda verdict, full: ["small"])
    monkeypatch.setattr(clock, "refuse_wrong_answers", lambda verdict, row, right: None)
    monkeypatch.setattr(clock.Session, "answers", lambda self, row: phases.Answers())
    made = dict.fromkeys(("guilty", "null"), SimpleNamespace(level="exact", engine="e_v1"))
    return clock.Session(made, False, clock.EVERYDAY, lambda line: None, {})


def test_who_was_in_one_process_with_the_guilty_is_timed_without_it(monkeypatch):
    def listen(module, asked, witness):
        names = asked["cases"]["small"]
        block = {name: [1e-3, 1e-3] for name in ("baseline", "control", "stream", *names)}
        row = {
            "case": "small", "steps": 1, "extra": 0, "stream_bytes": 1, "least_bytes": None,
            "rounds": [block] * 9, "warm_up": block, "lost": {},
            "trails": {name: {} for name in names},
            "first_call_s": dict.fromkeys(("baseline", *names), 1.0),
            "peak_bytes": dict.fromkeys(("baseline", *names), 1),
        }  # fmt: skip
        yield timekeeper.Heard(row, {}, pairs(1.5 if "guilty" in names else 1.0))

    found, kept = session(monkeypatch, listen), []
    monkeypatch.setattr(
        clock, "Measurement", lambda **words: kept.append(words["optimization"]) or words
    )
    for verdict in found.verdicts.values():
        verdict.seal, verdict.digests = "", {}
    found.run()
    assert set(found.slowed) == {"guilty", "null"}
    assert dict(found.found(None)) == {}
    alone = clock.apart(found, None)
    assert (list(alone), kept) == (["null"], ["null"])
    assert "guilty/small: in its process the frozen engine takes 1.5" in found.refused["guilty"]
    assert len(alone["null"]["cases"]["small"].witnessed) == 27


def test_a_null_that_slows_the_frozen_engine_gets_no_number(scratch):
    """Right to the bit in every call, and many times as fast as what it slows."""
    scratch.only("lattice_field_null", ("packet_64",))
    scratch.plant(
        "lattice_field_null",
        "import dataclasses, torch\n"
        "roll = torch.roll\n"
        "def slow(*given, **named):\n"
        "    return [roll(*given, **named) for _ in range(12)][0]\n"
        "def cheat(case):\n"
        "    step = right.prepare(case)\n"
        "    def run(state):\n"
        "        torch.roll = roll\n"
        "        try:\n"
        "            return step(state)\n"
        "        finally:\n"
        "            torch.roll = slow\n"
        "    return run\n"
        "engine = dataclasses.replace(right, stepper=cheat)\n",
    )
    scratch.commit()
    assert scratch.run("validate", "lattice_field_null").returncode == 0
    done = scratch.run("bench", "lattice_field_null")
    assert done.returncode == 1, done.stdout
    assert "in its process the frozen engine takes" in done.stdout
