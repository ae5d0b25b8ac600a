"""What runs on a GPU: guarded where there is none, right where its kernels can be interpreted."""

import importlib.util
import json
import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from groundspeed import baselines
from groundspeed.baselines.device import moved, on_device
from groundspeed.tools.cli import bench, gpu
from groundspeed.tools.records import evidence
from groundspeed.validation import discovery, machine
from groundspeed.validation.judge.verdicts import Status
from groundspeed.validation.records import digests

ENGINES = ("energy_flow", "lattice_field", "probabilistic_field", "tensor_field")
CASES = {
    "energy_flow": ("tiny", "groups", "nothing_completed", "silent_sample"),
    "lattice_field": ("odd_2d", "odd_3d_float32", "damped", "reflective", "order_6"),
    "probabilistic_field": ("cold_62x48", "flow_dense", "peaks", "seeding_48x40"),
    "tensor_field": ("all_terms", "kernel_well", "oblong_components", "saturated_memory"),
}
INTERPRETED = """
import json, os, sys
os.environ["TRITON_INTERPRET"] = "1"
import torch
from groundspeed.baselines import device
device.on_device = lambda engine, _: engine  # what else would be done there is done here
from groundspeed import baselines
from groundspeed.validation import discovery
base = baselines.load(sys.argv[1] + "_v1")
ours = discovery.engine(sys.argv[1] + "_triton")
if sys.argv[1] == "probabilistic_field":
    sys.modules[ours.stepper.__module__].there = lambda case: case
for name in sys.argv[2:]:
    case = base.cases[name]
    steps = min(3, case.steps)
    start = base.initial(case)
    want, got = (engine.runner(case)(start, steps)._asdict() for engine in (base, ours))
    wide = torch.complex128
    off = {f: (got[f].to(wide) - t.to(wide)).abs().max() / max(1, t.to(wide).abs().max())
           for f, t in want.items() if t.numel()}
    print(json.dumps([name, {f: float(x) for f, x in off.items() if x}]))
"""


def on_a_gpu():
    return [name for name in discovery.names() if discovery.device(name) == "cuda"]


def test_without_a_gpu_their_claims_load_and_no_compiler_of_it_is_imported():
    for name in on_a_gpu():
        assert "cuda" in discovery.engine(name).needs
        assert discovery.claim(name).engine.name.rpartition("_v")[0] in name
    assert "triton" not in sys.modules


def test_what_a_gpu_found_is_evidence_like_that_of_any_machine():
    """It was made where there is one, and stands on the pages with its machine and date."""
    found = {name: evidence.of(name, "nvidia-h200") for name in on_a_gpu()}
    page = (digests.ROOT / "reports" / "index.md").read_text()
    for name, one in found.items():
        assert one.verdict is not None
        row = next(line for line in page.splitlines() if line.startswith(f"| [{name}]"))
        assert one.verdict.made[:10] in row
        assert "nvidia-h200" in row
        assert one.timing is None or "× [" in row
        assert one.status is not Status.STALE or "judge protocol" in one.reason


def test_each_engine_has_its_own_on_a_gpu():
    known = {f"{engine}_{kind}" for engine in ENGINES for kind in ("cuda", "triton")}
    assert known <= set(on_a_gpu())


@pytest.mark.skipif(torch.cuda.is_available(), reason="has a GPU")
def test_without_a_gpu_it_says_what_is_lacking_and_where_to_look(capsys):
    assert gpu.run([]) == 1
    assert "a CUDA device; what others found: reports/index.md" in capsys.readouterr().out
    assert machine.missing(discovery.engine("lattice_field_cuda").needs) == ["a CUDA device"]


def test_an_engine_on_the_device_where_it_is_already_is_the_same_engine():
    base = baselines.load("lattice_field_v1")
    case = base.cases["odd_2d"]
    start = base.initial(case)
    there = on_device(base, "cpu")
    assert there.needs == base.needs
    for a, b in zip(base.runner(case)(start, 3), there.runner(case)(start, 3), strict=True):
        assert torch.equal(a, b)


def test_an_engine_on_another_device_works_there_and_its_states_come_back():
    """The meta device has no numbers, but it is another one."""
    base = baselines.load("lattice_field_v1")
    case = base.cases["odd_2d"]
    seen = []

    def field(case):
        def step(state):
            seen.append({t.device.type for t in state})
            return state

        return step

    only = replace(base, stages=(replace(base.stages[0], build=field),))
    there = on_device(only, "meta")
    working = there.adopt(case, base.initial(case))
    there.prepare(case)(working)
    assert seen == [{"meta"}]
    assert {t.device.type for t in moved(base.initial(case), "cpu")} == {"cpu"}


def test_what_works_on_a_gpu_shares_no_rounds_with_what_does_not(monkeypatch):
    monkeypatch.setattr(bench, "largest_start", lambda engine, full: 1)
    due = dict.fromkeys(("lattice_field_null", "lattice_field_cuda"), "lattice_field_v1")
    assert sorted(bench.groups(due)) == [["lattice_field_cuda"], ["lattice_field_null"]]


@pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="needs triton")
@pytest.mark.parametrize("engine", ENGINES)
def test_kernels_compute_the_same_where_they_are_interpreted(engine):
    done = subprocess.run(
        [sys.executable, "-c", INTERPRETED, engine, *CASES[engine]],
        cwd=digests.ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found = dict(map(json.loads, done.stdout.splitlines()))
    assert list(found) == list(CASES[engine])
    inexact = {"lattice_field": set(), "probabilistic_field": {"sum_E"}}.get(engine)
    for off in found.values():
        assert inexact is None or set(off) <= inexact, found
        assert max(off.values(), default=0.0) < 1e-6, found


def test_where_none_was_verified_nothing_is_timed(monkeypatch):
    """`bench` without names would time everything there is."""
    monkeypatch.setattr(gpu, "missing", lambda needs: [])
    monkeypatch.setattr(gpu.validate, "run", lambda names, coverage, again: 1)
    monkeypatch.setattr(gpu.evidence, "judged", lambda name: (Status.REJECTED, None, ""))
    monkeypatch.setattr(gpu.bench, "run", lambda *words, **more: pytest.fail("timed"))
    assert gpu.run(["lattice_field_cuda"]) == 1


def test_a_gpu_is_a_machine_of_its_own(monkeypatch):
    monkeypatch.setattr(machine, "accelerator", lambda: ("NVIDIA H200", "580.1"))
    assert evidence.here("lattice_field_cuda") == "nvidia-h200"
    assert evidence.here("lattice_field_null") == machine.kind("cpu") != "nvidia-h200"
    monkeypatch.setattr(machine, "accelerator", lambda: ("", ""))
    assert evidence.here("lattice_field_cuda") == machine.kind("cpu")
