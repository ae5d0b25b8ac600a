"""A record is whole or absent, and one that was edited says so."""

import importlib
import math
import os
import pkgutil
import signal
import subprocess
import sys
import time
import typing
from pathlib import Path

import pytest
import torch
from pydantic import BaseModel

from groundspeed import tools, validation
from groundspeed.validation import machine
from groundspeed.validation.judge.findings import CaseResult, Finding
from groundspeed.validation.judge.verdicts import Status, Summary, Verdict
from groundspeed.validation.records import results, tensor_files
from groundspeed.validation.records.base import BrokenRecord, Part, Record
from groundspeed.validation.tiers import Coverage


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


def judging(root):
    """Whether a candidate's process has been started from there."""

    def candidate(process):
        try:
            here = (process / "cwd").readlink() == root
            return (
                here
                and b"groundspeed.validation.worker.server" in (process / "cmdline").read_bytes()
            )
        except OSError:  # it has ended
            return False

    return any(map(candidate, Path("/proc").glob("[0-9]*")))


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_judge_that_is_killed_leaves_no_half_verdict(scratch, how):
    process = subprocess.Popen(
        [sys.executable, "-m", "groundspeed", "validate", "lattice_field_buffers"],
        cwd=scratch.root,
        env=os.environ | {"PYTHONPATH": str(scratch.root)},
        stderr=subprocess.PIPE,
        text=True,
    )
    while process.poll() is None and not judging(scratch.root):
        time.sleep(0.05)
    process.send_signal(how)
    _, said = process.communicate(timeout=300)
    folder = results.path("x", machine.kind(), scratch.root).parent
    assert [p for p in folder.glob("lattice*")] == []
    if how is signal.SIGINT:
        assert "interrupted" in said
        assert "Traceback" not in said


@pytest.mark.parametrize("library", ["typer", "pydantic"])
def test_ctrl_c_while_a_library_is_imported_is_one_line(scratch, library):
    """The library is one that never comes up, so the moment is no matter of luck."""
    scratch.file(f"{library}.py").write_text(
        "open('begun', 'w').close()\nimport time\ntime.sleep(300)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "groundspeed", "validate", "lattice_field_null"],
        cwd=scratch.root,
        env=os.environ | {"PYTHONPATH": str(scratch.root)},
        stderr=subprocess.PIPE,
        text=True,
    )
    while process.poll() is None and not scratch.file("begun").exists():
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=300)
    assert process.returncode == 130
    words = "groundspeed: interrupted; every record is whole or absent, run again to go on"
    assert said == f"{words} [E-INTERRUPTED]\n"


def test_a_corrupted_verdict_counts_as_none(scratch):
    path = results.path("lattice_field_null", machine.kind(), scratch.root)
    results.describe_machine(machine.kind(), scratch.root)
    path.write_text('{"status": "VERIFIED"}')
    listed = scratch.run("list").stdout
    assert "UNJUDGED" in listed
    assert "lattice_field_null.json is truncated or no summary" in listed
    assert f"no evidence: {path}" in listed
    refused = scratch.run("bench", "lattice_field_null")
    assert refused.returncode == 1
    assert "no number" in refused.stdout


def parts(model, seen):
    """Every model that stands inside another."""
    for field in model.model_fields.values():
        for kind in kinds(field.annotation):
            if isinstance(kind, type) and issubclass(kind, BaseModel) and kind not in seen:
                seen.add(kind)
                parts(kind, seen)
    return seen


def kinds(annotation):
    yield annotation
    for inner in typing.get_args(annotation):
        yield from kinds(inner)


def every_record():
    """All record types of the project, wherever they are defined."""
    for package in (validation, tools):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not found.name.endswith("__main__"):
                importlib.import_module(found.name)
    waiting, found = [Part], []
    while waiting:
        subclasses = waiting.pop().__subclasses__()
        found += [kind for kind in subclasses if kind.__module__.split(".")[0] != "tests"]
        waiting += subclasses
    return found


def test_every_part_of_every_record_writes_infinities_as_words():
    records = every_record()
    assert len(records) > 8
    loose = [
        kind.__qualname__
        for record in records
        for kind in parts(record, {record})
        if kind.model_config.get("ser_json_inf_nan") != "strings"
    ]
    assert loose == []


def test_a_verdict_with_nothing_to_compare_against_is_read_back(tmp_path):
    far = Finding(check="step 1", field="E", cell=[0], rms=1.0, allowed_rms=math.inf,
                  largest=1.0, allowed_largest=math.inf, block=1.0, allowed_block=math.inf,
                  share=math.inf, got=1.0, want=0.0)  # fmt: skip
    verdict = Verdict(optimization="o", engine="e", level="approximate", because="b", reason="r",
                      expected="verified", status=Status.VERIFIED, protocol=1,
                      coverage=Coverage.EVERYDAY,
                      cases={"c": CaseResult(closest={"E": far})})  # fmt: skip
    results.put("verdict", verdict.summary(), "o", "here", tmp_path)
    found = results.section(Summary, "verdict", "o", "here", tmp_path)
    assert found.cases["c"].closest.allowed == math.inf
    assert found == verdict.summary()


def test_lazy_views_are_written_as_what_they_show(tmp_path):
    """A conjugate or a negative is a mark on the same memory until somebody needs its numbers."""
    number = torch.tensor([1 + 2j, -3j])
    shown = {"conj": number.conj(), "both": number.conj().imag, "plain": number}
    tensor_files.save(tmp_path / "lazy", shown)
    assert {n: t.tolist() for n, t in tensor_files.load(tmp_path / "lazy").items()} == {
        "conj": [1 - 2j, 3j], "both": [-2.0, 3.0], "plain": [1 + 2j, -3j],
    }  # fmt: skip


def test_complex_numbers_come_back_where_the_processor_can_take_them(tmp_path):
    """At a multiple of 8 bytes that is none of 16, sums of complex128 crash the process."""
    for before in range(1, 5):
        named = {"a": torch.zeros(before).double(), "b": torch.ones(1000, dtype=torch.complex128)}
        tensor_files.save(tmp_path / "s", named)
        found = tensor_files.load(tmp_path / "s")
        assert found["b"].data_ptr() % 16 == 0
        assert torch.equal(found["b"], named["b"])
