"""Runs under torchrun: checkpoints that any number of ranks resumes, and a rank that is lost."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep
from types import SimpleNamespace

import psutil
import pytest
import torch

from groundspeed import baselines
from groundspeed.tools.ranks import checkpoints
from groundspeed.tools.ranks.checkpoints import INDEX, Checkpoint, Planes
from groundspeed.tools.ranks.this_rank import decomposition
from groundspeed.validation.records import digests, tensor_files
from groundspeed.validation.records.errors import BrokenRecord, Refused, UnknownName

ROOT = Path(__file__).resolve().parents[3]
NAME, CASE = "lattice_field_ranks", "odd_3d"
SOON_S = 20.0
LATTICE = baselines.load("lattice_field_v1")
pytestmark = pytest.mark.xdist_group("test_ranks_run")


def torchrun(ranks: int, *words: object) -> subprocess.Popen:
    program = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    program += ["--nproc-per-node", str(ranks), "-m", "groundspeed.tools.ranks.run"]
    return subprocess.Popen(
        [*program, *map(str, words)], cwd=ROOT, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )  # fmt: skip


def answer(ranks: int, *words: object) -> dict:
    out, errors = (process := torchrun(ranks, *words)).communicate(timeout=120)
    assert process.returncode == 0, errors
    return json.loads(out)


@pytest.mark.long
def test_any_number_of_ranks_goes_on_with_equal_bits(tmp_path):
    kept = ("--checkpoints", tmp_path)
    answer(1, NAME, "--case", CASE, "--steps", 6, "--every", 3, *kept)
    answer(3, NAME, "--case", CASE, "--steps", 5, "--resume", tmp_path, *kept)
    last = answer(2, NAME, "--case", CASE, "--steps", 4, "--resume", tmp_path, "--digest")
    case = LATTICE.cases[CASE]
    assert last["step"] == 15
    assert last["digest"] == digests.of_state(LATTICE.runner(case)(LATTICE.initial(case), 15))
    assert len(last["messages"]) == 2
    assert all(0 < share < 1 for share in last["messages"])
    assert [p.name[-2:] for p in sorted(tmp_path.iterdir())] == ["03", "06", "11"]
    ranks = [Checkpoint.read(p / INDEX).pieces for p in sorted(tmp_path.iterdir())]
    assert [len(pieces) for pieces in ranks] == [1, 1, 3]


@pytest.mark.long
def test_a_lost_rank_ends_the_run_and_its_checkpoint_stays(tmp_path):
    words = (NAME, "--case", "packet_64", "--steps", 10**6, "--every", 5)
    process = torchrun(2, *words, "--checkpoints", tmp_path)
    try:
        end = monotonic() + 60
        while not list(tmp_path.glob(f"*/{INDEX}")) and monotonic() < end:
            sleep(0.1)
        ranks = psutil.Process(process.pid).children(recursive=True)
        found = [p for p in ranks if "groundspeed.tools.ranks.run" in " ".join(p.cmdline())]
        assert len(found) == 2
        os.kill(found[1].pid, signal.SIGKILL)
        begun = monotonic()
        _, errors = process.communicate(timeout=SOON_S)
        assert monotonic() - begun < SOON_S
        assert process.returncode
        assert "SIGKILL" in errors or "Signal 9" in errors
        assert not any(p.is_running() for p in found)
    finally:
        process.kill()
        process.communicate()
    index = Checkpoint.read(checkpoints.latest(tmp_path) / INDEX)
    assert index.step % 5 == 0


def alone(n: int = 7):
    """One rank without a process group, that has every plane."""
    found = decomposition(NAME)
    team = SimpleNamespace(rank=0, size=1, device="cpu")
    return SimpleNamespace(
        decomposition=found, team=team, slab=lambda case: found.slabs(case, 1)[0],
        cut=lambda name, tensor: found.cut(name, tuple(tensor.shape)),
    )  # fmt: skip


def written(folder: Path) -> Path:
    """A checkpoint of two ranks with the start of the case."""
    case, place = LATTICE.cases[CASE], folder / "step-00000004"
    state, pieces = LATTICE.initial(case)._asdict(), []
    for rank, (a, b) in enumerate([(0, 3), (3, 7)]):
        split = {name: state[name][a:b] for name in ("E", "E_prev")}
        own = (state | split) if rank == 0 else split
        file = f"rank-{rank:04d}.safetensors"
        tensor_files.save(place / file, own)
        digest = digests.of_file(place / file)
        pieces.append(Planes(file=file, digest=digest, first=a, last=b))
    described = checkpoints.described(case)
    index = Checkpoint(engine="lattice_field_v1", case=described, step=4, pieces=pieces)
    index.write(place / INDEX)
    return place


def test_a_checkpoint_is_read_by_the_planes_that_are_needed(tmp_path):
    case = LATTICE.cases[CASE]
    state, step = checkpoints.load(written(tmp_path), alone(), case)
    assert step == 4
    assert digests.same_bits(state, LATTICE.initial(case))


def test_a_folder_without_an_index_is_no_checkpoint(tmp_path):
    place = written(tmp_path)
    later = tmp_path / "step-00000009"
    later.mkdir()
    assert checkpoints.latest(tmp_path) == place
    (place / INDEX).unlink()
    with pytest.raises(FileNotFoundError, match="no complete checkpoint"):
        checkpoints.latest(tmp_path)


def test_a_file_that_is_not_what_was_written_is_refused(tmp_path):
    place = written(tmp_path)
    tensor_files.save(place / "rank-0001.safetensors", {"E": torch.zeros(4, 9, 11)})
    with pytest.raises(BrokenRecord, match="take an earlier checkpoint"):
        checkpoints.load(place, alone(), LATTICE.cases[CASE])


def test_a_checkpoint_of_another_case_is_refused(tmp_path):
    with pytest.raises(Refused, match="allowed: the same"):
        checkpoints.load(written(tmp_path), alone(), LATTICE.cases["odd_2d"])


def test_an_optimization_of_one_process_is_refused():
    with pytest.raises(Refused, match="works in one process"):
        decomposition("lattice_field_null")
    with pytest.raises(UnknownName):
        decomposition("lattice_field_rank")
