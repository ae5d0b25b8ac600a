"""Forks are as good as new processes only where two things are so; the experiment tells both."""

import math
import random
from types import SimpleNamespace

import pytest

from groundspeed.tools.experiments import fork_spread
from groundspeed.tools.rendering.templates import PAGES
from groundspeed.tools.timing import session

PAIRS = [f"idea_{n}/small" for n in range(60)]


@pytest.fixture(autouse=True)
def kept(monkeypatch, tmp_path):
    monkeypatch.setattr(fork_spread.samples, "FOLDER", tmp_path)


def sessions(
    spread: float = 0.05, shared: float = 0.0, level: float = 0.0, noise: float = 0.0, seed: int = 0
) -> list[dict]:
    """Two sessions around a level; what was prepared moves the ratios of a pair all alike, and what
    else ran on the machine those of a process."""
    rng, found = random.Random(seed), []
    for _ in range(2):
        moved = {pair: level + rng.gauss(0, shared) for pair in PAIRS}
        others = [rng.gauss(0, noise) for _ in range(fork_spread.PROCESSES)]
        ratios = {
            pair: [moved[pair] + other + rng.gauss(0, spread) for other in others] for pair in PAIRS
        }
        found.append({"seconds": 80.0, "ratios": ratios})
    return found


def shown(**forks):
    both = {"forks": sessions(seed=1, **forks), "new": sessions(seed=2)}
    return fork_spread.fork_spread(["idea"], both)


def test_forks_that_are_as_good_are_called_so():
    found = shown()
    value, low, high = found.narrower
    assert low < 1 < high
    assert 0.8 < found.apart["forks"] < 1.25
    assert found.spread["forks"] == pytest.approx(0.05, rel=0.2)
    assert found.seconds == {"forks": 10.0, "new": 10.0}
    assert (found.pairs, found.processes) == (60, fork_spread.PROCESSES)


def test_the_page_shows_both_kinds(monkeypatch):
    found = shown()
    monkeypatch.setattr(fork_spread.results, "section_or_none", lambda *_: found)
    (on_file,) = fork_spread.on_file(SimpleNamespace(machines=["m", "n"]))
    assert on_file == ("m", found)
    page = PAGES.get_template("experiment.md").render(found=[], forks=[on_file])
    assert "4 sessions of 8 processes" in page
    assert f"| forks | {100 * found.spread['forks']:.1f} % |" in page
    assert "| 10 |" in page


def test_forks_that_spread_too_little_show_it():
    assert shown(spread=0.025).narrower[2] < 0.7


def test_forks_that_share_what_moves_them_show_it():
    found = shown(shared=0.05)
    assert found.apart["forks"] > 1.8
    assert 0.8 < found.apart["new"] < 1.25


@pytest.mark.parametrize(
    ("level", "said"),
    [(0.06, "understate a speedup"), (-0.06, "overstate a speedup"), (0, "no difference was seen")],
)
def test_another_level_of_forks_is_said(level, said):
    found = shown(level=level, noise=0.03)
    assert found.level == pytest.approx(level, abs=0.04)
    page = PAGES.get_template("experiment.md").render(found=[], forks=[("m", found)])
    assert said in page


def test_pairs_of_one_process_are_not_independent():
    """Of what moves all pairs of a process, chance makes a level; its interval must know that."""
    held = 0
    for seed in range(40):
        both = {
            "forks": sessions(noise=0.1, seed=2 * seed),
            "new": sessions(noise=0.1, seed=2 * seed + 1),
        }
        low, high = fork_spread.fork_spread(["idea"], both).level_interval
        held += low < 0 < high
    assert held >= 34


class Ended(Exception):
    """A process that does not come."""


@pytest.mark.parametrize("broken", [False, True])
def test_sessions_take_turns_both_ways_and_all_are_ended(monkeypatch, broken):
    began, ended = [], []

    class Session:
        def __init__(self, allowed, full, plan, tell, refused):
            self.kind, self.rows = "new" if plan.anew else "forks", {}

        def processes(self):
            try:
                for number in range(fork_spread.PROCESSES):
                    if broken and len(began) == 3:
                        raise Ended
                    began.append(self.kind)
                    yield number
            finally:
                ended.append(self.kind)

    monkeypatch.setattr(session, "Session", Session)
    monkeypatch.setattr(session, "allowed_to_run", lambda name, dirty: name)
    if broken:
        with pytest.raises(Ended):
            fork_spread.sessions_in_turn(["idea"], print)
        assert sorted(ended) == sorted(fork_spread.SESSIONS)
        return
    found = fork_spread.sessions_in_turn(["idea"], print)
    assert {kind: len(own) for kind, own in found.items()} == {"forks": 2, "new": 2}
    forwards = list(fork_spread.SESSIONS)
    assert began == [*forwards[::-1], *forwards] * (fork_spread.PROCESSES // 2)
    assert sorted(ended) == sorted(forwards)


def test_ratios_stand_in_the_order_of_the_processes():
    """Also those of processes whose control was off, which are kept apart."""
    ratios = [1 + n / 10 for n in range(fork_spread.PROCESSES)]
    made = [
        {"number": n, "rounds": [{"baseline": [1.0, 1.0], "candidate": [r, r]}]}
        for n, r in enumerate(ratios)
    ]
    case = SimpleNamespace(kept=made[1:], off=[(made[0], None)])
    found = fork_spread.log_ratios({("idea", "small"): case})
    assert found == {"idea/small": pytest.approx([math.log(r) for r in ratios])}


def test_a_pair_that_one_session_lacks_is_left_out():
    both = {"forks": sessions(), "new": sessions(seed=3)}
    for pair in PAIRS[2:]:
        del both["new"][0]["ratios"][pair]
    with pytest.raises(ValueError, match="2 pairs of an optimization and a case; allowed: 3"):
        fork_spread.fork_spread(["idea"], both)
