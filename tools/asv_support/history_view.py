"""What asv's site shows: optimizations with a current verdict, under names for people, and no
line from one machine to another.

asv runs these publishers at `asv publish`, however it was started. It averages its small
pictures over machines, which joins them by a line, and opens on benchmarks that have no number.
"""

import math
from collections.abc import Iterator
from pathlib import Path

from asv import util
from asv.graph import Graph
from asv.publishing import OutputPublisher

TRACKED = {  # the name of a benchmark's function: what a person calls it
    "track_speedup": "speedup over the baseline",
    "track_relative_time": "time, as a share of the baseline's",
    "track_step_time": "time of a step",
}
Point = tuple[float, float | None]


def optimization_of(benchmark: str) -> str:
    return benchmark.partition(".")[0]


def title(benchmark: str) -> str:
    """lattice_field_numba: speedup over the baseline."""
    function = benchmark.rpartition(".")[2]
    return f"{optimization_of(benchmark)}: {TRACKED.get(function, function)}"


class Shown(OutputPublisher):
    """Before asv's own pages are written: leaves out what no current verdict covers."""

    name = "shown"
    order = -1

    @classmethod
    def publish(cls, conf, repo, benchmarks, graphs, revisions):
        verified = verified_optimizations()
        for name in list(benchmarks):
            if optimization_of(name) in verified:
                benchmarks[name] |= {"pretty_name": title(name)}
            else:
                del benchmarks[name]


class SeparateMachines(OutputPublisher):
    """After asv has drawn its small pictures: draws them again, a line for each machine."""

    name = "separate_machines"
    order = 0.5  # behind the grid, which is 0

    @classmethod
    def publish(cls, conf, repo, benchmarks, graphs, revisions):
        html = Path(conf.html_dir)
        machines = sorted(graphs.get_params().get("machine", ()))
        for name in benchmarks:
            if own := graphs.get_graph_group(name):
                place = html / f"{Graph.get_file_path({'summary': ''}, name)}.json"
                util.write_json(str(place), list(lines(own, machines)), compact=True)
        for _, graph in graphs:
            if graph.benchmark_name not in benchmarks:
                remove(html, graph)


def verified_optimizations() -> set[str]:
    """Those that some kind of machine has verified, as they are today."""
    from groundspeed.tools.records import evidence  # late: asv loads this module for every command
    from groundspeed.validation import discovery
    from groundspeed.validation.judge.verdicts import Status

    view = evidence.View(evidence.home())
    every = {name: view.every(name) for name in discovery.names()}
    return {n for n, found in every.items() if any(e.status is Status.VERIFIED for e in found)}


def lines(graphs: list[Graph], machines: list[str]) -> Iterator[Point]:
    """The points of each machine, one machine after another; a point without a value ends the line
    of each, so that the place of a line tells its machine.

    The value of a commit is the geometric mean over the cases that the machine timed there.
    """
    for machine in machines:
        for graph in graphs:
            if graph.params.get("machine") == machine:
                points = [(revision, mean(values)) for revision, values, _ in graph.get_data()]
                yield from (point for point in points if point[1] is not None)
        yield 0, None


def mean(values: float | list[float | None] | None) -> float | None:
    """The geometric mean of what is there; None where nothing is."""
    several = values if isinstance(values, list | tuple) else [values]
    there = [v for v in several if v is not None and v > 0]
    return math.exp(sum(map(math.log, there)) / len(there)) if there else None


def remove(html: Path, graph: Graph) -> None:
    """Delete the numbers of a benchmark that is not shown."""
    for params in (graph.params, {"summary": ""}):
        place = f"{Graph.get_file_path(params, graph.benchmark_name)}.json"
        (html / place).unlink(missing_ok=True)
