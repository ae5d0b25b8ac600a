"""The command line does what others do: help, versions, pipes, terminals, completion, Ctrl-C."""

import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from groundspeed.tools import console
from groundspeed.tools.cli import complete, failure, listing, pipeline
from groundspeed.tools.cli.bench import PUBLISHED
from groundspeed.tools.timing.session import EVERYDAY
from groundspeed.validation import discovery, machine
from groundspeed.validation.records import results

ROOT = Path(__file__).resolve().parents[3]
COMMAND = [sys.executable, "-m", "groundspeed"]
COLOUR = re.compile(r"\x1b\[[0-9;]*(3[0-8]|4[0-8]|9[0-7])[;0-9]*m")


def ask(*words: str, **more: str) -> subprocess.CompletedProcess:
    """`groundspeed WORDS` here, with more variables in its environment."""
    variables = os.environ | {"PYTHONPATH": str(ROOT)} | more
    return subprocess.run(
        [*COMMAND, *words], cwd=ROOT, env=variables, capture_output=True, text=True
    )


def test_alone_it_shows_its_help_as_lines():
    done, asked = ask(COLUMNS="80"), ask("--help", COLUMNS="80")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == asked.stdout
    assert len(done.stdout.splitlines()) > 20
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_help_and_documents_tell_the_processes_that_are_taken():
    everyday = f"{EVERYDAY.least} to {EVERYDAY.most}"
    published = f"{PUBLISHED['least']} to {PUBLISHED['most']}"
    said = " ".join(ask("bench", "--help", COLUMNS="80").stdout.split())
    assert f"Default: {everyday}, with --full {published}." in said
    clock = (ROOT / "tools/timing/README.md").read_text()
    assert f"has {everyday} processes" in clock
    assert f"A published one has {published}." in clock
    advised = re.findall(
        r"--processes (\d+)", (ROOT / "docs/traps/noisy-neighbours.md").read_text()
    )
    assert min(map(int, advised)) > EVERYDAY.most


def test_it_tells_its_version():
    assert re.fullmatch(r"groundspeed \d+\.\d+\.\d+\S*\n", ask("--version").stdout)


@pytest.mark.parametrize(
    ("words", "near"),
    [
        (("validate", "lattice_field_nmba"), "lattice_field_numba"),
        (("check", "latice_field_v1"), "lattice_field_v1"),
        (("freeze", "latice_field_v1"), "lattice_field_v1"),
        (("new", "x", "--baseline", "tensor_v1"), "tensor_field_v1"),
        (("replay", "tensor_field_nul"), "tensor_field_null"),
        (("profile", "tensor_field_nul"), "tensor_field_null"),
        (("selftest", "--part", "must_acept"), "must_accept"),
        (("profile", "lattice_field_v1", "--case", "packet_46"), "packet_64"),
        (("schema", "validte"), "validate"),
    ],
)
def test_an_unknown_name_offers_the_nearest(words, near, warm, tmp_path):
    done = warm.run(ROOT, tmp_path, list(words))
    (line,) = done.stderr.splitlines()
    assert done.returncode in (1, 2)
    assert near in line.partition("did you mean ")[2]
    assert line.endswith(" [E-NAME]")
    assert len(line) < 200


def test_a_name_that_is_near_nothing_does_not_bring_all_of_them():
    done = ask("validate", "zzz")
    assert "see: groundspeed list" in done.stderr
    assert len(done.stderr) < 120


def test_names_complete_in_a_shell_without_what_takes_long():
    """As the script that a shell loads asks for it."""
    asked = {"_GROUNDSPEED_COMPLETE": "complete_bash", "COMP_CWORD": "2"}
    asked["COMP_WORDS"] = "groundspeed validate lattice_field_nu"
    variables = os.environ | {"PYTHONPATH": str(ROOT)} | asked
    words = [sys.executable, "-X", "importtime", "-m", "groundspeed"]
    done = subprocess.run(words, cwd=ROOT, env=variables, capture_output=True, text=True)
    offered = done.stdout.split()
    assert offered[:2] == ["lattice_field_null", "lattice_field_numba"]
    assert all(name.startswith("lattice_field_nu") for name in offered)
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "groundspeed.tools.cli.complete" in imported
    assert imported.isdisjoint({"torch", "numpy", "scipy", "groundspeed.tools.records.evidence"})


def test_everything_that_can_be_named_completes():
    assert set(complete.names("")) >= {*discovery.names(), "lattice_field_v1"}
    assert complete.baselines("tensor") == ["tensor_field_v0", "tensor_field_v1"]
    assert complete.names("zzz") == []


def in_terminal(words: list[str], **more: str) -> str:
    """What such a command shows in a terminal."""
    ours, theirs = pty.openpty()
    variables = os.environ | {"PYTHONPATH": str(ROOT), "TERM": "xterm-256color"} | more
    process = subprocess.Popen(words, cwd=ROOT, env=variables, stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = b""
    while True:
        try:
            piece = os.read(ours, 1 << 16)
        except OSError:  # Linux says so of a terminal that nobody has open any more
            break
        if not piece:
            break
        shown += piece
    os.close(ours)
    process.wait()
    return shown.decode()


PROGRESS = "from tools import console\nwith console.progress('judging', 2) as tell: tell('x')"


def test_without_colour_where_it_is_not_wanted():
    words = [sys.executable, "-c", PROGRESS]
    assert COLOUR.search(in_terminal(words))  # else the next line would show nothing
    assert not COLOUR.search(in_terminal(words, NO_COLOR="1"))
    assert "\x1b" not in in_terminal([*COMMAND, "validate", "nonsense"])
    assert "\x1b" not in in_terminal([*COMMAND, "--help"])


@pytest.mark.parametrize("words", [("list",), ("--help",), ("list", "--json")])
def test_where_nobody_reads_it_ends_silently(words):
    ours, theirs = os.pipe()
    os.close(ours)
    variables = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [*COMMAND, *words], cwd=ROOT, env=variables, stdout=theirs, stderr=subprocess.PIPE
    )
    os.close(theirs)
    assert process.communicate()[1] == b""
    assert process.returncode == 141


def test_another_broken_pipe_is_a_failure_that_is_told():
    code = "from tools.cli import failure; print(failure.closed_pipe(BrokenPipeError()))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "False\n"
    assert failure.code_of(BrokenPipeError("x")) == "E-FILE"


@pytest.mark.parametrize("width", [40, 60, 80, 100])
def test_the_list_fits_its_terminal_and_keeps_names_and_numbers(width, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", str(width))
    assert listing.run() == 0
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= width
    starts = {line.split()[0] for line in shown.splitlines() if line}
    whole = {name for name in discovery.names() if len(name) <= width}
    assert whole <= starts
    assert re.search(r"VERIFIED +\d[\d.]*× \[\d[\d.]*, \d[\d.]*\]", shown)
    assert listing.run(["lattice_field_numba"]) == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= width


def test_the_list_and_the_end_of_a_run_fit_a_page_where_no_terminal_tells(monkeypatch, capsys):
    monkeypatch.delenv("COLUMNS", raising=False)
    pipeline.show_results()
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 100


LONG = ("a_name", "REJECTED", "exact", " ".join(["word"] * 40))


@pytest.mark.parametrize("width", [40, 100])
def test_a_long_line_is_wrapped_where_a_terminal_shows_it(width, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", str(width))
    console.line(*LONG)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= width
    assert " ".join(lines).split() == " ".join(LONG).split()
    assert all(line.startswith("    ") for line in lines[1:])


def test_a_program_that_reads_gets_each_result_in_one_line(monkeypatch, capsys):
    monkeypatch.delenv("COLUMNS", raising=False)
    console.line(*LONG)
    assert len(capsys.readouterr().out.splitlines()) == 1


STUCK = """
import pathlib, threading
def stuck(case):
    def step(state):
        pathlib.Path({mark!r}).touch()
        threading.Event().wait()
    return step
import dataclasses
engine = dataclasses.replace(right, stages=(), stepper=stuck)
"""


@pytest.mark.long
def test_ctrl_c_ends_the_judge_at_once_and_the_next_run_goes_on(scratch, tmp_path_factory):
    """One optimization is judged, the other hangs in its step when Ctrl-C comes."""
    done, hanging = "lattice_field_null", "lattice_field_buffers"
    mark = tmp_path_factory.mktemp("mark") / "stepped"
    scratch.only(done, ("odd_2d",))
    scratch.only(hanging, ("odd_2d",))
    assert scratch.run("validate", done).returncode == 0
    kept = results.path(done, machine.kind(), scratch.root)
    before, own = kept.read_bytes(), scratch.file("optimizations", hanging, "implementation.py")
    text = own.read_text()
    scratch.plant(hanging, STUCK.format(mark=str(mark)))
    process = subprocess.Popen(
        [*COMMAND, "validate", hanging, "--json"],
        cwd=scratch.root,
        env=os.environ | {"PYTHONPATH": str(scratch.root)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # a terminal sends Ctrl-C to all of them
    )
    while not mark.exists():
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.05)
    others = psutil.Process(process.pid).children(recursive=True)
    os.killpg(process.pid, signal.SIGINT)
    said, told = process.communicate(timeout=60)
    assert process.returncode == 130
    (line,) = told.splitlines()
    assert line.endswith("run again to go on [E-INTERRUPTED]")
    assert '"code": "E-INTERRUPTED"' in said
    assert psutil.wait_procs(others, timeout=30)[1] == []
    assert kept.read_bytes() == before
    assert [*kept.parent.glob("*.tmp")] == []
    assert not results.path(hanging, machine.kind(), scratch.root).exists()
    own.write_text(text)
    again = scratch.run("validate", hanging)
    assert again.returncode == 0, again.stdout + again.stderr
