"""asv's small pictures: a line for each machine, and names that people understand."""

import pytest
from asv.graph import Graph

from groundspeed.tools.asv_support.history_view import lines, title


def graph(machine: str, points: dict[int, float | list]) -> Graph:
    made = Graph("a_numba.benchmark.Speed.track_speedup", {"machine": machine})
    for revision, value in points.items():
        made.add_data_point(revision, value)
    return made


def test_no_line_leads_from_one_machine_to_another():
    graphs = [graph("b", {3: 1.0, 1: 8.0}), graph("a", {2: 2.0, 4: 4.0})]
    found = [(r, v and round(v, 9)) for r, v in lines(graphs, ["a", "b", "c"])]
    assert found == [(2, 2.0), (4, 4.0), (0, None), (1, 8.0), (3, 1.0), (0, None), (0, None)]


def test_a_point_is_the_geometric_mean_of_its_cases():
    (_, value), end = lines([graph("a", {1: [2.0, 8.0, None]})], ["a"])
    assert (value, end) == (pytest.approx(4), (0, None))


def test_names_are_for_people():
    assert title("a_numba.benchmark.Speed.track_speedup") == "a_numba: speedup over the baseline"
    assert title("a.benchmark.Speed.track_other") == "a: track_other"
