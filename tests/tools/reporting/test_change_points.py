"""A number that became another one is found in its history; noise of identical code is not."""

import math
import random
import subprocess

import pytest

from groundspeed.tools.reporting import change_points
from groundspeed.validation.records import digests, results

HISTORIES, LENGTH = 50, 20


def identical_code() -> list[float]:
    """What the control showed in every case that is on file, as log ratios."""
    found = []
    for path in (digests.ROOT / "reports" / "results").glob("*/*_*.json"):
        timing = results.read(path.stem, path.parent.name).get("timing") or {}
        found += [math.log(case["control"]) for case in timing.get("cases", {}).values()]
    return found


NOISE = identical_code()


def series(effect: float, rng: random.Random) -> list[tuple[str, float]]:
    """A speedup of 2 that is lost by so much halfway, under the noise of identical code."""
    lost = [math.log1p(effect) * (k >= LENGTH // 2) for k in range(LENGTH)]
    return [
        (f"2026-01-{k + 1:02}", 0.5 * math.exp(x + rng.choice(NOISE))) for k, x in enumerate(lost)
    ]


def alarms(effect: float) -> int:
    rng = random.Random(1)
    return sum(bool(change_points.change_points(series(effect, rng))) for _ in range(HISTORIES))


def test_fifty_histories_of_identical_code_give_no_alarm():
    assert len(NOISE) > 300
    assert alarms(0.0) <= 1


def test_a_fifth_that_is_lost_is_found_in_nearly_all_of_fifty():
    assert alarms(0.2) >= 0.9 * HISTORIES


def test_a_change_names_its_first_measurement_and_both_sides():
    ratios = [(f"2026-01-{k + 1:02}", 0.5 if k < 8 else 0.25) for k in range(12)]
    (found,) = change_points.change_points(ratios)
    assert str(found) == "faster since 2026-01-09: 2.00x became 4.00x"
    assert "slower since" in str(change_points.change_points([(m, 1 / r) for m, r in ratios])[0])


@pytest.mark.parametrize("count", [0, 1, change_points.FEWEST - 1])
def test_few_measurements_have_none(count):
    assert change_points.change_points([("2026-01-01", 0.5**k) for k in range(count)]) == []


def test_a_history_is_what_git_and_this_machine_have(tmp_path, monkeypatch):
    name, on = "lattice_field_buffers", "amd-epyc-avx512-2"
    was = results.path(name, on).read_text(encoding="utf-8")
    monkeypatch.setattr(digests, "ROOT", tmp_path)
    place = tmp_path / "reports" / "results" / on / f"{name}.json"
    place.parent.mkdir(parents=True)

    def git(*words):
        author = ("-c", "user.name=a", "-c", "user.email=a@b")
        subprocess.run(["git", "-C", tmp_path, *author, *words], check=True, capture_output=True)

    git("init")
    place.write_text(was)
    git("add", "-A")
    git("commit", "-m", "measured")
    place.write_text("{}")
    git("commit", "-am", "broken")
    assert len(change_points.history(name, on)) == 1, "one, and the broken file stops nobody"
    kept = tmp_path / ".groundspeed" / "earlier" / f"{name}_2026.json"
    kept.parent.mkdir(parents=True)
    kept.write_text(was)
    assert len(change_points.history(name, on)) == 1, "the same measurement counts once"
