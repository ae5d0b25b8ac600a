"""Whatever happens to the judge, what it leaves is whole, and about the bytes it judged."""

import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from conftest import ROOT
from judging_processes import end_at_once

from groundspeed.validation import machine
from groundspeed.validation.records import results
from groundspeed.validation.records.base import BrokenRecord

LEAF = "lattice_field_null"
WORDS = [sys.executable, "-m", "groundspeed", "validate", LEAF]


def start(scratch, **more):
    return subprocess.Popen(
        WORDS,
        cwd=scratch.root,
        # Python itself keeps half a compiled file where a disk is full, for others to read
        env=os.environ | {"PYTHONPATH": str(scratch.root), "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **more,
    )


def record(scratch):
    return results.path(LEAF, machine.kind(), scratch.root)


def status(scratch):
    """Of the verdict on file, which must be whole."""
    return results.read(LEAF, machine.kind(), scratch.root)["verdict"]["status"]


def names(scratch):
    """What lies beside the record, whole or not."""
    return sorted(p.name for p in record(scratch).parent.glob("*"))


@pytest.mark.long
def test_killed_at_any_moment_it_leaves_the_old_verdict_or_a_whole_new_one(scratch):
    scratch.only(LEAF, ("odd_2d",))
    assert scratch.run("validate", LEAF).returncode == 0
    for moment in (0.3, 2.0, 4.0):
        process = start(scratch)
        time.sleep(moment)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=300)
        assert status(scratch) == "VERIFIED"
        whole = [name for name in names(scratch) if name.endswith(".json")]
        assert whole == [f"{LEAF}.json", "machine.json"]


@pytest.mark.long
def test_two_judges_at_once_agree_and_leave_one_whole_verdict(scratch):
    scratch.only(LEAF, ("odd_2d",))
    both = [start(scratch) for _ in range(2)]
    for process in both:
        process.communicate(timeout=400)
        assert process.returncode == 0
    assert status(scratch) == "VERIFIED"
    assert names(scratch) == [f"{LEAF}.json", "machine.json"]


def test_on_a_full_disk_there_is_no_verdict_and_one_line_says_why(scratch):
    scratch.only(LEAF, ("odd_2d",))

    def full():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))

    process = start(scratch, preexec_fn=full)
    _, said = process.communicate(timeout=400)
    assert process.returncode == 1
    assert said.count("\n") == 1
    assert "too large" in said or "REJECTED" not in said
    assert set(names(scratch)) <= {"machine.json"}


def test_a_file_that_changes_while_it_is_judged_is_not_verified(scratch):
    scratch.only(LEAF, ("odd_2d",))
    path = scratch.file("optimizations", LEAF, "implementation.py")
    code = f"with open({str(path)!r}, 'a') as file:\n    file.write('# later\\n')\n"
    scratch.plant(LEAF, code)
    done = scratch.run("validate", LEAF)
    assert done.returncode == 1
    assert f"optimizations/{LEAF}/implementation.py changed while it was judged" in done.stdout


def test_a_verdict_with_one_word_changed_is_believed_by_nobody(scratch):
    scratch.only(LEAF, ("odd_2d",))
    assert scratch.run("validate", LEAF).returncode == 0
    found = json.loads(record(scratch).read_text())
    found["verdict"]["torch"] = "0.0"
    record(scratch).write_text(json.dumps(found))
    with pytest.raises(BrokenRecord, match="seal does not fit"):
        status(scratch)


def test_a_damaged_envelope_is_measured_again(tmp_path, monkeypatch):
    import torch

    from baselines.lattice_field_v1 import engine
    from groundspeed.validation.golden import run_cache
    from groundspeed.validation.reference.distance import Distance
    from groundspeed.validation.reference.envelope import Envelope

    monkeypatch.setattr(run_cache, "FOLDER", tmp_path)
    case = engine.cases["odd_2d"]
    begin = engine.initial(case)
    asked = []

    def measure():
        asked.append(1)
        return Envelope({1: {"E": Distance(1.0, 2.0, 3.0)}}, {"E": None}, {1: 3}, count=3)

    torch.set_num_threads(1)
    for _ in range(2):
        found = run_cache.envelope(engine, case, begin, [1], measure)
        assert found.allowed[1]["E"] == (1.0, 2.0, 3.0)
    assert len(asked) == 1
    (file,) = tmp_path.glob("*/*")
    file.write_text(file.read_text().replace("2.0", "9.0"))
    assert run_cache.envelope(engine, case, begin, [1], measure).allowed[1]["E"].largest == 2.0
    assert len(asked) == 2


def test_what_another_number_of_threads_has_made_is_another_run(tmp_path, monkeypatch):
    """Two threads add in another order, and exact claims are held to every bit."""
    import torch

    from baselines.lattice_field_v1 import engine
    from groundspeed.validation.golden import run_cache

    monkeypatch.setattr(run_cache, "FOLDER", tmp_path)
    case = engine.cases["odd_2d"]
    begin, before = engine.initial(case), torch.get_num_threads()
    try:
        for threads in (1, 2, 1):
            torch.set_num_threads(threads)
            run_cache.along(engine, case, begin, [1])
    finally:
        torch.set_num_threads(before)
    assert len([*tmp_path.glob("*/*")]) == 2


def test_a_kept_run_is_believed_only_if_it_is_what_was_written(tmp_path, monkeypatch):
    import torch

    from baselines.lattice_field_v1 import engine
    from groundspeed.validation.golden import run_cache
    from groundspeed.validation.records import tensor_files
    from groundspeed.validation.reference import trajectory

    monkeypatch.setattr(run_cache, "FOLDER", tmp_path)
    torch.set_num_threads(1)
    case = engine.cases["odd_2d"]
    begin = engine.initial(case)
    right = trajectory.along(engine, case, begin, [1, 2])
    run_cache.along(engine, case, begin, [1, 2])
    (file,) = tmp_path.glob("*/*")
    with monkeypatch.context() as without:  # read from the file: nothing is run
        without.setattr(trajectory, "along", None)
        assert torch.equal(run_cache.along(engine, case, begin, [1, 2])[2].E, right[2].E)
    named, told = tensor_files.load(file), tensor_files.metadata(file)
    named["2/E"][0, 0] += 1e-9
    for damage in (lambda: tensor_files.save(file, named, told), lambda: file.write_bytes(b"{")):
        damage()
        assert torch.equal(run_cache.along(engine, case, begin, [1, 2])[2].E, right[2].E)


@pytest.mark.parametrize("here", ["the sealed machine", "another machine"])
@pytest.mark.parametrize("case_name", ["odd_2d", "odd_3d_float32", "orbit"])
def test_a_kept_run_with_another_end_than_the_sealed_one_is_made_again(
    tmp_path, monkeypatch, case_name, here
):
    """Written anew by another engine, digests and all."""
    import torch

    from baselines.lattice_field_v1 import engine
    from groundspeed import baselines
    from groundspeed.baselines.engine import replace
    from groundspeed.validation import machine
    from groundspeed.validation.golden import manifest, run_cache
    from groundspeed.validation.records import digests

    monkeypatch.setattr(run_cache, "FOLDER", tmp_path)
    seal = manifest.manifest(engine.name)
    if here == "the sealed machine":  # the seal, as if it were made here
        answer = seal.answers[case_name]
        begun = digests.of_state(engine.initial(engine.cases[case_name]))
        answers = {case_name: answer.model_copy(update={"start": begun})}
        made = {"machine": machine.machine(), "answers": answers}
        sealed_here = seal.model_copy(update=made)
        monkeypatch.setattr(manifest, "manifest", lambda _: sealed_here)
    torch.set_num_threads(1)
    case = engine.cases[case_name]
    begin, faster = engine.initial(case), replace(case, c=case.c * 1.0001)
    wrong = replace(engine, stepper=lambda _: engine.prepare(faster))
    with monkeypatch.context() as as_if_frozen:
        as_if_frozen.setattr(baselines, "load", lambda _: wrong)
        run_cache.reference(wrong, case, begin)
    assert list(tmp_path.glob("*/*"))
    end = run_cache.reference(engine, case, begin).states[case.steps]
    assert torch.equal(end.E, engine.runner(case)(begin, case.steps).E)


def test_runs_of_an_engine_that_is_not_the_sealed_one_are_never_kept(tmp_path, monkeypatch):
    from baselines.lattice_field_v1 import engine
    from groundspeed.baselines.engine import replace
    from groundspeed.validation.golden import run_cache

    monkeypatch.setattr(run_cache, "FOLDER", tmp_path)
    case = engine.cases["odd_2d"]
    run_cache.along(replace(engine, in_place=True), case, engine.initial(case), [1])
    assert not list(tmp_path.glob("*/*"))


def test_a_newer_judge_clears_what_the_older_kept(tmp_path, monkeypatch):
    from baselines.lattice_field_v1 import engine
    from groundspeed.validation.golden import run_cache

    monkeypatch.setattr(run_cache, "FOLDER", tmp_path)
    (tmp_path / "older").mkdir()
    case = engine.cases["odd_2d"]
    run_cache.along(engine, case, engine.initial(case), [1])
    assert [p.name for p in tmp_path.iterdir()] != ["older"]
    assert not (tmp_path / "older").exists()


def test_portions_take_turns_between_engines_and_lose_nobody():
    from groundspeed.validation.parallel.process_pool import PORTION, batches

    names = {"a": [f"a{i}" for i in range(2 * PORTION + 1)], "b": ["b0"]}
    found = batches(names)
    assert sorted(sum(found, [])) == sorted(names["a"] + names["b"])
    assert all(len(part) <= PORTION for part in found)
    assert found[1] == ["b0"]


def test_a_judging_process_that_is_killed_is_one_line():
    from groundspeed.validation.parallel.process_pool import side_by_side

    with pytest.raises(RuntimeError, match="was killed"):
        list(side_by_side(end_at_once, [["a"], ["b"]], False, lambda name, line: None))


def test_no_thread_of_a_pool_outlives_its_block():
    from groundspeed.validation.parallel.process_pool import processes

    before = set(threading.enumerate())
    with processes("judging", 1) as pool:
        assert pool.submit(abs, -1).result() == 1
        assert set(threading.enumerate()) > before
        pool.submit(time.sleep, 600)
    assert not set(threading.enumerate()) - before


PARENT = """
from judging_processes import says_its_number
from groundspeed.validation.parallel.process_pool import side_by_side

if __name__ == "__main__":
    list(side_by_side(says_its_number, [["{0}"], ["{0}"]], False, lambda name, line: None))
"""


def test_no_judging_process_outlives_the_one_that_started_it(tmp_path):
    script = tmp_path / "parent.py"
    script.write_text(PARENT.format(tmp_path))
    paths = {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}
    parent = subprocess.Popen([sys.executable, str(script)], env=os.environ | paths)
    until(lambda: len(list(tmp_path.glob("*.pid"))) == 2)
    parent.kill()
    parent.wait()
    for file in tmp_path.glob("*.pid"):
        until(lambda file=file: not Path(f"/proc/{file.stem}").exists())


def until(true, seconds: float = 120.0):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)
