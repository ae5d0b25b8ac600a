"""Whatever happens to a frozen file has its own clear message."""

import json

import pytest
from conftest import ROOT

from groundspeed.validation.records import tensor_files
from groundspeed.validation.records.git import git

FROZEN = ("baselines", "lattice_field_v1", "frozen")
EXTENDED = ("baselines", "decay_v1", "frozen")
SMALL = {
    "scheme.py": '''"""Decay u_t = -u, by forward Euler."""

from dataclasses import dataclass
from typing import NamedTuple

import torch

from groundspeed.baselines.engine import Case


class Field(NamedTuple):
    u: torch.Tensor


@dataclass(frozen=True, kw_only=True)
class Decay(Case):
    cells: int = 32


def initial(case):
    return Field(1 + torch.rand(case.cells, generator=case.generator(), dtype=case.dtype))


def decay(case):
    return lambda state: Field(state.u - 0.01 * state.u)
''',
    "cases.py": '''"""Named cases."""

from .scheme import Decay

CASES = {"line": Decay(steps=12), "short": Decay(cells=7, steps=5)}
''',
    "__init__.py": '''"""Decay u_t = -u, by forward Euler."""

from groundspeed.baselines.engine import Engine, Stage

from .cases import CASES
from .scheme import decay, initial

engine = Engine(name="decay_v1", cases=CASES, initial=initial, stages=(Stage("decay", decay),))
''',
}
ADDED = """
from dataclasses import replace

CASES["another"] = replace(CASES["line"], steps=3)
"""
OTHER_BITS = """
right = initial


def initial(case):
    state = right(case)
    return state._replace(u=state.u * (1 + 4e-16))
"""


def refused(scratch) -> str:
    done = scratch.run("check", "lattice_field_v1")
    assert done.returncode == 1
    assert "BROKEN" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    return done.stdout


def test_an_edited_source_is_named(scratch):
    path = scratch.file("baselines", "lattice_field_v1", "scheme.py")
    path.write_text(path.read_text() + "\n# faster\n")
    said = refused(scratch)
    assert "baselines/lattice_field_v1/scheme.py was edited" in said
    assert "new version" in said


def test_a_new_source_is_named(scratch):
    scratch.file("baselines", "lattice_field_v1", "extra.py").write_text("x = 1\n")
    assert "extra.py is new" in refused(scratch)


def test_missing_golden_data_is_named(scratch):
    scratch.file(*FROZEN, "golden.safetensors").unlink()
    assert "golden.safetensors is missing" in refused(scratch)


def test_truncated_golden_data_is_named(scratch):
    path = scratch.file(*FROZEN, "golden.safetensors")
    path.write_bytes(path.read_bytes()[:-100])
    assert "is truncated" in refused(scratch)


def test_edited_golden_data_is_named(scratch):
    path = scratch.file(*FROZEN, "golden.safetensors")
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert "golden.safetensors was edited" in refused(scratch)


def test_golden_data_of_another_torch_is_named(scratch):
    path = scratch.file(*FROZEN, "golden.safetensors")
    tensor_files.save(
        path, tensor_files.load(path), {"torch": "1.0.0", "engine": "lattice_field_v1"}
    )
    # padded to the sealed size, so that it is not merely shorter
    assert "made by torch 1.0.0" in refused(scratch)


def test_an_edited_manifest_is_named(scratch):
    path = scratch.file(*FROZEN, "manifest.json")
    path.write_text(path.read_text().replace('"threads": 1', '"threads": 2'))
    assert "seal does not fit" in refused(scratch)


def test_an_unfrozen_engine_says_how_to_freeze_it(scratch):
    scratch.file(*FROZEN, "manifest.json").unlink()
    assert "groundspeed freeze lattice_field_v1" in refused(scratch)


def test_freezing_twice_is_refused(scratch):
    done = scratch.run("freeze", "lattice_field_v1")
    assert done.returncode == 1
    assert "new physics is a new version" in done.stderr


@pytest.fixture
def small(scratch):
    """The copy with a small engine of two cases, sealed here, and one case more there."""
    for file, text in SMALL.items():
        scratch.file("baselines", "decay_v1", file).parent.mkdir(exist_ok=True)
        scratch.file("baselines", "decay_v1", file).write_text(text)
    done = scratch.run("freeze", "decay_v1")
    assert done.returncode == 0, done.stderr
    cases = scratch.file("baselines", "decay_v1", "cases.py")
    cases.write_text(cases.read_text() + ADDED)
    return scratch


def answers(scratch) -> dict:
    return json.loads(scratch.file(*EXTENDED, "manifest.json").read_text())["answers"]


@pytest.mark.long
def test_a_case_joins_a_sealed_baseline_if_the_sealed_ones_give_their_bits(small):
    """With other bits it does not, and the seal stays as it was; then it does."""
    scheme = small.file("baselines", "decay_v1", "scheme.py")
    right, seal = scheme.read_text(), small.file(*EXTENDED, "manifest.json")
    scheme.write_text(f"{right}{OTHER_BITS}")
    held = seal.read_bytes()
    done = small.run("freeze", "decay_v1")
    assert done.returncode == 1
    assert "gives other bits than the sealed ones" in done.stderr
    assert seal.read_bytes() == held
    scheme.write_text(right)
    before = answers(small)
    done = small.run("freeze", "decay_v1")
    assert done.returncode == 0, done.stderr
    after = answers(small)
    assert after.pop("another")["own_error"]
    assert after == before
    assert "SEALED" in small.run("check", "decay_v1").stdout


@pytest.mark.parametrize("dtype", ["complex64", "complex128", "float16", "bool", "int64"])
def test_any_state_survives_a_file(tmp_path, dtype):
    import torch

    kind = getattr(torch, dtype)
    tensor = torch.randn(3, 4).to(torch.complex64).to(kind) if "complex" in dtype else (
        torch.arange(12).reshape(3, 4).to(kind)
    )  # fmt: skip
    tensor_files.save(tmp_path / "x", {"a": tensor, "b": torch.tensor(5)})
    found = tensor_files.load(tmp_path / "x")
    assert torch.equal(found["a"], tensor)
    assert found["a"].dtype == kind
    assert found["b"].shape == ()


def test_other_line_ends_are_told_from_an_edit(scratch):
    path = scratch.file("baselines", "lattice_field_v1", "scheme.py")
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    said = refused(scratch)
    assert "scheme.py has other line ends than when lattice_field_v1 was frozen" in said
    assert "core.autocrlf" in said
    path.write_bytes(path.read_bytes() + b"# faster\r\n")
    assert "scheme.py was edited" in refused(scratch)


def test_git_changes_no_line_end_of_a_checkout():
    """With core.autocrlf every sealed file would differ from its seal."""
    asked = git(ROOT, "check-attr", "text", "--", "baselines/engine.py", "reports/index.md")
    if asked.failed:
        pytest.skip(asked.failed)
    assert [line.split()[-1] for line in asked.text.splitlines()] == ["unset", "unset"]
