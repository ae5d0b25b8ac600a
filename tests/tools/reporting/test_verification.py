"""Figures come out of their samples again, whatever the verdict was."""

import pytest

from groundspeed.tools.reporting import sample_store, verification
from groundspeed.validation.judge.verdicts import CaseResult, Status, Summary, Verdict
from groundspeed.validation.records import results, samples
from groundspeed.validation.records.errors import BrokenRecord
from groundspeed.validation.tiers import Coverage


@pytest.fixture
def filed(tmp_path, monkeypatch):
    """A rejected verdict, which has no mutation score, and its samples."""
    monkeypatch.setattr(results, "FOLDER", tmp_path / "results")
    monkeypatch.setattr(samples, "FOLDER", tmp_path / "samples")
    verdict = Verdict(optimization="o", engine="e", level="exact", because="b", reason="r",
                      expected="rejected", status=Status.REJECTED, protocol=1,
                      coverage=Coverage.SMALL,
                      cases={"c": CaseResult(checks=3, broken=["E is off"])})  # fmt: skip
    whole = samples.keep(verdict.model_dump(mode="json"))
    results.put("verdict", verdict.summary(whole), "o", "here")
    return whole


def test_a_verdict_without_a_mutation_score_is_the_same_again(filed):
    found = verification.verified("here", "o", "verdict", filed)
    assert (found.difference, found.figures) == ("", 1)


def test_what_differs_is_named(filed):
    kept = results.section(Summary, "verdict", "o", "here")
    results.put("verdict", kept.model_copy(update={"reason": "another"}), "o", "here")
    found = verification.verified("here", "o", "verdict", filed)
    assert found.difference == "reason: on file 'another', from the samples 'r'"


def test_a_bundle_takes_in_nothing_that_is_not_what_its_name_says(filed, tmp_path):
    place = samples.place(filed)
    assert sample_store.bundle(tmp_path / "all.tar") == 1
    place.unlink()
    assert sample_store.taken(tmp_path / "all.tar") == 1
    assert sample_store.taken(tmp_path / "all.tar") == 0
    place.write_bytes(place.read_bytes()[:-9])
    sample_store.bundle(tmp_path / "all.tar")
    place.unlink()
    with pytest.raises(BrokenRecord, match="cannot be read"):
        sample_store.taken(tmp_path / "all.tar")
    assert not place.exists()
