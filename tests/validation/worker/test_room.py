"""Where states that travel in files find room, and whose code a command works with."""

import subprocess
import sys
from types import SimpleNamespace

import pytest

from groundspeed import baselines
from groundspeed.tools import __main__
from groundspeed.validation.records.digests import ROOT
from groundspeed.validation.records.errors import Refused
from groundspeed.validation.worker import client

ENGINE, CASE = baselines.load("lattice_field_v1"), "odd_2d"


def free_bytes(monkeypatch, memory, disk):
    def usage(place):
        return SimpleNamespace(free=memory if place.parent == client.in_memory() else disk)

    monkeypatch.setattr(client.shutil, "disk_usage", usage)


def test_states_that_find_no_room_in_memory_go_to_the_disk(monkeypatch, tmp_path):
    monkeypatch.setattr(client.tempfile, "gettempdir", lambda: str(tmp_path))
    start = ENGINE.initial(ENGINE.cases[CASE])
    with client.Candidate("lattice_field_null") as candidate:
        in_memory = candidate.after(CASE, start, [1])[1]
        free_bytes(monkeypatch, 1000, 10**12)
        on_disk = candidate.after(CASE, start, [1])[1]
        assert (candidate.on_disk / "out").exists()
        assert all(a.equal(b) for a, b in zip(in_memory, on_disk, strict=True))
    assert not list(tmp_path.glob("groundspeed-*")), "nothing is left"


def test_no_room_at_all_is_no_verdict(monkeypatch):
    with client.Candidate("lattice_field_null") as candidate:
        free_bytes(monkeypatch, 1000, 2000)
        with pytest.raises(Refused, match=r"states of odd_2d need 0 MB.*--shm-size") as told:
            candidate.after(CASE, ENGINE.initial(ENGINE.cases[CASE]), [1])
        assert not isinstance(told.value, client.CandidateFailed)


def test_a_command_given_in_another_checkout_works_with_that_one(tmp_path):
    """An environment that was borrowed has this checkout installed, and not the copy."""
    for package in ("groundspeed", "validation"):
        (tmp_path / package).mkdir()
    (tmp_path / "validation" / "protocol.py").touch()
    (tmp_path / "groundspeed" / "__init__.py").touch()
    (tmp_path / "groundspeed" / "__main__.py").write_text(
        "import sys\nprint('copy', *sys.argv[1:])\n"
    )
    inside = tmp_path / "deep" / "down"
    inside.mkdir(parents=True)
    assert __main__.checkout(inside, ROOT) == tmp_path
    assert __main__.checkout(ROOT / "tests", ROOT) == ROOT
    assert __main__.checkout(tmp_path.parent, ROOT) == ROOT
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); sys.argv[1:] = ['list', '--json']; "
    done = subprocess.run(
        [sys.executable, "-c", f"{code}from groundspeed.tools.__main__ import main; main()"],
        cwd=inside, capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "copy list --json\n")
    assert f"the code of this checkout, {tmp_path}" in done.stderr
