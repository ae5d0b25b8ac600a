"""What is judged is compiled as what is timed: no silent Python, no switch left on in a shell."""

import os
import subprocess
import sys

import pytest
import torch

from groundspeed import baselines
from groundspeed.tools import process
from groundspeed.validation import machine
from groundspeed.validation.records.digests import ROOT
from groundspeed.validation.worker import compilers, forkserver, server

ENGINE = "lattice_field_v1"
SWITCHES = ["TORCHDYNAMO_DISABLE", "TORCH_COMPILE_DISABLE", "TORCHDYNAMO_SUPPRESS_ERRORS",
            "NUMBA_DISABLE_JIT", "NUMBA_OPT", "NUMBA_BOUNDSCHECK", "PYTORCH_JIT",
            "TORCHINDUCTOR_MAX_AUTOTUNE", "JAX_DISABLE_JIT", "XLA_FLAGS"]  # fmt: skip
KEPT = ["NUMBA_NUM_THREADS", "NUMBA_CACHE_DIR", "NUMBA_THREADING_LAYER", "TORCHINDUCTOR_CACHE_DIR",
        "TORCHINDUCTOR_VEC_ISA_OK", "TORCHINDUCTOR_COMPILE_THREADS", "OMP_NUM_THREADS"]  # fmt: skip


@pytest.fixture(autouse=True)
def as_it_was():
    yield
    torch._dynamo.config.fail_on_recompile_limit_hit = False
    torch._dynamo.reset()


def doubled(x):
    return 2 * x


@pytest.fixture(autouse=True)
def loaded():
    torch.compile(doubled, backend="eager")


def compiled_for_sizes(count):
    """A compiled function called with tensors of so many sizes."""
    fused = torch.compile(doubled, backend="eager", dynamic=False)
    return [fused(torch.ones(n + 2)) for n in range(count)]


def test_a_compiler_that_gives_up_is_an_error_that_says_what_to_do():
    compilers.start_afresh()
    with pytest.raises(Exception) as caught:  # noqa: PT011  (of a module that torch loads late)
        compiled_for_sizes(9)
    assert "would run Python after 8 versions of one function" in compilers.gave_up(caught.value)
    assert compilers.gave_up(ValueError("another")) == ""


def test_each_case_starts_with_nothing_compiled():
    engine, steps = baselines.load(ENGINE), {}
    for name in ("odd_2d", "damped"):
        request = {"case": name, "truth": False}
        server.prepare_case(engine, steps, request)
        compiled_for_sizes(8)


def test_a_compiler_that_made_nothing_is_named():
    pytest.importorskip("numba")
    code = """
import numba, numpy
from groundspeed.validation.worker import compilers
from groundspeed.validation.worker.preload import numba_jit
before = compilers.counts()
double = numba.njit(lambda x: 2 * x)
print(compilers.idle_since(before))
double(1.0)
print(compilers.idle_since(before))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.split("\n") == ["['numba']", "[]", ""], done.stderr


def test_switches_of_compilers_are_told_from_their_caches_and_threads(monkeypatch):
    for name in (*SWITCHES, *KEPT):
        monkeypatch.setenv(name, "1")
    assert {*SWITCHES} <= {*machine.compiler_switches()}
    assert not {*KEPT} & {*machine.compiler_switches()}


def test_a_switch_left_on_in_a_shell_reaches_no_process_that_judges_or_times(monkeypatch):
    monkeypatch.setenv("TORCHDYNAMO_DISABLE", "1")
    with forkserver.bare():
        assert "TORCHDYNAMO_DISABLE" not in os.environ
    assert os.environ["TORCHDYNAMO_DISABLE"] == "1"
    timed = process.without_compiler_switches(process.environment())
    assert "TORCHDYNAMO_DISABLE" not in timed
    assert timed["NUMBA_NUM_THREADS"] == "1"
    machine.unset_compiler_switches()
    assert "TORCHDYNAMO_DISABLE" not in os.environ


@pytest.mark.parametrize("threads", [1, 5])
def test_numba_has_as_many_threads_in_the_fork_as_were_asked_for(threads):
    """The server of forks has read its number already."""
    pytest.importorskip("numba")
    code = f"""
import os, numba, numpy, torch
from groundspeed.validation.worker.preload import numba_jit
os.environ |= dict.fromkeys(("NUMBA_NUM_THREADS", "OMP_NUM_THREADS"), "{threads}")
numba_jit.set_threads({threads})
torch.set_num_threads({threads})
@numba.njit(parallel=True)
def fill(out):
    for i in numba.prange(len(out)):
        out[i] = 1
fill(numpy.zeros(9))
print(numba.get_num_threads(), torch.get_num_threads())
"""
    environment = {k: v for k, v in os.environ.items() if k not in KEPT}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.stdout.split() == [str(threads)] * 2, done.stderr
