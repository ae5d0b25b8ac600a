"""Forks are as good as new processes only where two things are so; the experiment tells both."""

import random
from types import SimpleNamespace

import pytest

from groundspeed.tools.experiments import fork_spread
from groundspeed.tools.rendering.templates import PAGES

PAIRS = [f"idea_{n}/small" for n in range(60)]


@pytest.fixture(autouse=True)
def kept(monkeypatch, tmp_path):
    monkeypatch.setattr(fork_spread.samples, "FOLDER", tmp_path)


def sessions(spread: float = 0.05, shared: float = 0.0, seed: int = 0) -> list[dict]:
    """Two sessions; in each, what was prepared moves the ratios of a pair all alike."""
    rng, found = random.Random(seed), []
    for _ in range(2):
        moved = {pair: rng.gauss(0, shared) for pair in PAIRS}
        ratios = {
            pair: [moved[pair] + rng.gauss(0, spread) for _ in range(fork_spread.PROCESSES)]
            for pair in PAIRS
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


def test_a_pair_that_one_session_lacks_is_left_out():
    both = {"forks": sessions(), "new": sessions(seed=3)}
    for pair in PAIRS[2:]:
        del both["new"][0]["ratios"][pair]
    with pytest.raises(ValueError, match="2 pairs of an optimization and a case; allowed: 3"):
        fork_spread.fork_spread(["idea"], both)
