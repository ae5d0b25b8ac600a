"""Verbs where the harness lies in a folder of any name, or in one that may only be read."""

import errno
import json

import pytest

from groundspeed.tools.cli import check
from groundspeed.validation.golden import freeze
from groundspeed.validation.records import results


@pytest.fixture
def tmp_path(tmp_path):
    """Where the copy of the repository goes."""
    odd = tmp_path / "my sims ü %d 'q' \"r\""
    odd.mkdir()
    return odd


@pytest.mark.long
def test_verbs_work_below_a_path_of_any_letters(scratch, tmp_path):
    """`create` of a program there, `check` and `validate`."""
    project = tmp_path / "proj (1) 50%"
    project.mkdir()
    (project / "pytest.ini").touch()
    (project / "my sim ü.py").write_text("import numpy as np\n\nu = np.arange(5.0) * 0.5\n")
    made = scratch.run("create", str(project / "my sim ü.py"), "--name", "sim_v1")
    assert made.returncode == 0, made.stderr
    origin = json.loads(scratch.file("baselines", "sim_v1", "origin.json").read_text())
    assert "frozen_sources/proj (1) 50%/my sim ü.py" in origin["files"]
    scratch.only("lattice_field_null", ("odd_2d",))
    for words in (("check", "sim_v1"), ("validate", "lattice_field_null")):
        done = scratch.run(*words)
        assert done.returncode == 0, done.stdout + done.stderr
        assert ("SEALED" if words[0] == "check" else "VERIFIED") in done.stdout


def test_check_prints_its_answer_where_nothing_can_be_filed(capsys, monkeypatch):
    def read_only(*_):
        raise OSError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(freeze, "check", lambda name, full: "5 cases bit for bit")
    monkeypatch.setattr(results, "write_atomic", read_only)
    assert check.run(["lattice_field_v1"], full=False) == 0
    said = capsys.readouterr()
    assert said.out.split()[:2] == ["lattice_field_v1", "SEALED"]
    assert "5 cases bit for bit" in said.out
    assert said.err.startswith("not filed: ")
    assert said.err.count("\n") == 1
