"""Jobs of submitit on this machine: their results, and what is left of those that are killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from said import complaints
from verdict_content import content

from groundspeed.tools.fleet import collection, job
from groundspeed.tools.fleet.job_record import JobRecord
from groundspeed.tools.fleet.portions import Portion, Work
from groundspeed.validation.records import results
from groundspeed.validation.records.errors import BrokenRecord

FLEET = 'executor = "local"\ntogether = 1\n[kinds.judging]\njobs = 2\n'
RIGHT, KILLED = "lattice_field_null", "lattice_field_buffers"


@pytest.fixture
def fleet(scratch) -> Path:
    path = scratch.root.with_name(f"{scratch.root.name}-fleet.toml")
    path.write_text(FLEET)
    return path


def verdicts(root: Path) -> dict[str, dict]:
    return {
        name: content(results.read(name, on, root)["verdict"]) for on, name in results.files(root)
    }


def processes_of(root: Path, words: str = "") -> list[psutil.Process]:
    """Those of jobs of a project, with these words on their command line."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            inside = str(root / ".groundspeed" / "fleet")
            line = " ".join(process.cmdline())
            if words in line and (inside in line or process.cwd().startswith(inside)):
                found.append(process)
    return found


def awaited(true, patience_s: float = 60.0):
    until = time.monotonic() + patience_s
    while not (found := true()):
        assert time.monotonic() < until
        time.sleep(0.05)
    return found


@pytest.mark.long
def test_a_job_that_is_killed_is_missing_work_and_nothing_else(scratch, fleet):
    assert scratch.run("validate", "--small", RIGHT).returncode == 0
    here = verdicts(scratch.root)
    results.path(RIGHT, results.machines(scratch.root)[0], scratch.root).unlink()
    with ThreadPoolExecutor(1) as beside:
        words = ("validate", "--small", RIGHT, KILLED, "--on", str(fleet), "--json")
        verb = beside.submit(scratch.run, *words)
        awaited(lambda: processes_of(scratch.root, f"validate {KILLED}"))[0].kill()
        done = verb.result()
    assert done.returncode == 1, done.stderr
    assert done.stdout, done.stderr
    right, lost = json.loads(done.stdout)
    assert (right["optimization"], right["status"]) == (RIGHT, "VERIFIED")
    assert (lost["optimization"], lost["status"], lost["code"]) == (KILLED, "UNJUDGED", "E-JOB")
    (line,) = [said for said in complaints(done.stderr) if said.endswith("[E-JOB]")]
    assert "was killed by SIGKILL" in line
    log = scratch.root / line.partition("log: ")[2].partition(";")[0]
    assert "SIGKILL" in log.read_text()
    assert "fleet: 1 of 2 jobs done, 1 lost" in done.stderr
    assert verdicts(scratch.root) == here
    (run,) = scratch.file(".groundspeed", "fleet").iterdir()
    assert [path.name for path in run.iterdir()] == ["logs"]


@pytest.mark.long
@pytest.mark.parametrize("interrupt", [os.killpg, os.kill], ids=["in a terminal", "verb alone"])
def test_ctrl_c_ends_every_job_and_leaves_nothing(scratch, fleet, interrupt):
    process = subprocess.Popen(
        [sys.executable, "-m", "groundspeed", "validate", RIGHT, "--on", str(fleet)],
        cwd=scratch.root,
        env=os.environ | {"PYTHONPATH": str(scratch.root)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    awaited(lambda: processes_of(scratch.root, "groundspeed validate"))
    interrupt(process.pid, signal.SIGINT)
    _, said = process.communicate()
    assert process.returncode == 130
    assert "Traceback" not in said
    assert complaints(said)[-1].endswith("[E-INTERRUPTED]")
    assert not processes_of(scratch.root)
    assert not list(scratch.file(".groundspeed", "fleet").iterdir())
    assert not scratch.file("reports", "results").exists()


def test_files_that_differ_from_the_commit_are_named_in_a_line(scratch, fleet):
    scratch.plant(RIGHT, "engine = right")
    done = scratch.run("validate", RIGHT, "--on", str(fleet))
    assert done.returncode == 1
    assert complaints(done.stderr) == [
        f"groundspeed: optimizations/{RIGHT}/implementation.py differ from the commit, on which "
        "jobs work; run: git commit, or git stash [E-REFUSED]"
    ]


def test_a_requeued_job_whose_first_attempt_has_ended_does_nothing(tmp_path):
    (tmp_path / "done").mkdir()
    portion = Portion(Work.JUDGING, "validate", ("x",))
    job.work(portion, tmp_path / "no.tar", tmp_path, tmp_path / "done")
    assert [path.name for path in tmp_path.iterdir()] == ["done"]


def test_a_record_that_was_edited_is_not_taken(tmp_path):
    about = {"machine": "m", "instance": "i", "exit": 0, "answer": [], "sections": {}, "files": []}
    JobRecord(**about).write(tmp_path / "job.json")
    assert collection.collect(tmp_path).exit == 0
    text = (tmp_path / "job.json").read_text()
    (tmp_path / "job.json").write_text(text.replace('"exit": 0', '"exit": 1'))
    with pytest.raises(BrokenRecord):
        collection.collect(tmp_path)
