"""Checkpoints that resume bit for bit after a kill, and output that keeps every bit."""

import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from baselines.lattice_field_v1 import engine as baseline
from groundspeed.baselines.engine import clone
from groundspeed.validation.records import digests
from optimizations.lattice_field_checkpointed.checkpoints import Checkpoints
from optimizations.lattice_field_checkpointed.implementation import Counted, adopt, checkpointed
from optimizations.lattice_field_recorded import recording
from optimizations.lattice_field_recorded.implementation import recorded

CASE = replace(baseline.cases["odd_3d"], steps=100_000)
EVERY = 6

RUN = """
import sys
from pathlib import Path
from dataclasses import replace
from baselines.lattice_field_v1 import engine as baseline
from optimizations.lattice_field_checkpointed.implementation import adopt, checkpointed
case = replace(baseline.cases["odd_3d"], steps=100_000)
step = checkpointed(case, Path(sys.argv[1]), 6)
state = adopt(case, baseline.initial(case))
for _ in range(case.steps):
    state = step(state)
    print(state.made, flush=True)
"""


def kill_after(steps, folder):
    """Start a run, kill it once it has made so many steps; how many it had made by then."""
    command = [sys.executable, "-c", RUN, folder]
    with subprocess.Popen(command, cwd=digests.ROOT, stdout=subprocess.PIPE, text=True) as process:
        made = 0
        while made < steps:
            made = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        rest = process.stdout.read().splitlines()
    whole = [line for line in rest if line.isdigit()]
    return int(whole[-1]) if whole else made


@pytest.mark.parametrize("after", [7, 36, 155])
def test_a_killed_run_resumes_bit_for_bit_and_loses_at_most_one_interval(tmp_path, after):
    made = kill_after(after, tmp_path)
    found = Checkpoints(tmp_path).newest()
    step, state = found or (0, baseline.initial(CASE))
    assert made - step <= EVERY
    ahead = baseline.runner(CASE)
    assert all(map(torch.equal, state, ahead(baseline.initial(CASE), step)))
    resumed = checkpointed(CASE, tmp_path / "again", EVERY)
    here = Counted(clone(state), step)
    for _ in range(10):
        here = resumed(here)
    assert all(map(torch.equal, here.lattice, ahead(baseline.initial(CASE), step + 10)))
    resumed.checkpoints.close()


def test_a_damaged_checkpoint_is_passed_over(tmp_path):
    checkpoints, state = Checkpoints(tmp_path), baseline.initial(CASE)
    checkpoints.save(5, state)
    checkpoints.save(10, state)
    checkpoints.close()
    newest = tmp_path / "000000010.safetensors"
    newest.write_bytes(newest.read_bytes()[:100])
    assert Checkpoints(tmp_path).newest()[0] == 5


def test_one_time_level_does_not_resume(tmp_path):
    state, run = baseline.initial(CASE), baseline.runner(CASE)
    halfway = run(state, 10)
    without = halfway._replace(E_prev=halfway.E)
    assert not torch.equal(run(without, 5).E, run(state, 15).E)


def test_recorded_frames_are_the_fields(tmp_path):
    step = recorded(CASE, tmp_path, every=2)
    state, run = adopt(CASE, clone(baseline.initial(CASE))), baseline.runner(CASE)
    for _ in range(6):
        state = step(state)
    step.recording.flush()
    frames = recording.whole(tmp_path)
    assert frames.shape[0] == 3
    for i, frame in enumerate(frames):
        want = run(baseline.initial(CASE), 2 * (i + 1)).E
        assert torch.equal(torch.from_numpy(frame.copy()), want)


def test_frames_that_were_not_flushed_are_not_read(tmp_path):
    step = recorded(CASE, tmp_path, every=1)
    state = adopt(CASE, clone(baseline.initial(CASE)))
    state = step(state)
    step.recording.flush()
    step(state)
    assert len(recording.whole(tmp_path)) == 1


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_compression_keeps_every_bit(dtype):
    field = np.random.default_rng(0).standard_normal((5, 7, 9)).astype(dtype)
    field[0, 0, 0] = -0.0
    back = recording.expand(recording.compress(field), dtype, field.shape)
    assert back.tobytes() == field.tobytes()


def test_a_compact_packet_compresses_well():
    field = baseline.initial(baseline.cases["compact_128"]).E[::2, ::2, ::2].contiguous().numpy()
    assert len(recording.compress(field)) < field.nbytes / 20
