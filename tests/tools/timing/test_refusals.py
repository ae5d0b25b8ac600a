"""The clock refuses what it must, and its statistics say no more than the pairs do."""

import json
import math
import random
import re

import pytest

from groundspeed.tools.timing import intervals
from groundspeed.tools.timing.intervals import Interval
from groundspeed.validation import machine
from groundspeed.validation.records import results


def test_bench_refuses_without_a_verdict(scratch):
    done = scratch.run("bench", "lattice_field_null")
    assert done.returncode == 1
    assert "UNJUDGED" in done.stdout
    assert "groundspeed validate lattice_field_null" in done.stdout


def test_a_verdict_on_small_cases_gives_no_number(scratch):
    scratch.only("lattice_field_null", ("odd_2d", "packet_64"))
    scratch.commit()
    done = scratch.run("validate", "lattice_field_null", "--small", "--json")
    (verdict,) = json.loads(done.stdout)
    assert (done.returncode, verdict["status"]) == (0, "VERIFIED")
    refused = scratch.run("bench", "lattice_field_null")
    assert refused.returncode == 1
    assert "judged on its small cases only" in refused.stdout


@pytest.mark.long
def test_null_is_inconclusive_and_a_dirty_tree_is_refused(scratch):
    scratch.only("lattice_field_null", ("packet_64",))
    scratch.commit()
    assert scratch.run("validate", "lattice_field_null").returncode == 0
    scratch.file("tools", "note.py").write_text("x = 1\n")
    refused = scratch.run("bench", "lattice_field_null", "--processes", "2")
    assert refused.returncode == 1
    assert "--dirty" in refused.stdout
    done = scratch.run("bench", "lattice_field_null", "--processes", "2", "--dirty")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "(dirty)" in done.stdout
    file = results.path("lattice_field_null", machine.kind(), scratch.root)
    record = json.loads(file.read_text())["timing"]
    assert record["conditions"]["dirty"]
    found = record["cases"]["packet_64"]
    assert found["processes"] + len(found.get("discarded", [])) >= 2
    assert found["injected_truth"] > 1
    verified = scratch.run("report", "--verify")
    assert verified.returncode == 0, verified.stdout
    assert re.search(r"[0-9]+ figures in 2 sections computed again and the same", verified.stdout)
    record["cases"]["packet_64"]["ratio"] = 2 * found["ratio"]
    forged = json.loads(file.read_text()) | {"timing": record}
    del forged["seal"]
    file.write_text(results.layout(forged))
    differs = scratch.run("report", "--verify")
    assert differs.returncode == 1
    assert "DIFFERS" in differs.stdout
    assert "cases.packet_64.ratio: on file" in " ".join(differs.stdout.split())


@pytest.mark.long
def test_code_that_behaves_only_while_judged_is_caught(scratch):
    """Right for the calls that a judge makes in one process; wrong from call 150 on."""
    scratch.only("lattice_field_null", ("packet_64",))
    scratch.plant(
        "lattice_field_null",
        "import dataclasses, sys\n"
        "def cheat(case):\n"
        "    step = right.prepare(case)\n"
        "    timed = 'groundspeed.tools.timing.worker' in str(sys.orig_argv)\n"
        "    return (lambda state: state) if timed else step\n"
        "engine = dataclasses.replace(right, stepper=cheat)\n",
    )
    scratch.commit()
    assert scratch.run("validate", "lattice_field_null").returncode == 0
    done = scratch.run("bench", "lattice_field_null", "--processes", "1")
    assert done.returncode == 1
    assert "computes something else while it is timed" in done.stdout


@pytest.mark.long
def test_a_timer_that_slows_while_the_candidate_runs_is_caught(scratch):
    """Nine tenths of the candidate's time are hidden from the timer in its own process."""
    scratch.only("lattice_field_null", ("packet_64",))
    scratch.plant(
        "lattice_field_null",
        "import dataclasses, sys, time\n"
        "hidden, real = [0.0], time.perf_counter\n"
        "def hide(case):\n"
        "    step = right.prepare(case)\n"
        "    def hidden_step(state):\n"
        "        before = real()\n"
        "        state = step(state)\n"
        "        hidden[0] += (real() - before) * 9 / 10\n"
        "        return state\n"
        "    return hidden_step\n"
        "if 'groundspeed.tools.timing.worker' in str(sys.orig_argv):\n"
        "    for name in ('perf_counter', 'process_time'):\n"
        "        clock = getattr(time, name)\n"
        "        runners = sys.modules['groundspeed.tools.timing.runners']\n"
        "        setattr(runners, name, lambda c=clock: c() - hidden[0])\n"
        "    engine = dataclasses.replace(right, stepper=hide)\n",
    )
    scratch.commit()
    assert scratch.run("validate", "lattice_field_null").returncode == 0
    done = scratch.run("bench", "lattice_field_null", "--processes", "1")
    assert done.returncode == 1
    assert "its process is not to be believed" in done.stdout


def test_the_order_statistic_interval_covers_the_median():
    rng, hits = random.Random(0), 0
    for _ in range(400):
        found = intervals.within([math.exp(rng.gauss(0.1, 0.3)) for _ in range(30)])
        hits += found.low <= math.exp(0.1) <= found.high
    assert hits / 400 > 0.93


def test_the_interval_between_processes_covers_the_truth():
    rng, hits = random.Random(1), 0
    for _ in range(400):
        found = intervals.between([math.exp(rng.gauss(-0.7, 0.05)) for _ in range(5)])
        hits += found.low <= math.exp(-0.7) <= found.high
    assert hits / 400 > 0.92


@pytest.mark.parametrize(
    ("wall", "cpu", "noise", "word"),
    [
        (Interval(0.5, 0.45, 0.55), Interval(0.5, 0.45, 0.55), 0.002, "FASTER"),
        (Interval(2.0, 1.9, 2.1), Interval(2.0, 1.9, 2.1), 0.002, "SLOWER"),
        (Interval(1.0, 0.98, 1.02), Interval(1.0, 0.98, 1.02), 0.002, "INCONCLUSIVE"),
        (Interval(0.5, 0.45, 0.55), Interval(1.0, 0.9, 1.1), 0.002, "INCONCLUSIVE"),
        (Interval(0.98, 0.975, 0.985), Interval(0.98, 0.975, 0.985), 0.05, "INCONCLUSIVE"),
        (Interval(0.5, 0.0, math.inf), Interval(0.5, 0.0, math.inf), 0.002, "INCONCLUSIVE"),
    ],
)
def test_the_word_needs_both_clocks_and_more_than_noise(wall, cpu, noise, word):
    control = Interval(1.0, 1.0, 1.0).apart(noise)
    assert intervals.beyond(intervals.widened(wall, cpu, (control, control))) == word
