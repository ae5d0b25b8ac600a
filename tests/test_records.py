"""A record is whole or absent, and one that was edited says so."""

import os
import signal
import subprocess
import sys
import time

import pytest

from validation.records import BrokenRecord, Record


class Note(Record):
    text: str


def test_what_is_written_is_read_back(tmp_path):
    Note(text="a").write(tmp_path / "n.json")
    assert Note.read(tmp_path / "n.json").text == "a"


@pytest.mark.parametrize(
    "damage", [lambda b: b[: len(b) // 2], lambda b: b.replace(b'"a"', b'"b"')]
)
def test_a_damaged_record_is_never_believed(tmp_path, damage):
    path = tmp_path / "n.json"
    Note(text="a").write(path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(BrokenRecord, match="n.json"):
        Note.read(path)


def test_a_failed_write_leaves_the_old_record(tmp_path, monkeypatch):
    path = tmp_path / "n.json"
    Note(text="old").write(path)
    monkeypatch.setattr(os, "fsync", lambda fd: (_ for _ in ()).throw(OSError(28, "no space")))
    with pytest.raises(OSError, match="no space"):
        Note(text="new").write(path)
    assert Note.read(path).text == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["n.json"]


@pytest.mark.parametrize(("how", "wait"), [(signal.SIGKILL, 4.0), (signal.SIGINT, 4.0)])
def test_a_judge_that_is_killed_leaves_no_half_verdict(scratch, how, wait):
    process = subprocess.Popen(
        [sys.executable, "-m", "tools", "validate", "lattice_field_buffers"],
        cwd=scratch.root,
        env=os.environ | {"PYTHONPATH": str(scratch.root)},
        stderr=subprocess.PIPE,
        text=True,
    )
    time.sleep(wait)
    process.send_signal(how)
    _, said = process.communicate(timeout=60)
    folder = scratch.file("reports", "verdicts")
    assert [p for p in folder.glob("*")] == []
    if how is signal.SIGINT:
        assert "interrupted" in said
        assert "Traceback" not in said


def test_a_corrupted_verdict_counts_as_none(scratch):
    path = scratch.file("reports", "verdicts", "lattice_field_null.json")
    path.parent.mkdir(parents=True)
    path.write_text('{"status": "VERIFIED"}')
    assert "UNJUDGED" in scratch.run("list").stdout
    refused = scratch.run("bench", "lattice_field_null")
    assert refused.returncode == 1
    assert "no number" in refused.stdout
