"""Two records or two commits: what counts as slower, and what is never compared."""

import math
from pathlib import Path

import pytest

from groundspeed.tools.cli import recheck
from groundspeed.tools.experiments import compare_commits, compare_commits_worker
from groundspeed.tools.experiments.compare_commits import ComparedCase
from groundspeed.tools.records import measurement as records_measurement
from groundspeed.tools.records.conditions import conditions
from groundspeed.tools.records.measurement import Measurement, Timing
from groundspeed.tools.timing.aggregate import CaseSamples, part
from groundspeed.tools.timing.intervals import Interval
from groundspeed.validation.records import results
from groundspeed.validation.records.errors import BrokenRecord, Refused


def timing(ours: float, width: float = 0.004) -> Timing:
    """Of three processes around that ratio."""
    found = CaseSamples()
    for off in (-width, 0, width):
        times = {"baseline": 1.0, "control": 1.0, "stream": 0.1, "idea": ours * math.exp(off)}
        whole = {"case": "small", "steps": 20, "extra": 0, "trails": {"idea": {}}}
        whole |= {"rounds": [{k: [t, t] for k, t in times.items()}] * 40, "stream_bytes": 3}
        whole |= {
            "least_bytes": None,
            "charged": {},
            "first_call_s": times,
            "peak_bytes": dict.fromkeys(times, 1),
        }
        found.add(part(whole | {"warm_up": whole["rounds"][0]}, "idea"))
    return found.timing(least=3)


def measurement(ours: float, **changed) -> Measurement:
    here = conditions().model_copy(update=changed)
    return Measurement(
        optimization="idea", engine="e_v1", level="exact", code="c", baseline="sealed",
        protocol=1, conditions=here, cases={"small": timing(ours)},
    )  # fmt: skip


def filed(folder, name: str, ours: float) -> str:
    """A file of results with that measurement."""
    results.put(records_measurement.SECTION, measurement(ours), name, "here", folder)
    return str(results.path(name, "here", folder))


@pytest.mark.parametrize(
    ("a", "b", "word"),
    [(0.2, 1.0, "SLOWER"), (1.0, 0.2, "FASTER"), (0.5, 0.5, "SAME"), (0.5, 0.6, "SLOWER")],
)
def test_records_are_compared_by_their_ratio_to_the_baseline(a, b, word):
    (row,) = compare_commits.of_records(measurement(a), measurement(b))
    assert row.word == word
    assert row.ratio.value == pytest.approx(b / a)


def test_wide_intervals_are_inconclusive_and_never_the_same():
    vague = measurement(0.5)
    vague.cases["small"] = timing(0.5, width=0.2)
    (row,) = compare_commits.of_records(measurement(0.5), vague)
    assert row.word == "INCONCLUSIVE"


def test_records_under_other_conditions_are_refused_and_the_message_says_which():
    with pytest.raises(Refused, match=r"\(threads 1 and 2\)"):
        compare_commits.of_records(measurement(1), measurement(1, threads=2))


def test_another_load_or_commit_is_no_other_condition():
    assert compare_commits.of_records(measurement(1), measurement(1, load_before=9.0, commit="0"))


def test_records_on_file_are_read_and_the_exit_says_which_is_slower(tmp_path, capsys):
    a, b = filed(tmp_path, "a", 0.5), filed(tmp_path, "b", 1.0)
    assert [
        compare_commits.run(a, b, []),
        compare_commits.run(b, a, []),
        compare_commits.run(a, a, []),
    ] == [1, 0, 0]
    assert "B takes 2.000 of A" in capsys.readouterr().out


def test_a_record_and_a_commit_are_two_kinds(tmp_path):
    with pytest.raises(Refused, match="two of a kind"):
        compare_commits.run(filed(tmp_path, "a", 1), "HEAD", [])


def test_an_edited_file_of_results_is_never_compared(tmp_path):
    path = filed(tmp_path, "a", 0.5)
    Path(path).write_text(Path(path).read_text().replace("0.5", "0.1"))
    with pytest.raises(BrokenRecord, match=r"a\.json was edited"):
        compare_commits.run(path, path, [])


def test_records_of_two_kinds_of_machine_are_refused_and_of_two_boxes_of_one_kind_said():
    with pytest.raises(Refused, match="machine .* and elsewhere"):
        compare_commits.of_records(measurement(1), measurement(1, machine="elsewhere"))
    (row,) = compare_commits.of_records(measurement(1), measurement(1, instance="another"))
    assert row.note == "two machines of one kind"


@pytest.mark.parametrize(
    "changed", [{"system": "Linux 9"}, {"memory_gib": 1.0}, {"accelerator": "a GPU, driver 2"}]
)
def test_kernel_memory_and_driver_are_recorded_and_not_compared(changed):
    assert compare_commits.of_records(measurement(1), measurement(1, **changed))


def rows(monkeypatch, *said: tuple[str, float]) -> ComparedCase:
    told = iter(said)

    def one(name, case, trees, seed):
        word, ratio = next(told)
        return ComparedCase(name, case, word, Interval(ratio, ratio / 1.01, ratio * 1.01), 1.0)

    monkeypatch.setattr(compare_commits, "one_duel", one)
    return compare_commits.fought("idea", "small", {})


def test_an_alarm_is_confirmed_by_a_second_process(monkeypatch):
    found = rows(monkeypatch, ("SLOWER", 2.0), ("SLOWER", 2.1))
    assert (found.word, found.note) == ("SLOWER", "2 processes")


def test_an_alarm_that_fresh_processes_do_not_confirm_is_none(monkeypatch):
    said = [("SLOWER", 1.03), ("SAME", 0.99), ("SAME", 1.0), ("SAME", 0.98), ("SAME", 1.0)]
    assert rows(monkeypatch, *said).word == "SAME"


def test_a_small_slowdown_that_every_process_shows_is_one(monkeypatch):
    said = [("SLOWER", 1.03), ("SLOWER", 1.031), ("SLOWER", 1.029), ("SLOWER", 1.03)]
    assert rows(monkeypatch, *said, ("SLOWER", 1.03)).word == "SLOWER"


def test_what_did_not_change_is_folded_away():
    same, slow = (
        ComparedCase("x", "", "SAME", note="the same bytes"),
        ComparedCase("y", "c", "SLOWER"),
    )
    page = compare_commits.summary("main", "HEAD", [same, slow])
    assert page.startswith("**SLOWER**: HEAD against main")
    assert "<details><summary>Unchanged</summary>\n\nx\n" in page


def test_each_commit_imports_its_own_code(tmp_path):
    from groundspeed import baselines

    commits = {}
    for who in "ab":
        leaf = tmp_path / who / "optimizations" / "idea"
        leaf.mkdir(parents=True)
        (tmp_path / who / "baselines").mkdir()
        (tmp_path / who / "baselines" / "__init__.py").write_text(f"where = {who!r}\n")
        (tmp_path / who / "baselines" / f"{who}.py").write_text(f"engine = {who!r}\n")
        (tmp_path / who / "optimizations" / "__init__.py").write_text("")
        (leaf / "__init__.py").write_text("")
        (leaf / "implementation.py").write_text(
            "import baselines\n\nclass engine:\n    name = baselines.where\n"
        )
        commits[who] = compare_commits_worker.Commit(str(tmp_path / who))
    for who in "aba":
        ours, frozen = commits[who].engines("idea")
        assert (ours.name, frozen) == (who, who)
    assert baselines.__file__.startswith(str(compare_commits.digests.ROOT))
    import sys

    assert sys.modules["groundspeed.baselines"] is baselines


@pytest.mark.parametrize(
    ("old", "new", "elsewhere", "true"),
    [
        (0.5, 0.5, False, True),
        (0.5, 0.4, False, True),
        (0.5, 0.6, False, False),  # still faster, and less than was claimed
        (0.5, 0.6, True, True),  # another machine: it is still faster
        (0.5, 1.0, True, False),
        (1.2, 1.5, False, True),  # nothing was promised
    ],
)
def test_a_claim_holds_while_its_lower_bound_is_not_refuted(old, new, elsewhere, true):
    assert recheck.holds(timing(old), timing(new), elsewhere) is true


def test_a_recheck_takes_as_many_processes_as_bench_does(tmp_path, monkeypatch):
    monkeypatch.setattr(recheck.digests, "ROOT", tmp_path)
    old, asked = measurement(0.5), []
    monkeypatch.setattr(recheck.discovery, "chosen", lambda names: [old.optimization])
    monkeypatch.setattr(recheck, "on_file", lambda name: old)
    monkeypatch.setattr(recheck, "keep", lambda found: None)
    monkeypatch.setattr(recheck.validate, "judge", lambda names, coverage: {})
    monkeypatch.setattr(recheck.bench, "groups", lambda due: [list(due)])

    def measure(group, full, dirty, processes):
        asked.append(processes)
        return {name: old for name in group}, {}

    monkeypatch.setattr(recheck.bench, "measure", measure)
    assert recheck.run(["idea"], False, False, as_json=True, processes=4) == 0
    assert recheck.run(["idea"], True, False, as_json=True) == 0
    assert asked == [{"least": 4, "most": 4}, recheck.bench.PUBLISHED]


def test_a_recheck_says_what_is_lost_and_what_has_changed():
    old = measurement(0.5, python="3.10.0", packages={"torch": "2.0"})
    (lost,) = recheck.again(old, measurement(1.0), "")
    assert not lost.holds
    assert any(said.startswith("python 3.10.0 → ") for said in lost.changed)
    assert any(said.startswith("torch 2.0 → ") for said in lost.changed)
    (refused,) = recheck.again(old, None, "REJECTED: E[3] is off")
    assert (refused.holds, refused.now) == (False, "REJECTED: E[3] is off")
