"""Files of evidence: whole, sealed, about what their place says, and never overwritten."""

import errno
import json
import threading

import pytest

from groundspeed.validation import machine
from groundspeed.validation.records import results, samples
from groundspeed.validation.records.base import BrokenRecord, Part


class Found(Part):
    ratio: float
    words: str = ""
    cases: dict[str, dict] = {}


def put(root, key="timing", name="idea", on="here", **values):
    results.put(key, Found(**({"ratio": 0.123456789} | values)), name, on, root)
    return results.path(name, on, root)


def test_a_section_is_read_back_rounded_and_without_what_is_empty(tmp_path):
    path = put(tmp_path)
    assert json.loads(path.read_text())["timing"] == {"ratio": 0.1235}
    assert results.section(Found, "timing", "idea", "here", tmp_path) == Found(ratio=0.1235)


def test_other_sections_and_other_machines_stay(tmp_path):
    put(tmp_path)
    put(tmp_path, key="verdict", ratio=2.0)
    put(tmp_path, on="there", ratio=3.0)
    put(tmp_path, ratio=0.5)
    found = results.read("idea", "here", tmp_path)
    assert (found["timing"]["ratio"], found["verdict"]["ratio"]) == (0.5, 2.0)
    assert results.read("idea", "there", tmp_path)["timing"]["ratio"] == 3.0
    assert results.machines(tmp_path) == ["here", "there"]
    results.put("timing", None, "idea", "here", tmp_path)
    results.put("verdict", None, "idea", "here", tmp_path)
    assert results.names("here", tmp_path) == []


def test_a_case_is_a_line_and_one_that_is_measured_again_changes_few(tmp_path):
    cases = {f"case {k}": {"ratio": k / 7, "pairs": k} for k in range(30)}
    before = put(tmp_path, cases=cases).read_text().splitlines()
    cases["case 3"]["ratio"] = 0.7
    after = put(tmp_path, cases=cases).read_text().splitlines()
    assert sum(line.strip().startswith('"case ') for line in after) == 30
    assert len(set(after) - set(before)) == 2  # the case, and the seal
    assert put(tmp_path, cases=cases).read_text().splitlines() == after


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda text: text[: len(text) // 2], "truncated or no summary"),
        (lambda text: "", "truncated or no summary"),
        (lambda text: "[1, 2]", "truncated or no summary"),
        (lambda text: text.replace("0.1235", "0.0123"), "was edited: its seal does not fit"),
        (lambda text: text.replace('"schema": 1', '"schema": 2'), "has schema 2, allowed: 1"),
    ],
)
def test_what_was_damaged_names_the_file_and_is_no_evidence(tmp_path, damage, words):
    path = put(tmp_path)
    path.write_text(damage(path.read_text()))
    with pytest.raises(BrokenRecord, match=words) as refused:
        results.read("idea", "here", tmp_path)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)
    put(tmp_path, ratio=1.0)  # and can be made anew
    assert results.read("idea", "here", tmp_path)["timing"] == {"ratio": 1.0}


@pytest.mark.parametrize(("name", "on"), [("other", "here"), ("idea", "there")])
def test_a_file_of_another_place_is_no_evidence(tmp_path, name, on):
    text = put(tmp_path).read_text()
    place = results.path(name, on, tmp_path)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)
    with pytest.raises(BrokenRecord, match="is about (name|machine) .* expected"):
        results.read(name, on, tmp_path)


def test_a_new_field_does_not_break_the_seal_of_old_files(tmp_path):
    class Later(Found):
        more: int = 7

    put(tmp_path)
    assert results.section(Later, "timing", "idea", "here", tmp_path).more == 7


def test_writers_at_once_lose_nothing_of_each_other(tmp_path):
    def write(key):
        for ratio in range(1, 11):
            put(tmp_path, key=key, ratio=float(ratio))

    writers = [threading.Thread(target=write, args=(f"s{k}",)) for k in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    found = results.read("idea", "here", tmp_path)
    assert [found[f"s{k}"]["ratio"] for k in range(4)] == [10.0] * 4
    assert [p.name for p in (tmp_path / results.FOLDER / "here").glob("*.tmp")] == []


@pytest.mark.parametrize(
    ("processor", "capability", "cores", "kind"),
    [
        ("AMD EPYC", "AVX512", 2, "amd-epyc-avx512-2"),
        ("AMD EPYC 9B14 96-Core Processor", "AVX512", 8, "amd-epyc-9b14-avx512-8"),
        ("Intel(R) Xeon(R) Processor @ 2.50GHz", "AVX512", 2, "intel-xeon-avx512-2"),
        ("Intel(R) Core(TM) i7-8550U CPU @ 1.80GHz", "AVX2", 4, "intel-core-i7-8550u-avx2-4"),
    ],
)
def test_a_kind_of_machine_is_readable_and_holds_what_matters(
    monkeypatch, processor, capability, cores, kind
):
    monkeypatch.delenv("GROUNDSPEED_MACHINE", raising=False)
    monkeypatch.setattr(machine, "processor", lambda: processor)
    monkeypatch.setattr(machine, "capability", lambda: capability)
    monkeypatch.setattr(machine, "cores", lambda: cores)
    assert machine.kind() == kind


def test_an_owner_may_name_a_kind_but_not_by_any_words(monkeypatch):
    monkeypatch.setenv("GROUNDSPEED_MACHINE", "lab-3")
    assert machine.kind() == machine.kind("cuda") == "lab-3"
    monkeypatch.setenv("GROUNDSPEED_MACHINE", "../Lab 3")
    with pytest.raises(ValueError, match="allowed: lower-case .*'lab-3'"):
        machine.kind()


def test_samples_are_named_by_what_they_hold(tmp_path, monkeypatch):
    monkeypatch.setattr(samples, "FOLDER", tmp_path)
    digest = samples.keep({"pairs": [1.5, 2]})
    assert samples.load(digest) == {"pairs": [1.5, 2]}
    assert samples.keep({"pairs": [1.5, 2]}) == digest
    other = samples.keep([3])
    samples.place(digest).write_bytes(samples.place(other).read_bytes())
    with pytest.raises(BrokenRecord, match="was edited"):
        samples.load(digest)
    samples.place(digest).write_bytes(b"no gzip")
    with pytest.raises(BrokenRecord, match="cannot be read"):
        samples.load(digest)
    with pytest.raises(FileNotFoundError):
        samples.load("0" * 32)


def test_what_cannot_be_filed_is_one_line_and_no_error(tmp_path, capsys, monkeypatch):
    def read_only(*_):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(results, "write_atomic", read_only)
    path = put(tmp_path)
    said = capsys.readouterr().err
    assert said == f"not filed: {path} cannot be written (Read-only file system)\n"
    monkeypatch.setattr(results, "write_atomic", lambda *_: (_ for _ in ()).throw(OSError(28, "")))
    with pytest.raises(OSError, match="28"):
        put(tmp_path)
