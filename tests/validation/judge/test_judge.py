"""A wrong optimization is refused with the reason; a right one is not."""

import json
import shutil

import pytest

from groundspeed.validation import machine
from groundspeed.validation.records import results

ACCEPTED = ("buffers", "blocked", "numba", "numba_folded", "active_box")
WRONG_COEFFICIENT = """
import dataclasses
def wrong(case):
    return right.prepare(dataclasses.replace(case, c=case.c * (1 + 5e-7)))
engine = dataclasses.replace(right, stepper=wrong)
"""
SABOTAGE = """
import dataclasses, gc, itertools, os, time, torch
def wrong(case):
    step, calls = right.prepare(case), itertools.count(1)
    def sabotaged(state):
        n = next(calls)
        {body}
    return sabotaged
engine = dataclasses.replace(right, stepper=wrong)
"""
MUTANTS = {
    "zeros": ("s = step(state); return s._replace(E=torch.zeros_like(s.E))", "E["),
    "stale": ("return state", "E["),
    "nan": ("s = step(state); s.E.view(-1)[3] = float('nan'); return s", "finite"),
    "one wrong cell": ("s = step(state); s.E.view(-1)[7] *= 1 + 1e-9; return s", "E["),
    "float16 inside": ("s = step(state); return s._replace(E=s.E.half().to(s.E.dtype))", "E["),
    "wrong only on the fifth call": (
        "s = step(state); return s._replace(E=s.E * (1 + 1e-9)) if n % 5 == 0 else s",
        "E[",
    ),
    "another type": ("s = step(state); return s._replace(E=s.E.to(torch.bfloat16))", "bfloat16"),
    "another shape": ("s = step(state); return s._replace(E=s.E[1:])", "shape"),
    "changes its input": ("s = step(state); state.E.add_(1); return s", "state that it was given"),
    "changes threads": ("torch.set_num_threads(2); return step(state)", "number of threads"),
    "changes the default type": (
        "torch.set_default_dtype(torch.float64); return step(state)",
        "default dtype",
    ),
    "draws from the global generator": ("torch.rand(1); return step(state)", "random state"),
    "dies": ("os._exit(3)", "exit code 3"),
    "is killed": ("os.kill(os.getpid(), 9)", "signal 9"),
    "raises": ("raise KeyError('lost')", "KeyError"),
    "reads memory by the byte": (
        "E = torch.as_strided(state.E, state.E.shape, (state.E.shape[1], 1), 0);"
        " return step(state._replace(E=E))",
        "offset",
    ),
    "is right on the named shape only": (
        "s = step(state); return s if s.E.shape == (17, 13) else s._replace(E=s.E * 2)",
        "shape",
    ),
    "stops the garbage collector": ("gc.disable(); return step(state)", "garbage collection"),
    "adds a thousandth to large numbers": (
        "s = step(state); return s._replace(E=torch.where(s.E.abs() > 100, s.E * 1.001, s.E))",
        "large",
    ),
    "depends on the number of threads": (
        "s = step(state); return s._replace(E=s.E * (1 + 1e-15 * (torch.get_num_threads() - 1)))",
        "a new process with 2 threads: E[",
    ),
    "differs from run to run": (
        "s = step(state); return s._replace(E=s.E * (1 + 1e-9 * (time.time_ns() % 7)))",
        "E[",
    ),
}


@pytest.mark.long
def test_a_millionth_in_one_coefficient_is_refused_and_located(scratch):
    right = [f"lattice_field_{name}" for name in ACCEPTED]
    wrong = [f"{leaf}_off" for leaf in right]
    for leaf, off in zip(right, wrong, strict=True):
        scratch.only(leaf, ("odd_2d",))
        shutil.copytree(*(scratch.file("optimizations", name) for name in (leaf, off)))
        scratch.plant(off, WRONG_COEFFICIENT)
    done = scratch.run("validate", *right, *wrong, "--json")
    assert done.returncode == 1
    found = {verdict["optimization"]: verdict for verdict in json.loads(done.stdout)}
    assert [found[leaf]["status"] for leaf in right] == ["VERIFIED"] * len(right)
    assert [found[leaf]["status"] for leaf in wrong] == ["REJECTED"] * len(wrong)
    for leaf in wrong:
        for part in ("E[", "step", "off by", "allowed"):
            assert part in found[leaf]["reason"]


@pytest.mark.long
def test_every_mutant_is_refused_for_the_right_reason(scratch):
    scratch.only("lattice_field_null", ("odd_2d",))
    right = scratch.file("optimizations", "lattice_field_null")
    leaves = {f"lattice_field_wrong_{i}": name for i, name in enumerate(MUTANTS)}
    for leaf, name in leaves.items():
        shutil.copytree(right, right.parent / leaf)
        scratch.plant(leaf, SABOTAGE.format(body=MUTANTS[name][0]))
    done = scratch.run("validate", *leaves, "--json")
    assert done.returncode == 1
    found = {leaves[v["optimization"]]: v for v in json.loads(done.stdout)}
    assert {v["status"] for v in found.values()} == {"REJECTED"}
    told = {name: v["reason"] for name, v in found.items() if MUTANTS[name][1] not in v["reason"]}
    assert told == {}
    assert set(found) == set(MUTANTS)


def test_an_expected_refusal_holds_and_an_unexpected_pass_does_not(scratch):
    scratch.only("lattice_field_null", ("odd_2d",))
    path = scratch.file("optimizations", "lattice_field_null", "validation.py")
    path.write_text(path.read_text().replace("level=", "expected='rejected', level="))
    done = scratch.run("validate", "lattice_field_null")
    assert done.returncode == 1
    assert "claimed REJECTED" in done.stdout
    scratch.plant("lattice_field_null", WRONG_COEFFICIENT)
    assert scratch.run("validate", "lattice_field_null").returncode == 0


@pytest.mark.long
def test_a_changed_byte_makes_a_verdict_stale(scratch):
    scratch.only("lattice_field_null", ("odd_2d",))
    assert scratch.run("validate", "lattice_field_null").returncode == 0
    assert "VERIFIED" in scratch.run("list").stdout
    path = scratch.file("optimizations", "lattice_field_null", "implementation.py")
    path.write_text(path.read_text() + "\n# a remark\n")
    listed = scratch.run("list", "lattice_field_null").stdout
    assert "STALE" in listed
    assert "optimizations/lattice_field_null/implementation.py changed" in listed


def test_a_case_on_which_anything_passes_is_refused(scratch):
    """Fields at rest that are not declared fixed: `fixed` emptied, the resting mass remains."""
    from baselines.lattice_field_v1 import engine
    from groundspeed.baselines.engine import replace
    from groundspeed.validation.judge.case_reference import Vacuous, refuse_vacuity
    from groundspeed.validation.reference.trajectory import reference

    case = engine.cases["odd_2d"]
    with pytest.raises(Vacuous, match="chi never changes"):
        refuse_vacuity(replace(engine, fixed=()), "odd_2d", reference(engine, case))


def test_a_zero_reference_is_refused_as_vacuous():
    import torch

    from baselines.lattice_field_v1 import engine
    from groundspeed.validation.judge.case_reference import Vacuous, refuse_vacuity
    from groundspeed.validation.reference.trajectory import Reference

    case = engine.cases["odd_2d"]
    start = engine.initial(case)
    gone = start._replace(E=torch.zeros_like(start.E), E_prev=torch.zeros_like(start.E))
    run = Reference(case, {0: start, case.steps: gone})
    with pytest.raises(Vacuous, match="zeros pass"):
        refuse_vacuity(engine, "odd_2d", run)


def test_bits_and_not_only_values_are_compared():
    import torch

    from groundspeed.validation.judge.compare import exact_distance

    assert exact_distance(torch.zeros(3), -torch.zeros(3)).largest > 0
    assert exact_distance(torch.ones(3), torch.ones(3)).largest == 0


@pytest.mark.long
def test_what_a_machine_lacks_is_on_file_and_no_refusal(scratch):
    leaf = "lattice_field_buffers"
    scratch.plant(leaf, "import dataclasses\n"
                  "engine = dataclasses.replace(right, needs=('no_such_package',))")  # fmt: skip
    done = scratch.run("validate", leaf)
    assert done.returncode == 0
    filed = results.read(leaf, machine.kind(), scratch.root)["verdict"]
    assert (filed["status"], filed["needs"]) == ("UNAVAILABLE", ["no_such_package"])
