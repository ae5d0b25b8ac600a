"""Timing processes: each request is answered by one that loads and prepares all itself."""

import time
from collections import Counter

import pytest

from groundspeed.tools import process
from groundspeed.tools.process import Died
from groundspeed.tools.timing import timing_worker
from groundspeed.tools.timing.timing_worker import TimingWorker
from groundspeed.tools.timing.worker_client import timed_cases_of

NAME, OTHER = "lattice_field_buffers", "lattice_field_null"
CASE, NEXT = "odd_2d", "odd_3d"
NOTES = """
import dataclasses, os, pathlib


def note(words):
    with (pathlib.Path(__file__).parents[2] / "notes.txt").open("a") as file:
        file.write(f"{words} {os.getpid()}\\n")


def noting(case):
    note("prepared")
    step, seen = right.prepare(case), set()

    def run(state):
        if os.getpid() not in seen:
            seen.add(os.getpid())
            note("stepped")
        STEP
        return step(state)

    return run


engine = dataclasses.replace(right, stepper=noting)
"""


@pytest.fixture
def worker(scratch, monkeypatch):
    monkeypatch.setattr(process.digests, "ROOT", scratch.root)
    with TimingWorker() as made:
        yield made


def plant(scratch, step="pass"):
    scratch.plant(NAME, NOTES.replace("STEP", step))


def ask(worker, tmp_path, *names, **more):
    """The rounds of one process."""
    asked = {"seed": 0, "budget_s": 0.0, "memory": False, "folder": str(tmp_path)} | more
    (found,) = timed_cases_of(worker, asked | {"cases": {CASE: [*names]}})
    return found


def notes(scratch) -> dict[str, list[str]]:
    """Processes in which a candidate was prepared, made its first step, and was called."""
    found = {"prepared": [], "stepped": [], "called": []}
    for line in scratch.file("notes.txt").read_text().splitlines():
        what, who = line.split()
        found[what].append(who)
    return found


def test_each_request_is_answered_by_a_process_that_prepares_all_itself(scratch, worker, tmp_path):
    plant(scratch)
    found = [ask(worker, tmp_path, NAME, seed=seed) for seed in range(3)]
    done = notes(scratch)
    assert len(done["prepared"]) == len(set(done["prepared"])) == 3
    assert done["stepped"] == done["prepared"], "where it was prepared"
    assert all(len(one.row["rounds"]) >= 3 and not one.row["lost"] for one in found)
    starts = [one.row["seeds"] for one in found]
    assert len({seed for own in starts for seed in own}) == sum(map(len, starts))


def test_a_process_that_dies_leaves_the_worker_to_the_others(scratch, worker, tmp_path):
    plant(scratch, step="os._exit(9)")
    with pytest.raises(Died, match="ended with 9"):
        ask(worker, tmp_path, NAME, OTHER)
    assert not worker.lost
    assert ask(worker, tmp_path, OTHER).row["trails"].keys() == {OTHER}


def test_the_next_case_is_prepared_while_one_is_looked_at_and_no_more(scratch, worker, tmp_path):
    plant(scratch, step="note('called')")
    asked = {"seed": 0, "budget_s": 0.0, "memory": False, "folder": str(tmp_path)}
    found = timed_cases_of(worker, asked | {"cases": {CASE: [NAME], NEXT: [NAME]}})
    assert next(found).row["case"] == CASE
    began = time.monotonic()
    while len(set(notes(scratch)["called"])) < 2:
        assert time.monotonic() < began + 60, "it is prepared"
        time.sleep(0.01)
    time.sleep(0.3)
    (_, own) = Counter(notes(scratch)["called"]).values()
    assert own <= 2, "the calls that prepare it"
    (last,) = found
    (_, more) = Counter(notes(scratch)["called"]).values()
    assert (last.row["case"], more > own) == (NEXT, True)


def test_one_that_cannot_be_loaded_is_lost_alone(scratch, worker, tmp_path):
    scratch.plant(NAME, "raise ImportError('no such library')\n")
    found = ask(worker, tmp_path, NAME, OTHER)
    assert "no such library" in found.row["lost"][NAME]
    assert found.row["trails"].keys() == {OTHER}
    with pytest.raises(Died, match="no such library"):
        ask(worker, tmp_path, NAME)


def test_a_silent_worker_is_given_up(tmp_path, monkeypatch):
    (tmp_path / "silent.py").write_text("import time\ntime.sleep(60)\n")
    monkeypatch.setattr(process.digests, "ROOT", tmp_path)
    monkeypatch.setattr(timing_worker, "MODULE", "silent")
    with TimingWorker(patience_s=0.2) as worker, pytest.raises(Died, match="said nothing for"):
        ask(worker, tmp_path, NAME)


def test_the_last_line_of_a_dead_worker_is_told(tmp_path, monkeypatch):
    (tmp_path / "dead.py").write_text("raise SystemExit('out of memory')\n")
    monkeypatch.setattr(process.digests, "ROOT", tmp_path)
    monkeypatch.setattr(timing_worker, "MODULE", "dead")
    with TimingWorker() as worker:
        time.sleep(0.5)
        with pytest.raises(Died, match="ended with 1: out of memory"):
            ask(worker, tmp_path, NAME)
        assert worker.lost
