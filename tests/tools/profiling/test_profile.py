"""Profiles: hot lines, counts, repeats and findings of programs of which we know the truth."""

import ast
import os
import shutil
import signal
import subprocess
import sys
from functools import partial
from hashlib import blake2b
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from said import complaints

from groundspeed.tools.__main__ import main
from groundspeed.tools.costs.dispatch_counter import Operators, counting
from groundspeed.tools.profiling import (
    advice,
    diff,
    flamegraph,
    profile_record,
    profile_session,
    tables,
    worker,
)
from groundspeed.tools.profiling.instruments import perf_stat, py_spy_pass
from groundspeed.tools.profiling.instruments.line_profiler_pass import LineTimes
from groundspeed.tools.profiling.instruments.repeated_calls import Calls
from groundspeed.tools.profiling.instruments.repeated_operators import RepeatedOperators
from groundspeed.tools.profiling.instruments.torch_trace import union
from groundspeed.tools.profiling.instruments.value_hash import Unknown, of_array, update
from groundspeed.tools.profiling.profile_record import (
    HotLine,
    Metric,
    Place,
    Profile,
    Repeat,
    folder,
)
from groundspeed.tools.profiling.program import profile_target, stacks, workload
from groundspeed.tools.profiling.program.launch import (
    InstrumentRuns,
    NoInstrument,
    ProgramFailed,
    died,
)
from groundspeed.tools.profiling.program.source_scope import Own
from groundspeed.tools.records.conditions import conditions
from groundspeed.tools.rendering.templates import PAGES
from groundspeed.tools.roofline.model import Ceiling, Ceilings, limit
from groundspeed.validation.records import digests

HERE = Path(__file__).resolve()
ROOT = HERE.parents[3]
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


def test_half_the_run_is_worth_a_factor_of_two():
    assert advice.amdahl(0.5) == pytest.approx(2)


def test_counters_are_read_with_and_without_the_user_mark():
    text = "100,,cache-references:u,1,100\n10,,cache-misses:u,1,100\n<not supported>,,cycles,0\n"
    assert perf_stat.hit_rates(perf_stat.counted(text)) == {"last level": pytest.approx(0.9)}


def test_what_the_parts_do_not_explain_is_the_residual():
    parts = diff.parts({"a": 1.0, "b": 2.0}, {"a": 4.0, "c": 1.0}, {}, 3.0, "")
    assert [row.what for row in parts.rows] == ["a", "b", "c"]
    assert (parts.saved, parts.residual) == (2.0, 1.0)


def recorded(**told) -> Profile:
    return Profile(
        name="x", kind="engine", what="x", case="", steps=1, conditions=conditions(), metrics={},
        repeats_s=[0.5], busy_s=0.5, **told,
    )  # fmt: skip


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
    ("shares", "said"),
    [
        ((0.6, 0.2), "What these lines take is said above, with all that they compute."),
        ((0.6, 0.05), "What 1 of 2 lines take is said above. The others take 5.0% of the run, with "
         "all that they compute: if they took no time, the run would be 1.05× as fast at most."),
        ((0.6, 0), "What 1 of 2 lines take is said above. The others take next to no time here: no "
         "sample fell on them."),
    ],
)  # fmt: skip
def test_no_bound_is_said_twice(shares, said):
    told = {"file": "a.py", "source": "", "function": "f", "half_width": 0.01, "inclusive": 0.1}
    lines = [HotLine(line=n, share=s, seconds=0.1, **told) for n, s in enumerate(shares) if s]
    places = [Place(file="a.py", line=n, source="", count=0.5, what="numpy") for n in range(2)]
    (found,) = advice.crossing(recorded(lines=lines, syncs=places))
    assert found.bound == said


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


def made(tmp_path: Path, name: str, text: str) -> str:
    (tmp_path / name).write_text(text)
    return str(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "text", "member", "kind"),
    [
        ("run.py", "x = 1", "", "script"),
        ("test_a.py", "def test_b(): pass", "", "pytest"),
        ("test_a.py", "def main(): pass", "", "script"),
        ("test_a.py", "def main(): pass", "::main", "callable"),
        ("test_a.py", "class TestX: pass", "::TestX::test_y[1-2]", "pytest"),
    ],
)
def test_a_path_says_what_it_is(tmp_path, name, text, member, kind):
    assert profile_target.parse(made(tmp_path, name, text) + member).kind == kind


def test_a_callable_of_an_installed_package_is_found_without_importing_it():
    assert profile_target.parse("scipy.special::gamma").kind == "callable"


IMPORTED = """
import dataclasses, json, sys
from groundspeed.tools.profiling.program import profile_target, workload
run = workload.WholeRun(dataclasses.asdict(profile_target.parse(sys.argv[1])), 1)
run.prepare()
print(json.dumps(run.call()))
"""


@pytest.mark.parametrize(
    ("files", "target"),
    [
        ({"statistics.py": "def go(): return 7"}, "statistics.py::go"),
        ({"time.py": "def go(): return 7"}, "time.py::go"),
        ({"tools.py": "class A:\n    @staticmethod\n    def go(): return 7"}, "tools.py::A.go"),
        ({"p/__init__.py": "", "p/b.py": "C = 7", "p/a.py": "from .b import C\ndef go(): return C"},
         "p/a.py::go"),
        ({"q/b.py": "C = 7", "q/a.py": "from .b import C\ndef go(): return C"}, "q.a:go"),
    ],
)  # fmt: skip
def test_the_named_file_is_profiled_whatever_else_has_its_name(files, target, tmp_path):
    """A module of the standard library, or of this harness, may be imported under that name."""
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED, target],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1"},
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "7", done.stderr


@pytest.fixture(scope="module")
def repository(tmp_path_factory) -> Path:
    """The harness, with no engine in it."""
    root = tmp_path_factory.mktemp("repository")
    for package in ("groundspeed", "tools", "validation"):
        shutil.copytree(ROOT / package, root / package)
    for package in ("baselines", "optimizations"):
        (root / package).mkdir()
        for file in (ROOT / package).glob("*.py"):
            shutil.copy(file, root / package)
    shutil.copytree(ROOT / "baselines" / "foreign", root / "baselines" / "foreign")
    return root


WRONG = {
    "no such file": ("nothing.py", None, 2, "no such file"),
    "no Python": ("data.txt", "x", 2, "no Python file"),
    "broken source": ("broken.py", "def f(:", 1, "broken.py:1 is no Python"),
    "missing package": ("a.py", "import nonsense_pkg", 1, "No module named 'nonsense_pkg'"),
    "raises": ("a.py", "x = 1\nraise ValueError('bad\\n\\0thing')", 1, "bad ?thing (a.py:2)"),
    "ends itself": ("a.py", "import sys; sys.exit('no input')", 1, "no input"),
    "dies": ("a.py", "import os; print(b'\\xff'); os._exit(3)", 1, "exit code 3"),
    "fails": ("test_a.py", "def test_a():\n    assert 1 == 2", 1, "test_a.py:2"),
    "skips": ("test_a.py", "import pytest\ndef test_a(): pytest.skip('rain')", 1, "rain"),
    "needs": (
        "test_a.py",
        "import no_such\ndef test_a(): pass",
        1,
        "pip install no_such [E-MOD",
    ),
    "hangs": ("a.py", "import time; time.sleep(60)", 1, "--patience-s"),
}


@pytest.mark.parametrize("what", list(WRONG))
def test_what_cannot_be_profiled_gives_one_line_and_leaves_nothing(
    what, tmp_path, monkeypatch, capfd
):
    name, text, code, told = WRONG[what]
    root, project = tmp_path / "root", tmp_path / "project"
    project.mkdir()
    if text is not None:
        (project / name).write_text(text)
    monkeypatch.chdir(project)
    monkeypatch.setattr(digests, "ROOT", root)
    monkeypatch.setattr(profile_record, "folder", partial(folder, root=root))
    patience = "2" if what == "hangs" else "60"
    monkeypatch.setattr(sys, "argv", ["groundspeed", "profile", name, "--patience-s", patience])
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    with pytest.raises(SystemExit) as ended:
        main()
    for number, handler in before.items():
        signal.signal(number, handler)
    out, said = capfd.readouterr()
    assert ended.value.code == code, said
    assert told in said
    assert len(complaints(said)) == 1
    assert not out
    assert not root.exists()
    assert [p.name for p in project.iterdir()] == ([name] if text is not None else [])


def test_an_engine_runs_bare():
    spec = {"seconds": 0.01, "steps": 1, "blocks": 1}
    work = workload.EngineRun(
        {"what": "lattice_field_v1", "case": "odd_2d"}, torch.get_num_threads()
    )
    work.prepare()
    assert worker.bare(spec, OWN)(work)["case"] == "odd_2d"


PROGRAM = """
import os, sys
import numpy as np

def slow(n):
    total = 0.0
    for i in range(n):
        total += (i * 0.5) ** 0.5      # the hot line
    return total

def constant():
    return np.full(5000, 2.0)

sys.stdout.buffer.write(bytes(range(256)))
child = os.fork()
if child == 0:
    os._exit(0)
os.waitpid(child, 0)
for _ in range(3):
    slow(300_000)
    constant()
"""


def test_a_program_that_forks_and_prints_binary_is_profiled(repository, tmp_path):
    """As a user would, by the script of that name."""
    project = tmp_path
    (project / "program.py").write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, str(repository / "tools/profile_test.py"), "program.py", "--seconds=0.5"],
        cwd=project,
        env=os.environ | {"PYTHONPATH": ""},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    place = folder("program", repository)
    profile = Profile.read(place / "raw" / "profile.json")
    assert all(m.value is not None or m.reason for m in profile.metrics.values())
    assert "constant()" in [r.what for r in profile.repeated]
    if profile.lines:  # where py-spy may look
        assert max(profile.lines, key=lambda x: x.share).line in (7, 8)
        hits = {line.line: line.hits for line in profile.lines}
        assert hits[8] == pytest.approx(9e5)
        assert (place / "flamegraph.svg").exists()
    assert "numpy cannot be observed" in profile.unavailable["operators"]
    assert (place / "report.md").read_text().startswith("# Profile: program")
    assert [p.name for p in project.iterdir()] == ["program.py"]


CACHED = """
import numpy as np
from numba import njit

@njit(cache=True)
def kick(v):
    return v - 0.1 * v

v = kick(np.ones(4))
"""


def test_a_profiled_program_keeps_its_compiled_code_elsewhere(tmp_path):
    pytest.importorskip("numba")
    file = tmp_path / "program.py"
    file.write_text(CACHED)
    runs = InstrumentRuns(profile_target.parse(str(file)), 100.0, 1)
    runs.run("bare", seconds=0.1)
    assert [path.name for path in tmp_path.iterdir()] == ["program.py"]
    assert [*runs.scratch.rglob("program.kick*.nbi")]


class Denied:
    """A target that py-spy may not look at."""

    target, scratch = (
        profile_target.ProfileTarget("x", "script", str(HERE), root=str(HERE.parent)),
        Path(),
    )
    count = 0

    def run(self, *words, **spec):
        raise ProgramFailed("Permission Denied: ptrace")


def test_where_py_spy_may_not_look_hot_functions_are_those_that_took_longest():
    with pytest.raises(NoInstrument, match="py-spy: Permission Denied"):
        py_spy_pass.sampled(Denied(), 1, True)
    look = profile_session.Look(Denied(), None, None)
    row = {"own": True, "file": str(HERE)}
    times = {10: 0.1, 20: 5.0, 30: 0.3}
    look.raw["calls"] = {
        "rows": [row | {"first_line": n, "inclusive_s": s} for n, s in times.items()]
    }
    assert look.hot() == {str(HERE): [0, 10, 20, 30]}  # 0: the script itself


def test_what_a_dead_process_said_names_no_folders_of_this_machine(tmp_path):
    log = tmp_path / "log"
    log.write_text("- f (/a/home/of/someone/torch/_tensor.py:11): skipped, 1/2 of it\n")
    assert died(1, log).endswith("- f (torch/_tensor.py:11): skipped, 1/2 of it")
