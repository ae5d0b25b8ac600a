"""A program runs in a copy of its project, of which nothing is the user's own."""

import os
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from groundspeed.baselines.foreign import pytest_runner, sandbox
from groundspeed.baselines.foreign.frame_locals import kept_locals
from groundspeed.baselines.foreign.program import run
from groundspeed.baselines.foreign.sandbox import Boundaries, Broken, Program, Sandbox
from groundspeed.tools.create.audit_hook import AuditHook, NotRepeatable
from groundspeed.tools.create.recording import NotABaseline, unchanged
from groundspeed.tools.create.request import read
from groundspeed.tools.create.worker import written_into
from groundspeed.tools.user_program import project_copy
from groundspeed.tools.user_program.project_copy import copy, mirror, project_files
from groundspeed.tools.user_program.target import resolve


def asked(project):
    return SimpleNamespace(project=project, target=SimpleNamespace(text="run.py"))


@pytest.fixture
def project(tmp_path):
    top = tmp_path / "my project"
    (top / "pkg").mkdir(parents=True)
    (top / "run.py").write_text("u = 1\n")
    (top / "pkg" / "field.npy").write_bytes(bytes(range(256)) * 8)
    return top


def test_every_file_of_the_copy_is_a_file_of_its_own(project, tmp_path):
    mirror(project, tmp_path / "copy")
    for place in ("run.py", "pkg/field.npy"):
        ours, theirs = tmp_path / "copy" / place, project / place
        assert ours.read_bytes() == theirs.read_bytes()
        assert not ours.is_symlink()
        assert ours.stat().st_ino != theirs.stat().st_ino
    (tmp_path / "copy" / "run.py").write_text("written by a library, unseen\n")
    assert (project / "run.py").read_text() == "u = 1\n"


def test_empty_folders_are_copied_and_found_again(project, tmp_path):
    """A program writes into them, from its frozen copies too."""
    (project / "results" / "deep").mkdir(parents=True)
    (project / ".venv" / "lib").mkdir(parents=True)
    mirror(project, tmp_path / "copy" / "my project")
    assert (tmp_path / "copy" / "my project" / "results" / "deep").is_dir()
    assert not (tmp_path / "copy" / "my project" / ".venv").exists()
    request = SimpleNamespace(project=project, home="my project")
    there = tmp_path / "copy" / "my project"
    files = [str(there / "results" / "deep" / "u.npy"), str(there / "made" / "u.npy"), "/tmp/u"]
    assert written_into(request, tmp_path / "copy", files) == ("my project/results/deep",)
    (tmp_path / "frozen").mkdir()
    program = Program(kind="script", file="run.py", folders=("my project/results/deep",))
    assert (Sandbox(tmp_path / "frozen", program).folder / program.folders[0]).is_dir()


def test_links_to_folders_are_followed_and_rings_end(project, tmp_path):
    outside = tmp_path / "scratch"
    outside.mkdir()
    (outside / "start.npy").write_bytes(b"0")
    for name in ("data", "again"):
        (project / name).symlink_to(outside)
    (outside / "back").symlink_to(project)
    (project / "pkg" / "up").symlink_to(project)
    places = {str(place) for _, place in project_files(project)}
    assert places == {"run.py", "pkg/field.npy", "data/start.npy", "again/start.npy"}


def test_a_project_that_is_too_large_names_its_largest_file(project, tmp_path, monkeypatch):
    monkeypatch.setattr(project_copy, "MOST_BYTES", 1000)
    with pytest.raises(ValueError, match=r"the largest is pkg/field\.npy; .*--project DIR"):
        mirror(project, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_a_copy_keeps_bytes_and_time_where_no_block_can_be_shared(project, tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError

    monkeypatch.setattr(project_copy.fcntl, "ioctl", refuse)
    copy(project / "run.py", tmp_path / "run.py")
    one, other = project / "run.py", tmp_path / "run.py"
    assert (one.read_bytes(), one.stat().st_mtime) == (other.read_bytes(), other.stat().st_mtime)


@pytest.mark.parametrize("how", ["written", "new", "gone"])
def test_a_project_that_has_changed_is_told_whatever_else_went_wrong(project, how):
    acts = {
        "written": lambda: (project / "run.py").write_text("u = 2\n"),
        "new": lambda: (project / "log").touch(),
        "gone": (project / "run.py").unlink,
    }

    def failing_run():
        with unchanged(asked(project)):
            acts[how]()
            raise NotABaseline("it fails")

    with pytest.raises(NotABaseline, match="of the project is another file"):
        failing_run()
    with unchanged(asked(project)):
        (project / "run.py").exists()


def test_a_folder_can_be_named_as_the_project(project, monkeypatch):
    monkeypatch.chdir(project)
    target = str(project / "run.py")
    asked_for = read(target, "a_name_v1", project_folder=project.parent)
    assert (asked_for.project, asked_for.home) == (project.parent, project.parent.name)
    with pytest.raises(ValueError, match=r"--project .*pkg does not hold .*run\.py"):
        read(target, "a_name_v1", project_folder=project / "pkg")


SEEN = """
import contextlib
import unittest

import torch


class TestPrivate:
    def __advance(self, x):
        return x * 0.5

    def test_energy(self):
        scale, mine = 2.0, "class"
        path = self.__advance(scale)


@torch.no_grad()
def test_decorated():
    mine = "decorated"


class TestSwing(unittest.TestCase):
    def test_swing(self):
        mine = "case"
        self.assertTrue(mine)


def outer():
    kept = 3
    @contextlib.contextmanager
    def used():
        yield kept
    def test_closure(added: "an annotation" = 1):
        mine = "closure"
        total = kept + added
    return test_closure


test_closure = outer()
"""


def test_variables_of_every_kind_of_test_are_seen(tmp_path):
    (tmp_path / "test_kinds.py").write_text(SEEN)
    sandbox = Sandbox(tmp_path, Program(kind="pytest", file="test_kinds.py", paths=(".",)))
    left = run(sandbox, Boundaries({}), 0)
    mine = {name.rpartition(".")[0]: value for name, value in left.items() if "mine" in name}
    assert mine == {
        "TestPrivate::test_energy": "class", "test_decorated": "decorated",
        "TestSwing::test_swing": "case", "test_closure": "closure",
    }  # fmt: skip
    assert left["TestPrivate::test_energy.path"] == 1.0
    assert left["test_closure.total"] == 4


WHERE = """
import functools
import sys

def step():
    return [sys._getframe().f_code.co_filename for _ in "a"][0]

@functools.cache
def cached():
    return sys._getframe().f_code.co_filename

class TestPlace:
    def own(self):
        return (lambda: sys._getframe().f_code.co_filename)()

    def test_place(self):
        seen = [step(), cached(), self.own(), sys._getframe().f_code.co_filename]
"""


def test_functions_of_a_test_name_the_file_that_theirs_is_a_copy_of(tmp_path):
    """By it a profile knows the lines that are the program's own."""
    (tmp_path / "test_where.py").write_text(WHERE)
    sandbox = Sandbox(tmp_path, Program(kind="pytest", file="test_where.py", paths=(".",)))
    left = run(sandbox, Boundaries({}), 0)
    assert set(left["seen"]) == {str(tmp_path / "test_where.py")}
    assert len(left["seen"]) == 4


def test_a_library_that_looks_at_the_main_module_finds_one(tmp_path):
    """As `inspect.getmodule` does, also where a test or a callable is run."""
    text = "def test_a():\n    found = inspect.getmodule(compile('1', '<x>', 'eval'))"
    (tmp_path / "test_main.py").write_text(f"import inspect\n\n{text}")
    before = sys.modules["__main__"]
    sandbox = Sandbox(tmp_path, Program(kind="pytest", file="test_main.py", paths=(".",)))
    assert run(sandbox, Boundaries({}), 0) == {"found": None}
    assert sys.modules["__main__"] is before


def test_variables_are_read_at_the_end_and_nothing_else_is_changed():
    def work(a, *, b=2):
        total, gone = a, 1
        total += b
        del gone
        return total

    code, before, left = work.__code__, sys.getprofile(), {}
    with kept_locals(torch.no_grad()(work), "work", left):
        assert torch.no_grad()(work)(1, b=4) == 5
        assert sys.getprofile() is before, "the call itself is not watched"
    assert left == {"a": 1, "b": 4, "total": 5}
    assert work.__code__ is code
    with kept_locals(len, "len", left):  # nothing to see in it
        assert len([1]) == 1
    assert sys.getprofile() is before


def test_pytest_says_itself_what_is_wrong_with_its_options(tmp_path):
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --no-such-option=1\n")
    (tmp_path / "test_wave.py").write_text("def test_wave(): pass\n")
    sandbox = Sandbox(tmp_path, Program(kind="pytest", file="test_wave.py", paths=(".",)))
    with pytest.raises(Broken, match="refuses its own options: .*--no-such-option"):
        run(sandbox, Boundaries({}), 0)
    assert "finds no test" in pytest_runner.Tests().problem(4, "x", "")


def test_a_test_that_lacks_a_package_says_how_to_install_it(tmp_path):
    """Whether it is imported with the file or in the test."""
    for text in ("import no_such.part\n\ndef test_a(): pass", "def test_a():\n    import no_such"):
        (tmp_path / "test_needs.py").write_text(text)
        sandbox = Sandbox(tmp_path, Program(kind="pytest", file="test_needs.py", paths=(".",)))
        with pytest.raises(Broken, match=r"No module named .*-m pip install no_such$") as told:
            run(sandbox, Boundaries({}), 0)
        assert told.value.absent.startswith("no_such")
    (tmp_path / "test_needs.py").write_text("def test_a():\n    assert False")
    with pytest.raises(Broken, match=r"does not pass(?!.*pip)") as told:
        run(Sandbox(tmp_path, sandbox.program), Boundaries({}), 0)
    assert told.value.absent == ""


def test_pytest_itself_finds_its_configuration(tmp_path):
    inner = tmp_path / "project" / "tests"
    inner.mkdir(parents=True)
    (tmp_path / "project" / "tox.ini").write_text("[pytest]\n")
    (inner / "test_it.py").write_text(
        "def test_it(request):\n    root = request.config.rootpath.name\n"
    )
    program = Program(kind="pytest", file="project/tests/test_it.py", paths=("project",))
    sandbox = Sandbox(tmp_path, program)
    assert run(sandbox, Boundaries({}), 0)["root"] == "project"
    assert sandbox.config == sandbox.folder / "project" / "tox.ini"
    again = Sandbox(tmp_path, replace(program, config="project/tox.ini"))
    assert run(again, Boundaries({}), 0)["root"] == "project"


def test_copies_that_do_not_fit_into_memory_lie_on_disk(project, tmp_path, monkeypatch):
    size = sum(path.stat().st_size for path in project.rglob("*") if path.is_file())
    for free, folder in ((2 * size, "/dev/shm"), (2 * size - 1, str(tmp_path))):
        monkeypatch.setattr(sandbox.shutil, "disk_usage", lambda _, n=free: SimpleNamespace(free=n))
        monkeypatch.setattr(sandbox.tempfile, "gettempdir", lambda: str(tmp_path))
        assert sandbox.roomy(project) == folder


def test_annotations_of_a_script_stay_what_they_are(tmp_path):
    (tmp_path / "settings.py").write_text("def go(x: int): pass\nkind = go.__annotations__['x']\n")
    sandbox = Sandbox(tmp_path, Program(kind="script", file="settings.py"))
    assert run(sandbox, Boundaries({}), 0)["kind"] is int


@pytest.mark.parametrize(
    ("text", "main"),
    [
        ("def main():\n    pass\nif __name__ == '__main__':\n    main()\n", "main"),
        ("import sys\ndef go():\n    return 0\nsys.exit(go())\n", "go"),
        ("u = 1\n", ""),
    ],
)
def test_the_function_in_which_a_script_does_all_is_named(tmp_path, text, main):
    (tmp_path / "script.py").write_text(text)
    assert resolve(str(tmp_path / "script.py")).main == main


def test_a_script_may_be_called_by_a_number(tmp_path):
    (tmp_path / "01_advection.py").write_text("u = 1\n")
    assert resolve(str(tmp_path / "01_advection.py")).name == "run_01_advection"


def test_a_notebook_gets_the_line_that_converts_it(tmp_path):
    path = tmp_path / "wave.ipynb"
    path.write_text("{}")
    with pytest.raises(
        LookupError, match="nbconvert --to script .*wave.ipynb, then name .*wave.py"
    ):
        resolve(str(path))


RESUMED = """
from pathlib import Path
import torch

here = Path(__file__).resolve().parent
field = torch.load("state.pt") + torch.load("data/more.pt")
for _ in range(5):
    field = field * 0.5 + 0.1
torch.save(field, "state.pt")
(here / "log.md").write_text("done")
"""


def test_nothing_of_a_project_is_changed(repository, warm, tmp_path):
    """By a library that opens files in compiled code, by a full path, or through a link."""
    project, outside = tmp_path / "resumed", tmp_path / "scratch"
    project.mkdir(), outside.mkdir()
    (project / "pytest.ini").touch()
    (project / "log.md").write_text("mine")
    (project / "resume.py").write_text(RESUMED)
    (project / "data").symlink_to(outside)
    torch.save(torch.linspace(0, 1, 6), project / "state.pt")
    torch.save(torch.ones(6), outside / "more.pt")
    before = contents(project) | contents(outside)
    done = warm.run(repository, tmp_path, ["create", str(project / "resume.py")])
    assert done.returncode == 0, done.stderr
    assert contents(project) | contents(outside) == before
    copies = repository / "baselines/resume_v1/frozen_sources/resumed"
    assert (copies / "state.pt").read_bytes() == (project / "state.pt").read_bytes()


def contents(folder: Path) -> dict[str, bytes]:
    walk = [Path(here, f) for here, _, files in os.walk(folder) for f in files]
    return {str(path): path.read_bytes() for path in walk if path.suffix != ".stdout"}


GOES_ON = """
import numpy as np

for _ in range(2):
    pass
mapped = np.memmap("field.dat", dtype="f8", mode="r+", shape=(8,))
mapped[:] = mapped * 0.5 + 1
with open("log.txt", "a+") as log:
    log.seek(0)
    before = float(log.read())
    log.write("5")
with open("fresh.txt", "w") as fresh:
    fresh.write("1")
u = np.array(mapped) + before
"""


def test_a_file_that_a_program_goes_on_from_is_a_source_as_it_was(repository, warm, tmp_path):
    """Opened for reading and writing, or for more of it; not one that it begins anew."""
    project = tmp_path / "goes_on"
    project.mkdir()
    (project / "pytest.ini").touch()
    (project / "run.py").write_text(GOES_ON)
    (project / "field.dat").write_bytes(torch.arange(8.0).double().numpy().tobytes())
    (project / "log.txt").write_text("2")
    (project / "fresh.txt").write_text("old")
    done = warm.run(repository, tmp_path, ["create", str(project / "run.py"), "--name", "on_v1"])
    assert done.returncode == 0, done.stderr
    assert "private name" not in done.stdout, "nobody needs to hear of _"
    copies = repository / "baselines/on_v1/frozen_sources/goes_on"
    assert {p.name for p in copies.iterdir()} == {"run.py", "field.dat", "log.txt"}
    assert (copies / "log.txt").read_text() == "2"


def test_files_that_are_used_without_being_opened_in_python_are_sources(project, tmp_path):
    """Moved or removed ones, and a database; not what the program has made itself."""
    home = tmp_path / "mirror" / project.name
    mirror(project, home)
    for name in ("old.txt", "gone.txt", "runs.db"):
        (home / name).touch()
    hook = AuditHook(tmp_path / "mirror", SimpleNamespace(project=project, allow=()))
    hook.active = True
    hook("os.rename", (home / "old.txt", str(home / "new.txt"), -1, -1))
    hook("os.remove", (str(home / "gone.txt"), -1))
    hook("sqlite3.connect", (str(home / "runs.db"),))
    hook("sqlite3.connect", (":memory:",))
    (home / "new.txt").touch()
    hook("os.remove", (str(home / "new.txt"), -1))
    hook("os.mkdir", (str(home / "made"), 511, -1))
    assert hook.read == {str(home / name) for name in ("old.txt", "gone.txt", "runs.db")}
    for event, words in (("os.rename", (str(home / "run.py"), str(project / "run.py"), -1, -1)),
                         ("sqlite3.connect", (str(project / "new.db"),))):  # fmt: skip
        with pytest.raises(NotRepeatable, match="in the project by its full path"):
            hook(event, words)
