"""The verb `try`: one line on a candidate, whatever it does, and a ratio for a right one alone."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from groundspeed.tools.tryout import smoke_checks

NAME, CASE = "lattice_field_buffers", "odd_2d"
SAID = "no number rests on this"
DEADLINE_S = 120.0  # of what comes in a moment, on a machine that is busy

OFF = """
def spoiled(case):
    step = right.prepare(case)
    return lambda state: (after := step(state))._replace(E=after.E + 1e-3)


engine = __import__("dataclasses").replace(right, stepper=spoiled)
"""
RAISES = "engine = __import__('dataclasses').replace(right, stepper=lambda case: lambda s: 1 / 0)\n"
SPINS = """
def spins(case):
    def step(state):
        __import__("pathlib").Path(__file__).parents[2].joinpath("spins.txt").touch()
        while True:
            pass
    return step


engine = __import__("dataclasses").replace(right, stepper=spins)
"""
CHEATS = """
def lazy(case):
    step = right.prepare(case)
    timed = "groundspeed.tools.timing.prepared_case" in __import__("sys").modules
    return (lambda state: state) if timed else step


engine = __import__("dataclasses").replace(right, stepper=lazy)
"""


def tree(root: Path) -> dict[str, int]:
    """Every file of a folder that other commands could read, with its date."""
    kept = (".git", "__pycache__", "kept", "compiled")
    return {
        str(path.relative_to(root)): path.stat().st_mtime_ns
        for path in root.rglob("*")
        if path.is_file() and not any(part in kept for part in path.relative_to(root).parts)
    }


def test_one_that_is_right_gets_a_ratio_and_nothing_is_filed(scratch):
    before = tree(scratch.root)
    done = scratch.run("try", NAME, "--case", CASE)
    assert (done.returncode, done.stderr) == (0, "")
    (line,) = done.stdout.splitlines()
    for words in (f"{NAME}  RIGHT SO FAR", f" on {CASE}, ", "x [", "1 of 1 cases", SAID):
        assert words in line
    assert tree(scratch.root) == before


def test_without_a_case_the_smoke_cases_are_judged_and_a_timed_one_too(scratch):
    done = scratch.run("try", NAME, "--json")
    found = json.loads(done.stdout)
    assert (done.returncode, found["right"], found["note"]) == (0, True, SAID)
    assert len(found["steps"]) >= smoke_checks.FEWEST_CASES + 1
    assert found["ratio"]["case"] == list(found["steps"])[-1] == "packet_64"
    assert 0 < found["ratio"]["low"] <= found["ratio"]["speedup"] <= found["ratio"]["high"]
    assert "no laws, no threads, no mutants" in found["smoke"]


def test_a_case_that_no_smoke_test_judges_can_be_asked_for(scratch):
    found = json.loads(scratch.run("try", NAME, "--case", "ball", "--json").stdout)
    assert list(found["steps"]) == ["ball"] == [found["ratio"]["case"]]


FAULTS = {
    "wrong": (OFF, "WRONG", "one step from step 0: got"),
    "raises": (RAISES, "BROKEN", "ZeroDivisionError: division by zero (optimizations/"),
    "is no Python": ("def (", "BROKEN", "SyntaxError"),
    "hangs": (SPINS, "INCONCLUSIVE", "was at work for 2 s of processor time without an answer"),
    "cheats the clock": (CHEATS, "WRONG", "it computes something else while it is timed"),
}


@pytest.mark.parametrize("what", FAULTS)
def test_one_that_is_not_right_gets_one_line_and_no_ratio(scratch, what):
    code, word, reason = FAULTS[what]
    scratch.plant(NAME, code)
    patience = ["--patience-s", "2"] if code is SPINS else []
    done = scratch.run("try", NAME, "--case", CASE, *patience)
    assert (done.returncode, done.stderr) == (1, "")
    (line,) = done.stdout.splitlines()
    for words in (f"{NAME}  {word} ", reason, SAID):
        assert words in line
    assert "x [" not in line


def test_a_broken_claim_is_named(scratch):
    path = scratch.file("optimizations", NAME, "validation.py")
    path.write_text(path.read_text().replace('level="exact"', 'level="exactly"'))
    done = scratch.run("try", NAME)
    (line,) = done.stdout.splitlines()
    assert done.returncode == 1
    assert "BROKEN" in line
    assert "level is 'exactly'; allowed: ['exact', 'rounding', 'approximate']" in line


USES = {
    "an unknown case": (["try", NAME, "--case", "nonsense"], "no case 'nonsense'"),
    "an unknown name": (["try", "nonsense"], "no optimization 'nonsense'"),
    "a baseline": (["try", "lattice_field_v1"], "name one"),
    "no name": (["try"], "Missing argument"),
}


@pytest.mark.parametrize("what", USES)
def test_wrong_use_is_told_from_a_wrong_candidate(scratch, what):
    words, text = USES[what]
    done = scratch.run(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert text in done.stderr


def test_a_case_that_the_claim_does_not_cover_is_no_wrong_use(scratch):
    """Of which cases a claim covers may be edited while it is watched."""
    scratch.only(NAME, ("odd_2d", "damped"))
    done = scratch.run("try", NAME, "--case", "reflective")
    assert done.returncode == 1
    assert "its claim covers ['odd_2d', 'damped'], and not reflective" in done.stdout


class Session:
    """`groundspeed try --watch`, as somebody at a terminal uses it."""

    def __init__(self, root: Path):
        words = ["try", NAME, "--case", CASE, "--watch", "--json"]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "groundspeed", *words],
            cwd=root,
            env=os.environ | {"PYTHONPATH": os.pathsep.join([str(root), *sys.path])},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
        )

    def next_word(self) -> str:
        """The word of the next answer."""
        assert select.select([self.process.stdout], [], [], DEADLINE_S)[0], "no answer"
        found = json.loads(self.process.stdout.readline())
        assert bool(found["ratio"]) == found["right"] == (found["word"] == "RIGHT SO FAR")
        return found["word"]

    def interrupt(self) -> tuple[int, str]:
        """Ctrl-C, which a terminal tells the whole group: the exit code and what was said."""
        os.killpg(self.process.pid, signal.SIGINT)
        said = self.process.communicate(timeout=DEADLINE_S)[1]
        return self.process.returncode, said.decode()


@pytest.fixture
def session(scratch):
    found = Session(scratch.root)
    yield found
    if found.process.poll() is None:
        found.interrupt()


def wait_until(true) -> None:
    until = time.monotonic() + DEADLINE_S
    while not true():
        assert time.monotonic() < until
        time.sleep(0.02)


def alive(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def save(path: Path, text: str) -> None:
    """At once, as editors do: what is half written is never seen."""
    partial = path.parents[1] / "partial"
    partial.write_text(text)
    partial.replace(path)


@pytest.mark.long
def test_every_save_is_answered_until_ctrl_c(scratch, session):
    own, module = (
        scratch.file("optimizations", NAME, "implementation.py"),
        scratch.file("m", "e.py"),
    )
    right = own.read_text()
    assert session.next_word() == "RIGHT SO FAR"
    for code, word in ((OFF, "WRONG"), ("def (", "BROKEN"), (RAISES, "BROKEN")):
        save(own, f"{right}\n\nright = engine\n{code}\n")
        assert session.next_word() == word

    # what it loads from elsewhere in the project belongs to it, and what lies in its folder
    module.parent.mkdir()
    module.write_text("FACTOR = 1.0\n")
    spoiled = OFF.replace("1e-3", "(FACTOR - 1)")
    save(own, f"{right}\nfrom m.e import FACTOR\n\nright = engine\n{spoiled}")
    assert session.next_word() == "RIGHT SO FAR"
    save(module, "FACTOR = 2.0\n")
    assert session.next_word() == "WRONG"
    save(own.with_name("table.txt"), "1.0")
    assert session.next_word() == "WRONG"

    # one that hangs is dropped at the next save
    save(own, f"{right}\n\nright = engine\n{SPINS}")
    wait_until(scratch.file("spins.txt").exists)
    save(own, right)
    assert session.next_word() == "RIGHT SO FAR"

    children = psutil.Process(session.process.pid).children(recursive=True)
    code, said = session.interrupt()
    assert (code, said.count("\n")) == (130, 1)
    wait_until(lambda: not any(map(alive, children)))


def test_ctrl_c_ends_one_that_hangs(scratch, session):
    scratch.plant(NAME, SPINS)
    wait_until(scratch.file("spins.txt").exists)
    children = psutil.Process(session.process.pid).children(recursive=True)
    assert session.interrupt()[0] == 130
    wait_until(lambda: not any(map(alive, children)))


def test_a_timing_process_does_not_outlive_the_one_that_asked(scratch):
    scratch.plant(NAME, SPINS)
    server = subprocess.Popen(
        [sys.executable, "-m", "groundspeed.tools.timing.worker"],
        cwd=scratch.root,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    asked = {"case": CASE, "names": [NAME], "seed": 0, "budget_s": 0.1, "folder": "."}
    asked |= {"memory": False, "alone": True}
    server.stdin.write(json.dumps(asked).encode() + b"\n")
    server.stdin.flush()
    child = psutil.Process(json.loads(server.stdout.readline())["child"])
    try:
        wait_until(scratch.file("spins.txt").exists)
        server.stdin.close()
        server.wait(DEADLINE_S)
        wait_until(lambda: not alive(child))
    finally:
        server.stdout.close()
        if alive(child):
            child.kill()
        server.kill()
