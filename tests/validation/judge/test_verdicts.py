"""What findings add up to: nothing that was not shown is called VERIFIED."""

import sys

import pytest

from baselines.lattice_field_v1 import engine
from groundspeed import project
from groundspeed.validation import discovery, machine
from groundspeed.validation.claims import Agreement, described, from_description
from groundspeed.validation.judge import verdicts
from groundspeed.validation.judge.conclusions import conclude, continues, of_substitutes
from groundspeed.validation.judge.findings import CaseResult, Mutation
from groundspeed.validation.judge.verdicts import Status
from groundspeed.validation.records import digests
from groundspeed.validation.records.errors import BrokenLeaf
from groundspeed.validation.tiers import Coverage

CLAIM = Agreement(engine=engine, level="exact", because="it is the same")
RIGHT = CaseResult(checks=3)


def mutants(killed=(), survived=(), none=()):
    return Mutation(killed=dict.fromkeys(killed, "odd_2d: off"), survived=list(survived),
                    within_budget=[], no_mutant=list(none))  # fmt: skip


FULL = mutants(killed=["zeros"])


def test_what_an_engine_needs_may_be_any_package():
    assert machine.missing(("numba", "torch")) == []
    assert machine.missing(("no_such_package",)) == ["no_such_package: pip install no_such_package"]


def test_a_build_of_torch_for_processors_is_not_imported_to_look_for_a_gpu(monkeypatch):
    monkeypatch.setattr(machine, "version", lambda name: "2.13.0+cpu")
    monkeypatch.setitem(sys.modules, "torch", None)  # importing it fails
    assert not machine.has_cuda()


@pytest.mark.parametrize("had", Coverage)
@pytest.mark.parametrize("asked", Coverage)
def test_a_verdict_on_few_cases_does_not_stand_for_many(had, asked):
    order = ["small", "everyday", "full"]
    assert had.includes(asked) == (order.index(had) >= order.index(asked))


@pytest.mark.parametrize(
    ("found", "mutation", "status", "words"),
    [
        ({"odd_2d": RIGHT}, FULL, Status.VERIFIED, "3 comparisons on 1 cases"),
        ({"odd_2d": RIGHT, "slab": CaseResult(otherwise={"E": 2, "n": 1})}, FULL,
         Status.VERIFIED, "on 2 cases, 3 cells as another rounding decides them, 1 of 1 mut"),
        ({}, None, Status.INCONCLUSIVE, "covers no case"),
        ({"odd_2d": RIGHT, "slab": CaseResult(unfinished="was at work for 120 s")}, FULL,
         Status.INCONCLUSIVE, "slab: was at work for 120 s"),
        ({"odd_2d": CaseResult(unfinished="late"), "slab": CaseResult(broken=["E is off"])}, None,
         Status.REJECTED, "slab: E is off"),
        ({"odd_2d": RIGHT}, mutants(survived=["zeros"]),
         Status.INCONCLUSIVE, "1 of 1 mutants survive"),
        ({"odd_2d": RIGHT}, mutants(none=["zeros"]),
         Status.INCONCLUSIVE, "no mutant changes anything"),
    ],
)  # fmt: skip
def test_what_findings_add_up_to(found, mutation, status, words):
    said, reason = conclude(CLAIM, found, mutation)
    assert said is status
    assert words in reason


def test_who_was_stopped_or_refused_is_not_asked_again():
    assert continues({"odd_2d": RIGHT})
    assert not continues({"odd_2d": RIGHT, "slab": CaseResult(unfinished="late")})
    assert not continues({"odd_2d": CaseResult(broken=["off"]), "slab": RIGHT})


def test_a_claim_crosses_the_wall_without_code():
    told = described(Agreement(engine=engine, level="approximate", because="coarse",
                               cases=("odd_2d",), budget={"E": 1e-3}))  # fmt: skip
    held = from_description(told)
    assert (held.level, held.cases, held.budget) == ("approximate", ("odd_2d",), {"E": 1e-3})
    assert [s.name for s in held.engine.stages] == [s.name for s in engine.stages]
    with pytest.raises(RuntimeError, match="holds no candidate's code"):
        held.engine.prepare(engine.cases["odd_2d"])


@pytest.fixture
def leaf(tmp_path, monkeypatch):
    """An optimization in a tree of its own, which verdicts look at."""
    folder = tmp_path / "optimizations" / "leaf"
    folder.mkdir(parents=True)
    for name in ("implementation.py", "validation.py", "benchmark.py", "report.md", "costs.json"):
        (folder / name).touch()
    monkeypatch.setattr(digests, "ROOT", tmp_path)
    monkeypatch.setattr(project, "ROOT", tmp_path)
    monkeypatch.setattr(discovery, "folder", lambda name: folder)
    monkeypatch.setattr(verdicts, "digest_now", lambda path: digests.of_file(tmp_path / path))
    return folder


def test_a_verdict_covers_every_file_of_a_folder_but_what_the_tools_write(leaf):
    (leaf / "__pycache__").mkdir()
    for name in ("notes.ipynb", "old.bak", "weights.bin", ".hidden", "a.tmp", "__pycache__/a.pyc"):
        (leaf / name).touch()
    covered = {path.rpartition("/")[2] for path in verdicts.code_of("leaf")}
    code = {"implementation.py", "validation.py"}
    assert covered == {*code, "notes.ipynb", "old.bak", "weights.bin", ".hidden", "a.tmp"}


@pytest.mark.parametrize("target", ["file", "folder", "nothing"])
def test_a_link_out_of_a_folder_is_refused(leaf, tmp_path, target):
    away = {"file": tmp_path / "f", "folder": tmp_path / "d", "nothing": tmp_path / "n"}[target]
    (tmp_path / "f").touch()
    (tmp_path / "d").mkdir()
    (leaf / "inner").symlink_to(away)
    with pytest.raises(BrokenLeaf, match=r"^optimizations/leaf/inner is a link out of its folder;"):
        verdicts.code_of("leaf")


def test_a_link_within_a_folder_is_a_file_like_others(leaf):
    (leaf / "again.py").symlink_to(leaf / "implementation.py")
    assert "optimizations/leaf/again.py" in verdicts.code_of("leaf")


def test_a_function_that_stands_in_and_never_ran_is_refused_and_others_are_told():
    status, reason = of_substitutes({"core:lap": 3, "core:Grid": -1}, "12 comparisons")
    assert status is Status.VERIFIED
    assert reason == "12 comparisons, core:lap in place, called 3 times, core:Grid in place"
    status, reason = of_substitutes({"core:lap": 3, "core:never": 0}, "12 comparisons")
    assert status is Status.REJECTED
    assert "core:never was replaced and never called in a step" in reason


def used(share: float | None, level: str = "approximate", **budget: float) -> verdicts.Summary:
    closest = (
        None
        if share is None
        else verdicts.Closest(field="E", check="step 1", share=share, largest=share, allowed=1.0)
    )
    case = verdicts.CaseSummary(checks=3, closest=closest, budget=budget)
    return verdicts.Summary.model_construct(
        status=Status.VERIFIED, level=level, cases={"small": case}
    )


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (used(0.5, E=1.0), ""),
        (used(0.005, E=1.0), "no comparison uses more than 0.005 of it; declare a smaller budget"),
        (used(0.005, "rounding"), "no comparison uses more than 0.005 of it"),
        (used(None, "rounding"), "every bit is right here: exact could be claimed"),
        (used(None, "exact"), ""),
    ],
)
def test_a_tolerance_that_is_far_too_loose_is_named(found, words):
    said = verdicts.too_loose(found)
    assert said.endswith(words) if words else said == ""
