"""Profiles: hot lines, counts and repeats of programs of which we know the truth."""

import ast
from hashlib import blake2b
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from recorded_profile import recorded

from groundspeed.tools.costs.dispatch_counter import Operators, counting
from groundspeed.tools.profiling import diff, flamegraph, tables
from groundspeed.tools.profiling.instruments import perf_stat, py_spy_pass
from groundspeed.tools.profiling.instruments.line_profiler_pass import LineTimes
from groundspeed.tools.profiling.instruments.repeated_calls import Calls
from groundspeed.tools.profiling.instruments.repeated_operators import RepeatedOperators
from groundspeed.tools.profiling.instruments.torch_trace import union
from groundspeed.tools.profiling.instruments.value_hash import Unknown, of_array, update
from groundspeed.tools.profiling.profile_record import HotLine
from groundspeed.tools.profiling.program import stacks
from groundspeed.tools.profiling.program.source_scope import Own
from groundspeed.tools.records.conditions import conditions
from groundspeed.tools.roofline.model import Ceiling, Ceilings, limit

HERE = Path(__file__).resolve()
OWN = Own(str(HERE.parent), "script")
PEAKS = [
    ("in_place", "L1", 2**16, 40.0),
    ("in_place", "L2", 2**20, 20.0),
    ("in_place", "memory", 2**28, 10.0),
    ("float32", "arithmetic", 0, 100.0),
    ("float64", "arithmetic", 0, 50.0),
    ("add", "launch", 0, 1e-3),
]
CEILINGS = Ceilings(
    made="",
    conditions=conditions(),
    ceilings=[
        Ceiling(kind=kind, level=level, bytes=size, best=rate, threads=1, median=0, trials=0)
        for kind, level, size, rate in PEAKS
    ],
)


def table(n):
    return np.exp(-(np.arange(n) ** 2) / n)


def rebuilding(steps):
    total = np.zeros(4096)
    for step in range(steps):
        total = total + table(4096) * step
    return total


def test_a_table_rebuilt_each_step_is_seen_with_its_line():
    with Calls(OWN) as tracker:
        rebuilding(5)
    rows = [r for r in tracker.found()["rows"] if r["function"] == "table"]
    assert rows[0]["calls"] == 5
    assert rows[0]["repeated"] == 4
    assert HERE.read_text().splitlines()[rows[0]["line"] - 1].strip().startswith("total = total")


def drawing(generator, n):
    return generator.normal(size=n)


def test_a_function_that_gives_another_result_is_not_called_redundant():
    generator = np.random.default_rng(0)
    with Calls(OWN) as tracker:
        for _ in range(3):
            drawing(generator, 1024)
    rows = [r for r in tracker.found()["rows"] if r["function"] == "drawing"]
    assert not rows[0].get("repeated")


def counted(run, grouped=True):
    mode = RepeatedOperators(OWN)
    with counting(mode):
        run()
    return (
        {row["operator"]: row for row in mode.found()["rows"]} if grouped else mode.found()["rows"]
    )


def test_operators_are_counted_exactly_at_their_line():
    a, b = torch.ones(64, 64, dtype=torch.float64), torch.ones(64, 64, dtype=torch.float64)
    rows = counted(lambda: [a + b for _ in range(3)])
    row = rows["add"]
    assert row["launches"] == 3
    assert row["read"] == 3 * 2 * 64 * 64 * 8
    assert row["written"] == 3 * 64 * 64 * 8
    assert row["flops"] == 3 * 64 * 64
    assert row["allocations"] == 3
    assert row["repeated"] == 2
    assert row["file"] == str(HERE)


def test_a_profile_counts_what_the_costs_count():
    x = torch.arange(6400.0).reshape(80, 80)

    def step():
        y = x[x > 9].cumsum(0)
        return y.cpu(), torch.empty(80).copy_(x[0]), x.to_sparse() @ x, x.bfloat16() * 2, x @ x

    costs = Operators()
    with counting(costs):
        step()
    rows = counted(step, grouped=False)
    total = {c: sum(row[c] for row in rows) for c in tables.COUNTS}
    total["operators"] = total.pop("launches")
    total["stalls"] = total.pop("syncs") + total.pop("transfers")
    assert total == {c: sum(getattr(k, c) for k in costs.lines.values()) for c in total}
    assert total["stalls"] == 2


def test_products_and_transforms_have_their_operations():
    m = torch.ones(32, 16)
    rows = counted(lambda: (m @ m.T, torch.fft.fft(torch.ones(8, 256, dtype=torch.complex64))))
    assert rows["mm"]["flops"] == 2 * 32 * 32 * 16
    assert rows["_fft_c2c"]["flops"] == 5 * 8 * 256 * 8


def test_an_expanded_input_is_read_once():
    wide = torch.ones(1, dtype=torch.float64).expand(1000)
    assert counted(lambda: wide + torch.zeros(1000, dtype=torch.float64))["add"]["read"] == 8008


def test_in_place_work_allocates_nothing_and_is_no_repeat():
    a = torch.ones(4096)

    def run():
        for _ in range(3):
            a.mul_(1.0)

    row = counted(run)["mul_"]
    assert (row["allocations"], row["repeated"], row["launches"]) == (0, 0, 3)


def test_a_mask_that_always_holds_is_no_repeat():
    row = counted(lambda: [torch.ones(4096) * n > 0 for n in (1, 1)])
    assert (row["mul"]["repeated"], row["gt"]["repeated"]) == (1, 0)


def test_a_view_is_no_operator():
    assert set(counted(lambda: torch.ones(4, 4).t()[1:].t() + 1)) == {"ones", "add"}


def test_random_numbers_are_no_repeat():
    assert counted(lambda: [torch.rand(4096) for _ in range(3)])["rand"]["repeated"] == 0


@pytest.mark.parametrize(
    "sync", [lambda t: t.sum().item(), lambda t: float(t.sum()), lambda t: t[t > 0]]
)
def test_what_would_make_a_gpu_wait_is_counted(sync):
    rows = counted(lambda: sync(torch.ones(10)))
    assert sum(row["syncs"] for row in rows.values()) == 1


def test_contents_tell_apart_what_differs_in_a_bit_or_in_place():
    a = np.random.default_rng(0).normal(size=(128, 512))
    other = a.copy()
    other[77, 5] = np.nextafter(other[77, 5], 9)
    moved = np.roll(a, 1, axis=1)
    swapped = a[::-1]
    assert len({of_array(x) for x in (a, other, moved, swapped, a.reshape(512, 128))}) == 5
    assert of_array(a) == of_array(a.copy())


def test_a_closure_that_is_not_yet_filled_cannot_be_told():
    def outer():
        def inner():
            return late

        with pytest.raises(Unknown):
            update(blake2b(), inner)
        late = 1
        return inner

    total = blake2b()
    update(total, outer())
    update(total, torch.nn.Parameter(torch.ones(2)), size := [0])
    assert size == [8]


def test_lines_are_timed_in_copies_compiled_under_the_name_of_their_file(tmp_path):
    text = "def f(n):\n    for i in range(n):\n        i + 1\n"
    file = tmp_path / "original.py"
    profiler, names = LineTimes({str(file): [1]}), {}
    with profiler:
        profiler.forget()
        for source in (text, ast.parse(text, str(file))):
            exec(compile(source, str(file), "exec"), names)
            names["f"](5)
    (found,) = profiler.found()["functions"]
    assert (found["file"], found["function"]) == (str(file), "f")
    assert {line: hits for line, hits, _ in found["lines"]} == {2: 12, 3: 10}


RAW = (
    "<module> (child.py:9);main (/h/child.py:1);measured_region (/h/workload.py:3);step (@:10);"
    "inner (@:20);library (/lib/x.py:1) 70\n"
    "measured_region (/h/workload.py:3);step (@:11) 30\n"
    "measured_region (/h/workload.py:3);step (@:12);<module> (<frozen importlib._bootstrap>:1) 9\n"
    "main (/elsewhere/child.py:1);start (/elsewhere/z.py:5) 50\n"
    "measured_region (/h/workload.py:3);collect (/lib/_pytest/main.py:1);<module> (@:13) 8\n"
    "measured_region (/h/workload.py:3);runtestprotocol (/lib/_pytest/runner.py:1);t (@:11) 5\n"
)


def parsed():
    return py_spy_pass.region_of(RAW.replace("@", str(HERE)), OWN)


def test_samples_belong_to_the_innermost_own_line():
    leaf, within, imports = stacks.by_line(parsed(), OWN)
    assert leaf == {(str(HERE), 20): 70, (str(HERE), 11): 35}
    assert within[str(HERE), 10] == 70
    assert imports == {(str(HERE), 12): 9, (str(HERE), 13): 8}


def test_the_flamegraph_shows_own_frames_and_escapes_their_names():
    drawn = flamegraph.draw(parsed(), OWN, "a < b")
    assert "a &lt; b" in drawn
    assert f"{HERE.name}:20" in drawn
    assert drawn.count("<rect") == 1 + 10


def test_a_share_has_the_interval_of_its_samples():
    assert stacks.half_width(0.1, 1000) == pytest.approx(0.0186, abs=1e-4)


def test_a_ceiling_is_that_of_the_same_size():
    assert CEILINGS.bandwidth(2**18) == pytest.approx(30e9)
    assert CEILINGS.bandwidth(2**30) == pytest.approx(10e9)


@pytest.mark.parametrize(
    ("seconds", "launches", "size", "product", "bound"),
    [
        (1e-3, 1, 10e6, False, "bandwidth"),
        (1e-3, 100, 1e5, False, "launches"),
        (1e-3, 1, 1e5, True, "products"),
        (1e-3, 1, 1e8, True, "bandwidth"),
    ],
)
def test_what_bounds_a_line_follows_from_its_size(seconds, launches, size, product, bound):
    assert limit(CEILINGS, seconds, launches, size, 1e7, product)[0] == bound


def test_intervals_that_overlap_count_once():
    assert union([(0, 2), (1, 3), (5, 6)]) == 4


def test_counters_are_read_with_and_without_the_user_mark():
    text = "100,,cache-references:u,1,100\n10,,cache-misses:u,1,100\n<not supported>,,cycles,0\n"
    assert perf_stat.hit_rates(perf_stat.counted(text)) == {"last level": pytest.approx(0.9)}


def test_what_the_parts_do_not_explain_is_the_residual():
    parts = diff.parts({"a": 1.0, "b": 2.0}, {"a": 4.0, "c": 1.0}, {}, 3.0, "")
    assert [row.what for row in parts.rows] == ["a", "b", "c"]
    assert (parts.saved, parts.residual) == (2.0, 1.0)


def test_an_operator_takes_its_share_of_the_traced_run_of_the_bare_runs_time():
    row = dict.fromkeys((*tables.COUNTS, "repeated"), 0)
    row |= {"launches": 8, "read": 2**20, "written": 2**20}
    row |= {"operator": "add", "file": str(HERE), "line": 1}
    trace = {"calls": 2, "region": {"wall_s": 2.0, "cpu_s": 2.0}, "operators": {"add": (8, 1.6)}}
    trace["whole"] = True
    raw = {"operators": {"rows": [row], "calls": 2}, "timeline": trace}
    profile, bare = recorded(), SimpleNamespace(call_busy_s=0.5, stride=1)
    tables.operators(profile, raw, OWN, bare)
    assert profile.operators[0].seconds == pytest.approx(0.4)  # four fifths of half a second
    assert profile.operators_s == pytest.approx(0.4)
    assert diff.by_operator(profile, 1.0) == {"add": pytest.approx(0.8)}


@pytest.mark.parametrize(("bound", "share"), [("bandwidth", 0.5 * 3 / 100), ("launches", 0.1)])
def test_repeats_are_worth_their_part_of_what_bounds_their_line(bound, share):
    line = HotLine(
        file=HERE.name, line=1, source="", function="f", share=0.5, half_width=0.1, inclusive=0.5,
        seconds=0.2, bound=bound,
    )  # fmt: skip
    row = {"file": str(HERE), "line": 1, "launches": 10, "read": 60, "written": 40}
    row |= {"repeated": 2, "repeated_bytes": 1}
    place = {"file": HERE.name, "line": 1}
    assert tables.worth(recorded(lines=[line]), place, row, [row]) == pytest.approx(share)
    elsewhere = place | {"line": 2}
    assert tables.worth(recorded(lines=[line]), elsewhere, row, [row]) == 0
    assert tables.worth(recorded(), place, row, [row]) is None


def test_lines_add_up_to_the_sampled_run_without_its_imports():
    line = HotLine(
        file="a.py", line=1, source="", function="f", share=0.5, half_width=0.1, inclusive=0.5,
        seconds=0.2,
    )  # fmt: skip
    found = diff.by_line(recorded(lines=[line], outside=0.2, importing=0.25), 4.0)
    assert found == pytest.approx({"a.py:1": 1.5, "(no own line)": 0.6, "(all other lines)": 0.9})
