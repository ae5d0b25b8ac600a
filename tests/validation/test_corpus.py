"""The judge refuses what is known to be wrong, for its own reason, and accepts what is right."""

import re
from types import SimpleNamespace

import pytest
import torch

from groundspeed.tools.rendering.templates import PAGES
from groundspeed.tools.selftest import command, judged_controls, timed_controls
from groundspeed.validation import corpus
from groundspeed.validation.corpus.common import LATTICE
from groundspeed.validation.judge.verdicts import Status
from groundspeed.validation.records.codes import Code
from groundspeed.validation.tiers import Coverage

pytestmark = pytest.mark.xdist_group("corpus")  # they share the references and a fork server


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def alike(part: str) -> dict[str, list[str]]:
    """Controls of a part that make one mistake on several engines, by the mistake."""
    found: dict[str, list[str]] = {}
    for name, entry in corpus.entries(part).items():
        found.setdefault(name.removesuffix(f": {entry.engine}"), []).append(name)
    return found


def everyday(part: str) -> set[str]:
    """Controls that stand for the others: of each mistake one, on each engine in turn.

    Those of variants are a mistake of one engine each, and take minutes: there it is one engine.
    """
    if part.endswith("_variants"):
        return {name for name, entry in corpus.entries(part).items() if entry.engine == LATTICE}
    several = [names for names in alike(part).values() if len(names) > 1]
    turns = (names[turn % len(names)] for turn, names in enumerate(several))
    return {names[0] for names in alike(part).values() if len(names) == 1} | {*turns}


def entries():
    """Every control. Whoever changes a rule has to judge them all (`groundspeed protocol`)."""
    for part in corpus.PARTS:
        kept = everyday(part)
        for name in corpus.entries(part):
            marks = [] if name in kept else [pytest.mark.exhaustive]
            yield pytest.param(part, name, id=f"{part}: {name}", marks=marks)


@pytest.mark.parametrize(("part", "name"), list(entries()))
def test_an_entry_is_met_as_it_must_be(part, name):
    entry = corpus.entries(part)[name]
    listen = timed_controls.timed if part == "must_reject_timed" else judged_controls.judged
    few = {"coverage": Coverage.SMALL} if part.startswith("must_accept") else {}
    said = listen(part, entry, **few)
    if not entry.reason:
        assert said == ""
    else:
        assert re.search(entry.reason, said)
        assert part == "must_reject_timed" or said.code in {*Code}


@pytest.mark.parametrize("part", [part for part in corpus.PARTS if "_variants" not in part])
def test_each_mistake_is_judged_every_day_and_each_engine_is_met(part):
    kept = everyday(part)
    assert all(len(kept.intersection(names)) == 1 for names in alike(part).values())
    assert len({corpus.entries(part)[name].engine for name in kept}) == 4


def test_the_corpora_cover_every_engine_and_are_large_enough():
    for part, least in command.LEAST.items():
        heard = corpus.entries(part)
        assert len(heard) >= least
        assert len({entry.engine for entry in heard.values()}) == 4


def test_every_must_reject_entry_says_why():
    for part in corpus.PARTS:
        said = [bool(entry.reason) for entry in corpus.entries(part).values()]
        assert set(said) == {part.startswith("must_reject")}


def entry(reason):
    found = corpus.entries("must_reject")["nothing done: lattice_field_v1"]
    return corpus.Entry(name="x", engine=found.engine, build=found.build, case="odd_2d",
                        reason=reason)  # fmt: skip


def test_a_refusal_for_another_reason_is_a_fault_of_the_judge():
    said = "E[1, 2] after step 3: got 0.0"
    assert entry(r"^E\[").as_expected(said)
    assert not entry("signal 9").as_expected(said)
    assert not entry("").as_expected(said)
    assert not entry(r"^E\[").as_expected("")


def test_the_record_counts_and_names_what_is_wrong():
    right = command.ControlOutcome(name="a", engine="e", expected="E", said="E[0]", right=True)
    wrong = command.ControlOutcome(name="b", engine="e", expected="E", said="", right=False)
    heard = {"must_reject": [right] * 40, "must_accept": [wrong] * 3}
    found = command.faults(heard)
    assert "must_accept: b: said 'nothing', expected 'E'" in found
    assert "must_accept: 3 entries, at least 20 are needed" in found
    record = command.SelfTest(
        made="today", protocol=1, heard=heard, mutation={}, unscored={}, wrong=found
    )
    assert not record.holds
    assert any("refused 40 of 40, for the right reason 40" in s for s in command.summary(record))
    page = PAGES.get_template("selftest.md")
    assert "**wrong:** accepted" in page.render(record=record, machine="m", lines=[], scores={})


def test_what_this_machine_cannot_judge_is_not_called_refused(monkeypatch):
    unscored = SimpleNamespace(mutation=None)
    known = {
        "a": (Status.UNAVAILABLE, unscored, ""),
        "b": (Status.REJECTED, unscored, ""),
        "c": (Status.UNJUDGED, None, ""),
        "d": (Status.VERIFIED, SimpleNamespace(mutation="a score"), ""),
    }
    monkeypatch.setattr(command.discovery, "names", lambda: list(known))
    monkeypatch.setattr(command, "judged", known.__getitem__)
    found, missing = command.scores()
    assert found == {"d": "a score"}
    assert ["lacks" in missing["a"], "refus" in missing["b"], "run: " in missing["c"]] == [True] * 3
