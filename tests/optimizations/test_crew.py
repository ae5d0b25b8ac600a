"""Rank 0 and its peers: bits over processes, and processes that end together."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep

import psutil
import pytest
import torch
import torch.distributed as dist

from groundspeed import baselines
from groundspeed.validation import machine
from groundspeed.validation.records import digests, leaf_imports

leaf_imports.install()

from optimizations.lattice_field_ranks.field import decomposition as lattice  # noqa: E402
from optimizations.probabilistic_field_ranks.rows import decomposition as rows  # noqa: E402
from optimizations.ranks import crew  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
LATTICE = baselines.load("lattice_field_v1")
FIELD = baselines.load("probabilistic_field_v1")
SOON_S = 10.0  # on a machine that does other things as well
pytestmark = [pytest.mark.long, pytest.mark.xdist_group("test_crew")]


@pytest.fixture(scope="module", autouse=True)
def one_crew():
    """Two ranks first, then four: a crew grows, and lasts for all tests of this file."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    crew.end_crew()
    torch.set_num_threads(before)


def gone(pids) -> bool:
    end = monotonic() + SOON_S
    while monotonic() < end:
        if not any(psutil.pid_exists(p) and alive(p) for p in pids):
            return True
        sleep(0.05)
    return False


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_state_moves_over_when_the_crew_grows():
    case = LATTICE.cases["odd_3d"]
    start = LATTICE.initial(case)
    two = crew.over_ranks(lattice, 2)
    step = two.prepare(case)
    early = two.adopt(case, LATTICE.initial(case))
    for _ in range(3):
        early = step(early)
    four = crew.over_ranks(lattice, 4)
    assert digests.same_bits(four.runner(case)(start, 7), LATTICE.runner(case)(start, 7))
    assert early.crew is crew.current[0]
    for _ in range(4):
        early = step(early)
    assert digests.same_bits(two.observe(case, early), LATTICE.runner(case)(start, 7))


@pytest.mark.parametrize("ranks", [1, 2, 4])
@pytest.mark.parametrize("name", ["odd_2d", "odd_3d_float32", "damped", "reflective", "order_6"])
def test_processes_give_the_baseline_s_bits(name, ranks):
    case = LATTICE.cases[name]
    start = LATTICE.initial(case)
    got = crew.over_ranks(lattice, ranks).runner(case)(start, 9)
    assert digests.same_bits(got, LATTICE.runner(case)(start, 9))


def test_the_field_over_processes_has_the_bits_of_one():
    case = FIELD.cases["shipped_64x48"]
    start = FIELD.initial(case)
    one, two, four = (crew.over_ranks(rows, n).runner(case)(start, 4) for n in (1, 2, 4))
    assert digests.same_bits(one, two)
    assert digests.same_bits(one, four)


def test_two_states_do_not_meet():
    engine, case = crew.over_ranks(lattice, 2), LATTICE.cases["odd_2d"]
    start, step = LATTICE.initial(case), crew.over_ranks(lattice, 2).prepare(case)
    other = start._replace(E=start.E * 2, E_prev=start.E_prev * 2)
    a, b = (engine.adopt(case, state) for state in (start, other))
    for _ in range(5):
        a, b = step(a), step(b)
    assert digests.same_bits(engine.observe(case, a), LATTICE.runner(case)(start, 5))
    assert digests.same_bits(engine.observe(case, b), LATTICE.runner(case)(other, 5))


def test_states_that_nobody_holds_are_dropped():
    engine, case = crew.over_ranks(lattice, 2), LATTICE.cases["odd_2d"]
    for _ in range(3):
        engine.observe(case, engine.adopt(case, LATTICE.initial(case)))
    assert not crew.current[0].parts


def test_a_step_lasts_until_the_slowest_rank_is_done():
    """Rank 1 is stopped in the middle of a run, and goes on after a while."""
    engine, case = crew.over_ranks(lattice, 2), LATTICE.cases["packet_64"]
    step, state = engine.prepare(case), engine.adopt(case, LATTICE.initial(case))
    state = step(state)  # the halo lasts for two: rank 0 could make this one by itself
    peer = crew.current[0].peers[1]
    peer.send_signal(signal.SIGSTOP)
    wake = f"import os, time; time.sleep(0.5); os.kill({peer.pid}, {int(signal.SIGCONT)})"
    waker = subprocess.Popen([sys.executable, "-c", wake])
    begun = monotonic()
    step(state)
    assert monotonic() - begun > 0.4
    waker.wait()


@pytest.mark.parametrize("lost", [1, 3])
def test_a_killed_rank_ends_the_others_with_one_line(lost):
    engine, case = crew.over_ranks(lattice, 4), LATTICE.cases["odd_3d"]
    step, state = engine.prepare(case), engine.adopt(case, LATTICE.initial(case))
    state = step(state)
    pids = [peer.pid for peer in crew.current[0].peers.values()]
    os.kill(pids[lost - 1], signal.SIGKILL)
    begun = monotonic()
    with pytest.raises(crew.RankLost) as error:
        step(state)  # the second of two steps that a halo lasts for: no message is missed
    assert monotonic() - begun < SOON_S
    assert f"rank {lost} of 4 was killed by signal 9" in str(error.value)
    assert "\n" not in str(error.value)
    assert gone(pids)
    assert not dist.is_initialized()
    with pytest.raises(crew.RankLost, match="begin a new run"):
        step(state)


def test_a_new_run_begins_with_a_new_crew():
    case = LATTICE.cases["odd_2d"]
    start = LATTICE.initial(case)
    got = crew.over_ranks(lattice, 2).runner(case)(start, 3)
    assert digests.same_bits(got, LATTICE.runner(case)(start, 3))


PROGRAM = """
import sys, torch
from groundspeed import baselines
from groundspeed.validation import discovery
engine = discovery.engine("lattice_field_ranks")
case = engine.cases["packet_64"]
step, state = engine.prepare(case), engine.adopt(case, engine.initial(case))
from optimizations.ranks import crew
print(*(peer.pid for peer in crew.current[0].peers.values()), flush=True)
while True:
    state = step(state)
"""


def test_peers_end_with_a_rank_0_that_is_killed():
    words = [sys.executable, "-c", PROGRAM]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) as program:
        pids = [int(word) for word in program.stdout.readline().split()]
        assert pids
        assert all(map(alive, pids))
        program.kill()
    assert gone(pids)


def test_a_need_of_ranks_is_one_of_processors():
    assert machine.missing((f"ranks:{machine.cores()}",)) == []
    (words,) = machine.missing(("ranks:4096",))
    assert words == f"4096 processors, one for each rank; here: {machine.cores()}"
