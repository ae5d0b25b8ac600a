"""The counter on functions whose costs are known by hand."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import pytest
import torch

from groundspeed import baselines
from groundspeed.baselines.engine import Case, Engine, Stage
from groundspeed.tools.costs import budget, count, dispatch_counter, minimum_work
from groundspeed.tools.costs.cost_summary import Count, Line
from groundspeed.tools.costs.dispatch_counter import HostAccess, Operators

HERE = "tests/tools/costs/test_dispatch_counter.py"
N = 64
X = torch.arange(1.0, N * N + 1, dtype=torch.float64).reshape(N, N)
GRID = N * N * 8


def line_of(text: str) -> int:
    lines = Path(__file__).read_text().splitlines()
    return next(i for i, line in enumerate(lines, start=1) if text in line)


def counted(function) -> list[dispatch_counter.Line]:
    counter = Operators()
    with counter, HostAccess(counter):
        function(X)
    return [
        x for x in counter.lines.values() if any(getattr(x, c) for c in dispatch_counter.COLUMNS)
    ]


def total(function, *columns: str) -> tuple[int, ...]:
    lines = counted(function)
    return tuple(sum(getattr(line, c) for line in lines) for c in columns)


TRAFFIC = ("operators", "read", "written", "allocations", "allocated")


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda x: x + x, (1, GRID, GRID, 1, GRID)),
        (lambda x: x * 2.0, (1, GRID, GRID, 1, GRID)),
        (lambda x: x[3:, :].t(), (0, 0, 0, 0, 0)),
        (lambda x: torch.empty_like(x), (0, 0, 0, 1, GRID)),
        (lambda x: x.sum(0), (1, GRID, N * 8, 1, N * 8)),
        (lambda x: x[0].expand(N, N) * 1.0, (1, N * 8, GRID, 1, GRID)),
        (lambda x: x.clone(), (1, GRID, GRID, 1, GRID)),
        (lambda x: x[torch.tensor([1, 2])], (1, 2 * N * 8 + 16, 2 * N * 8, 1, 2 * N * 8)),
    ],
)
def test_traffic_and_allocations(function, expected):
    assert total(function, *TRAFFIC) == expected


def test_in_place_reads_and_writes_and_out_only_writes():
    a, b, out = X.clone(), X.clone(), X.clone()
    assert total(lambda _: a.add_(b), *TRAFFIC) == (1, 2 * GRID, GRID, 0, 0)
    assert total(lambda _: torch.add(a, b, out=out), *TRAFFIC) == (1, 2 * GRID, GRID, 0, 0)
    assert total(lambda _: torch.add(a, out, out=out), *TRAFFIC) == (1, 2 * GRID, GRID, 0, 0)
    assert total(lambda _: a.copy_(b), *TRAFFIC) == (1, GRID, GRID, 0, 0)
    assert total(lambda _: a[:2].zero_(), *TRAFFIC) == (1, 0, 2 * N * 8, 0, 0)


def test_a_scatter_touches_what_it_is_given():
    a, rows = X.clone(), torch.tensor([1, 5])
    values = torch.ones(2, N, dtype=torch.float64)

    def assign(_):
        a[rows] = values

    two = 2 * N * 8
    assert total(assign, "read", "written") == (two + 16, two)
    assert total(lambda _: a.index_add_(0, rows, values), "read", "written") == (2 * two + 16, two)


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda x: x @ x, 2 * N**3),
        (lambda x: torch.einsum("ij,jk->ik", x, x), 2 * N**3),
        (lambda x: x.sum(), N * N),
        (lambda x: torch.exp(x), N * N),
        (lambda x: x > 3, 0),
        (lambda x: torch.where(x > 3, x, x), 0),
        (lambda x: torch.roll(x, 1, 0), 0),
        (lambda x: torch.fft.rfft2(x), 2.5 * N * N * 12),
        (lambda x: torch.fft.irfft2(torch.empty(N, N // 2 + 1, dtype=torch.complex128)),
         2.5 * N * N * 12),
        (lambda x: torch.conv2d(x[None, None], x[None, None, :3, :3]), 2 * 9 * (N - 2) ** 2),
    ],
)  # fmt: skip
def test_arithmetic(function, expected):
    assert total(function, "flops")[0] == pytest.approx(expected, rel=0.02)


def test_complex_arithmetic_counts_its_real_operations():
    z = torch.ones(N, N, dtype=torch.complex64)
    assert total(lambda _: z @ z, "flops") == (8 * N**3,)
    assert total(lambda _: z * z, "flops") == (6 * N * N,)


def assign_scalar(x):
    x[x < 0] = 0.0


def assign_values(x):
    x[x < 0] = torch.zeros(0, dtype=x.dtype)


@pytest.mark.parametrize(
    ("function", "kinds"),
    [
        (lambda x: x[0, 0].item(), {"item": 1}),
        (lambda x: bool(x[0, 0] > 0), {"item": 1}),
        (lambda x: float(x.sum()) + int(x.sum()), {"item": 2}),
        (lambda x: x[0].tolist(), {"tolist": 1}),
        (lambda x: x.cpu(), {"cpu": 1}),
        (lambda x: x.to("cpu"), {"cpu": 1}),
        (lambda x: x.to(torch.float32), {}),
        (lambda x: x.numpy(), {"numpy": 1}),
        (lambda x: x[x > 5], {"boolean mask": 1}),
        (assign_scalar, {}),
        (assign_values, {"boolean mask": 1}),
        (lambda x: torch.masked_select(x, x > 5), {"masked_select": 1}),
        (lambda x: x.nonzero(), {"nonzero": 1}),
        (lambda x: torch.where(x > 5), {"nonzero": 1}),
        (lambda x: x.unique(), {"unique": 1}),
        (lambda x: torch.equal(x, x), {"equal": 1}),
        (lambda x: torch.where(x > 5, x, 0.0), {}),
    ],
)
def test_waits_are_seen_without_a_gpu(function, kinds):
    found = {}
    for line in counted(function):
        for kind, times in line.waits.items():
            found[kind] = found.get(kind, 0) + times
    assert found == kinds


def test_the_innermost_line_of_the_repository_is_named():
    (line,) = counted(lambda x: x[0, 0].item())  # this very line
    assert line.where == f"{HERE}:{line_of('this very' + ' line')}"
    assert line.text.startswith("(line,) = counted")


class Pair(NamedTuple):
    a: torch.Tensor
    b: torch.Tensor


def engine(step, **more) -> Engine:
    return Engine(
        name="pair",
        cases={"only": Case(steps=9)},
        initial=lambda case: Pair(torch.ones(100), torch.ones(100)),
        stages=(Stage("step", lambda case: step),),
        **more,
    )


def test_counts_are_per_step_of_the_baseline():
    two = engine(lambda s: Pair(s.a + s.b, s.b), stride=2)
    assert dispatch_counter.count(two, Case(steps=12)).per_step("operators") == 0.5


def test_a_compiled_region_is_counted_apart():
    fused = torch.compile(lambda a: a.sin() + 1)
    found = dispatch_counter.count(engine(lambda s: Pair(fused(s.a), s.b.neg())), Case(steps=9))
    assert (found.per_step("operators"), found.per_step("compiled")) == (1, 2)


def test_undeclared_least_traffic_is_what_the_frozen_step_must_take():
    table = torch.full((10,), 0.5)

    def step(state):
        a = state.a.clone()
        a[:10] = a[:10] * table + 1  # reads a (through its copy) and the table, writes ten
        return Pair(a, state.b)

    assert minimum_work.least_bytes(engine(step), "only") == 400 + 40 + 40


def test_declared_least_traffic_stands():
    base = baselines.load("lattice_field_v1")
    case = base.cases["packet_64"]
    assert minimum_work.least_bytes(base, "packet_64") == 3 * 64**3 * 8 == base.least_bytes(case)


def test_a_counted_step_moves_no_less_than_the_declared_least():
    base = baselines.load("lattice_field_v1")
    assert dispatch_counter.count(base, base.cases["slab"]).moved > base.least_bytes(
        base.cases["slab"]
    )


def test_a_step_of_which_nothing_is_seen_is_not_called_within_its_budget():
    total = SimpleNamespace(opaque="numpy inside: operators are not seen")
    seen = SimpleNamespace(opaque="")
    records = [
        SimpleNamespace(optimization="hidden", candidate={"a": total}),
        SimpleNamespace(optimization="partly", candidate={"a": total, "b": seen}),
    ]
    assert count.blind(records) == {"hidden": total.opaque}
    rows = list(count.lines({"hidden": {"outgrown": []}, "partly": {"outgrown": []}}, []))
    assert rows[-1][1:] == ("WITHIN", "2 of 2 within their budget")
    shown = [SimpleNamespace(optimization="hidden", candidate={"a": total}, baseline={"a": total})]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(count, "words", lambda *_: "")
        rows = list(count.lines({"hidden": {"outgrown": []}}, shown))
    assert ("hidden", "NOT COUNTED", f"its budget says nothing: {total.opaque}") in rows
    assert rows[-1][1:] == ("", "0 of 1 within their budget")


def test_a_step_in_which_nothing_is_counted_can_have_no_budget(tmp_path, monkeypatch):
    blind = Count(steps=1, opaque="numpy inside", lines=[])
    seen = Count(steps=1, opaque="numpy inside", lines=[Line(where="a:1", text="", operators=1)])
    nothing = Count(steps=1, opaque="", lines=[])  # and none of it is hidden
    assert count.not_counted([blind, blind]) == {"not counted": "numpy inside"}
    assert not any(map(count.not_counted, ([blind, seen], [nothing], [])))
    claim = SimpleNamespace(expected="verified", engine=SimpleNamespace(needs=()))
    monkeypatch.setattr(count.discovery, "claim", lambda _: claim)
    monkeypatch.setattr(budget, "cases", lambda _: {"a": None})
    monkeypatch.setattr(budget, "path", lambda _: tmp_path / "costs.json")
    monkeypatch.setattr(dispatch_counter, "count", lambda *_: blind)
    for accept in (False, True):
        assert count.fresh("hidden", accept) == {"not counted": "numpy inside"}
    assert not (tmp_path / "costs.json").exists()
    rows = list(count.lines({"hidden": {"not counted": "numpy inside"}}, []))
    assert rows == [
        ("hidden", "NOT COUNTED", "numpy inside; it can have no budget"),
        ("costs", "", "0 of 1 within their budget, 1 not counted"),
    ]


@pytest.mark.parametrize(("accept", "code"), [(False, 0), (True, 1)])
def test_to_accept_what_cannot_be_counted_is_refused(accept, code, monkeypatch, capsys):
    found = {"not counted": "numpy inside"}
    monkeypatch.setattr(count.discovery, "chosen", list)
    monkeypatch.setattr(count, "side_by_side", lambda *_: [[("hidden", found, None)]])
    assert count.run(["hidden"], accept, False, as_json=True) == code
    assert json.loads(capsys.readouterr().out) == {"hidden": found}
