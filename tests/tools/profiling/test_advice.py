"""Findings of a profile: what they say, what they can gain at most, and which come first."""

import pytest
from recorded_profile import recorded

from groundspeed.tools.profiling import advice
from groundspeed.tools.profiling.profile_record import HotLine, Metric, Place, Repeat
from groundspeed.tools.rendering.templates import PAGES


def test_half_the_run_is_worth_a_factor_of_two():
    assert advice.amdahl(0.5) == pytest.approx(2)


def test_small_operators_at_many_lines_are_found_though_no_line_is_hot():
    told = {"file": "a.py", "source": "", "function": "f", "half_width": 0.01, "inclusive": 0.06}
    told |= {"share": 0.06, "seconds": 0.1, "launches": 100.0, "bytes": 1e3, "bound": "launches"}
    lines = [HotLine(line=n, **told) for n in (1, 2)]
    (found,) = advice.scattered(recorded(lines=lines))
    assert found.title == "Many small operations take 12% of the run"
    assert "2 lines start 200 operations a step" in found.text
    assert found.bound == "If this took no time, the run would be 1.14× as fast at most."
    assert advice.scattered(recorded(lines=lines[:1])) == []


@pytest.mark.parametrize(("share", "said"), [(None, 0), (0.029, 0), (0.03, 1)])
def test_repeated_work_is_a_finding_where_keeping_the_result_saves_three_percent(share, said):
    row = {"file": "a.py", "line": 1, "source": "s = f(x)", "what": "f()", "calls": 3}
    again = Repeat(**row, repeated=2, bytes=8, share=share)
    profile = recorded(repeated=[again])
    assert len(advice.again(profile)) == len(advice.worth_keeping(profile)) == said


def test_memory_held_says_what_it_costs_instead_of_a_speedup():
    held = Place(file="a.py", line=1, source="x = y", count=1, bytes=6 * 2**20)
    peak = {"heap_peak": Metric(value=8 * 2**20, unit="B")}
    (found,) = advice.allocating(recorded(heap=[held]).model_copy(update={"metrics": peak}))
    assert found.text == "`x = y` holds 6 MiB of 8 MiB, in 1 piece."
    assert found.bound == (
        "This costs memory, not time: without it the peak would be 25% of what it is, at best."
    )


@pytest.mark.parametrize(
    ("shares", "said"),
    [
        ({}, "not known: too few samples"),
        ({9: 0.5}, "These lines take next to no time here: no sample fell on them."),
        ({1: 0.08, 2: 0.07, 9: 0.5}, "15.0% of the run, with all that they compute: if they took "
         "no time, the run would be 1.18× as fast at most."),
    ],
)  # fmt: skip
def test_reads_gain_at_most_the_time_of_their_lines(shares, said):
    told = {"file": "a.py", "source": "", "function": "f", "half_width": 0.01, "inclusive": 0.1}
    lines = [HotLine(line=n, share=share, seconds=0.1, **told) for n, share in shares.items()]
    places = [Place(file="a.py", line=n, source="", count=0.5, what="item") for n in (1, 2, 2)]
    (found,) = advice.crossing(recorded(lines=lines, syncs=places))
    assert found.title == "2 reads of values by Python a step"
    assert said in found.bound
    (one,) = advice.crossing(recorded(lines=lines, syncs=places[:2]))
    assert one.title == "1 read of values by Python a step"


@pytest.mark.parametrize(
    ("second", "said"),
    [
        (0.2, "These lines are findings of their own, above."),
        (0.05, "The others take 5.0% of the run, with all that they compute: if they took no time, "
         "the run would be 1.05× as fast at most."),
        (0, "The others take next to no time here: no sample fell on them."),
    ],
)  # fmt: skip
def test_no_bound_is_said_twice(second, said):
    told = {"file": "a.py", "source": "", "function": "f", "half_width": 0.01, "inclusive": 0.1}
    lines = [
        HotLine(line=n, share=s, seconds=0.1, **told) for n, s in enumerate((0.6, second)) if s
    ]
    places = [Place(file="a.py", line=n, source="", count=0.5, what="numpy") for n in range(2)]
    (found,) = advice.crossing(recorded(lines=lines, syncs=places))
    some = "Some of these lines are findings of their own, above. " if second < 0.1 else ""
    assert found.bound == some + said


def test_a_page_starts_with_the_three_findings_that_can_gain_most():
    shares = (0.2, 0.5, None, 0.1)
    found = [advice.made(f"kind {s}", f"Title {s}", "Text.", "", s) for s in shares]
    findings = sorted(found, key=lambda f: -(f.share or 0))
    shown = {"again": [], "worth": 0.03, "flame": True, "roof": False}
    profile = recorded(findings=findings, notes=["Others used the machine."])
    page = PAGES.get_template("profile.md").render(p=profile, **shown)
    start, _, other = page.partition("## Hot lines")
    places = [start.index(f"**Title {share}.**") for share in (0.5, 0.2, 0.1)]
    assert start.index("Others used the machine.") < places[0]
    assert places == sorted(places)
    assert "the run would be 2.00× as fast at most" in start
    assert "Title None" in other
