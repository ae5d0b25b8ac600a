"""The command line: one clear line for whatever is wrong, and an exit code that tells."""

import ast
import inspect
import json
import re
import subprocess
import sys
import time
from dataclasses import replace
from importlib import import_module

import pytest
import torch

from groundspeed import baselines
from groundspeed.baselines.engine import clone
from groundspeed.tools import __main__, console
from groundspeed.tools.cli import app, listing
from groundspeed.tools.cli.scaffold import files, implementation
from groundspeed.validation.records import digests

WRONG = {
    "unknown verb": (["fly"], 2, "fly"),
    "unknown optimization": (["validate", "nonsense"], 2, "no optimization 'nonsense'"),
    "unknown baseline": (["check", "nonsense"], 2, "no baseline 'nonsense'"),
    "unknown option": (["validate", "--fast"], 2, "--fast"),
    "new without a baseline": (["new", "x"], 2, "--baseline"),
    "new of an unknown baseline": (["new", "x", "--baseline", "y"], 2, "no baseline 'y'"),
    "a name Python cannot import": (
        ["new", "a-b", "--baseline", "lattice_field_v1"],
        1,
        "'a-b' is no name",
    ),
    "a name that is taken": (
        ["new", "lattice_field_null", "--baseline", "lattice_field_v1"],
        1,
        "exists",
    ),
}


@pytest.mark.parametrize("what", list(WRONG))
def test_wrong_use_gives_one_clear_line(scratch, what):
    words, code, text = WRONG[what]
    done = scratch.run(*words)
    assert done.returncode == code
    assert text in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_mistake_of_ours_is_no_wrong_use(monkeypatch):
    """A KeyError from inside must be seen as the bug that it is."""
    monkeypatch.setattr(sys, "argv", ["groundspeed", "list"])
    monkeypatch.setattr(listing, "run", lambda names, as_json: {}[96])
    with pytest.raises(KeyError):
        __main__.main()


def test_a_command_has_the_options_that_its_function_takes():
    """They meet by name, and only when the command is called."""
    found = 0
    for command in ast.parse(inspect.getsource(app)).body:
        for call in getattr(command, "decorator_list", ()):
            if getattr(call.func, "id", "") == "verb":
                name = next((k.value.value for k in call.keywords if k.arg == "function"), "run")
                function = getattr(import_module(call.args[0].value), name)
                inspect.signature(function).bind(**{a.arg: 0 for a in command.args.args})
                found += 1
    assert found > 15


def test_a_leaf_that_does_not_import_is_named_with_its_line(scratch):
    path = scratch.file("optimizations", "lattice_field_null", "implementation.py")
    path.write_text("import nonsense_module\n")
    done = scratch.run("validate", "lattice_field_null")
    assert done.returncode == 1
    assert "implementation.py:1" in done.stderr
    assert "nonsense_module" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_missing_file_is_named(scratch):
    scratch.file("optimizations", "lattice_field_null", "validation.py").unlink()
    done = scratch.run("validate", "lattice_field_null")
    assert done.returncode == 1
    assert "lacks ['validation.py']" in done.stderr


def test_a_new_optimization_validates_as_it_stands(scratch):
    assert scratch.run("new", "my_idea", "--baseline", "lattice_field_v1").returncode == 0
    scratch.only("my_idea", ("odd_2d", "reflective"))
    done = scratch.run("validate", "my_idea")
    assert done.returncode == 0
    assert "VERIFIED" in done.stdout


EXPLAINED = ("  adopt=", "  observe=", "  in_place=", "  stride=", "  needs=", "  threads=")


@pytest.mark.parametrize("baseline", baselines.names())
def test_a_new_optimization_shows_its_engine_and_computes_the_same(baseline):
    """Its stages with their places, its cases, and in a line each what else can be said."""
    base, made, found = baselines.load(baseline), files("my_idea", baseline), {}
    text = made["implementation.py"]
    exec(compile(text, "implementation.py", "exec"), found)
    engine, replaced = found["engine"], base.stages[0]
    assert [s.name for s in engine.stages] == [s.name for s in base.stages]
    assert engine.stages[0].build is not replaced.build
    comments = [line for line in text.splitlines() if line.startswith("#")]
    assert f"\nengine = replace_stage(baseline, {replaced.name}=" in text
    for words in [*(f"  {s.name} (baselines/" for s in base.stages), *EXPLAINED]:
        assert any(line.startswith(f"# {words}") for line in comments), words
    assert all(re.search(rf"\b{name}\b", "".join(comments)) for name in base.cases)
    assert max(map(len, text.splitlines())) <= 100
    case = next(case for case in base.cases.values() if case.stored)  # a small one
    start = base.initial(case)
    one, other = (e.runner(case)(start, 1) for e in (engine, base))
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_places_in_a_new_optimization_are_those_of_the_stages():
    for baseline in baselines.names():
        text = files("my_idea", baseline)["implementation.py"]
        for name, path, line in re.findall(r"^#   (\w+) \((\S+):(\d+)\)", text, re.MULTILINE):
            source = (digests.ROOT / path).read_text().splitlines()[int(line) - 1]
            assert source.startswith("def "), (name, source)


def test_an_engine_without_stages_gets_a_whole_step():
    whole = replace(baselines.load("lattice_field_v1"), stages=(), stepper=lambda case: clone)
    text = implementation("lattice_field_v1", whole)
    assert "engine = replace(baseline, stepper=stepper)" in text
    exec(compile(text, "implementation.py", "exec"), found := {})
    assert found["engine"].stepper is found["stepper"]


def test_json_is_for_machines(scratch):
    listed = json.loads(scratch.run("list", "--json").stdout)
    assert {row["name"] for row in listed} >= {"lattice_field_v1", "lattice_field_null"}


def test_help_and_list_need_no_torch():
    """Start-up is imports; the costly ones must not be among them."""
    code = (
        "import sys; sys.argv = ['groundspeed', 'list']; from tools.__main__ import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        "assert not {'torch', 'numba', 'scipy', 'matplotlib'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_help_answers_at_once():
    times = []
    for _ in range(5):
        before = time.perf_counter()
        done = subprocess.run([sys.executable, "-m", "groundspeed", "--help"], capture_output=True)
        times.append(time.perf_counter() - before)
        assert done.returncode == 0
    assert min(times) < 5  # 0.2 s on an idle machine; the test of imports above is the strict one


SCRIPTS = {
    "create_performance_baseline": (["no_such.py"], 2, "no such file"),
    "profile_test": (["no_such.py"], 2, "no such file"),
    "validate_optimization": (["lattice_field_null", "--small"], 0, "VERIFIED"),
    "benchmark_optimization": (["lattice_field_null"], 1, "judged on its small cases only"),
}


def test_the_scripts_of_the_documents_are_the_verbs(scratch):
    """Each runs the checkout that it lies in, from any folder."""
    scratch.only("lattice_field_null", ("odd_2d",))
    for name, (words, code, text) in SCRIPTS.items():
        done = subprocess.run(
            [sys.executable, str(scratch.file("tools", f"{name}.py")), *words],
            cwd=scratch.root.parent,
            capture_output=True,
            text=True,
        )
        assert (done.returncode, text in done.stdout + done.stderr) == (code, True), done.stderr


def test_validate_starts_the_fork_server_before_it_imports_torch():
    command = "import sys, tools.cli.validate; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", command], check=True)


def test_json_has_no_number_that_readers_refuse(capsys):
    console.as_json({"high": float("inf"), "pairs": [(1.5, float("nan"))], "n": 3})
    said = json.loads(capsys.readouterr().out, parse_constant=lambda word: pytest.fail(word))
    assert said == {"high": None, "pairs": [[1.5, None]], "n": 3}
