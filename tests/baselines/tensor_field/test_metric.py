"""The metric of the tensor field: what is valid, and the ambient one."""

import asyncio
import math
import threading

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import baselines.tensor_field_v0 as v0
import baselines.tensor_field_v1 as v1
from baselines.tensor_field_v1 import geometry
from groundspeed.baselines.engine import replace

torch.set_num_threads(1)

INF, NAN = math.inf, math.nan
QUICK = settings(deadline=None, max_examples=60)


def field(shape=(5, 6, 2, 2), seed=0, dtype=torch.complex64):
    generator = torch.Generator().manual_seed(seed)
    parts = (torch.randn(shape, generator=generator) for _ in range(2))
    return torch.complex(*parts).to(dtype)


def h0(T, metric):
    g = None if metric is None else torch.as_tensor(metric)
    return v0.hamiltonian(T, 0.1, 1.0, g)


def h1(T, metric):
    return v1.hamiltonian(T, hbar=0.1, m=1.0, metric=metric)


BOTH = pytest.mark.parametrize("H", [pytest.param(h0, id="v0"), pytest.param(h1, id="v1")])


def except_v0(reason):
    broken = pytest.mark.xfail(strict=True, reason=reason)
    return pytest.mark.parametrize(
        "H", [pytest.param(h0, id="v0", marks=broken), pytest.param(h1, id="v1")]
    )


@except_v0("the metric is not checked")
@pytest.mark.parametrize("bad", [0.0, -1.0, NAN, INF, -INF])
@pytest.mark.parametrize("place", [0, 1, 4])
def test_entries_that_are_not_positive_and_finite_are_refused(H, bad, place):
    metric = [1.0, 2.0, 3.0, 4.0, 5.0]
    metric[place] = bad
    with pytest.raises(ValueError, match="allowed: every entry positive and finite"):
        H(field(), torch.tensor(metric))


@except_v0("other ranks count as 1")
@pytest.mark.parametrize("metric", [torch.tensor(2.0), torch.ones(2, 2), torch.ones(0)])
def test_metrics_of_another_rank_are_refused(H, metric):
    with pytest.raises(ValueError, match=r"metric has shape .*; allowed: \[1\]"):
        H(field(), metric)


def test_version_0_takes_any_metric():
    T = field()
    assert torch.equal(h0(T, torch.tensor(2.0)), h0(T, (1.0, 1.0)))
    assert torch.equal(h0(T, torch.full((2, 2), 7.0)), h0(T, (1.0, 1.0)))
    assert h0(T, (0.0, 0.0)).abs().max() == 0
    assert torch.equal(h0(T, (-2.0, -2.0)), -h0(T, (2.0, 2.0)))
    assert h0(T, (NAN, 1.0)).isnan().all()


@QUICK
@given(st.lists(st.floats(allow_nan=True, allow_infinity=True, width=32), max_size=6))
def test_a_metric_is_taken_or_refused_and_never_computed_with_blindly(entries):
    good = len(entries) >= 1 and all(0 < g < INF for g in entries)
    if good:
        assert v1.metric_laplacian(field(), metric=entries).shape == (5, 6, 2, 2)
        return
    with pytest.raises(ValueError, match="allowed"):
        v1.metric_laplacian(field(), metric=entries)


@pytest.mark.parametrize("metric", [torch.ones(2, dtype=torch.complex64), "ab", object(), [[1], 2]])
def test_metrics_that_are_not_real_numbers_are_refused(metric):
    with pytest.raises(ValueError, match="allowed"):
        h1(field(), metric)


def test_a_metric_on_another_device_is_refused():
    with pytest.raises(ValueError, match="metric is on meta; allowed: cpu, where T is"):
        v1.metric_laplacian(field(), metric=torch.ones(2, device="meta"))


def test_the_proposed_check_for_positivity_lets_nan_pass():
    metric = torch.tensor([NAN, 1.0])
    assert not torch.any(metric <= 0)
    with pytest.raises(ValueError, match="nan"):
        h1(field(), metric)


@BOTH
def test_a_unit_metric_is_flat_space(H):
    T = field(dtype=torch.complex128)
    torch.testing.assert_close(H(T, (1.0, 1.0)), H(T, None), rtol=0, atol=1e-15)


@BOTH
@pytest.mark.parametrize("metric", [(2.0,), (2.0, 2.0), (2.0, 2.0, 9.0)])
def test_an_isotropic_metric_scales_the_flat_result(H, metric):
    T = field(dtype=torch.complex128)
    torch.testing.assert_close(H(T, metric), 2 * H(T, None), rtol=0, atol=1e-15)


@BOTH
@pytest.mark.parametrize("length", [2, 3, 8, 16])
def test_the_length_of_a_metric_has_nothing_to_do_with_the_components(H, length):
    T = field((5, 6, 3, 3))
    metric = torch.linspace(0.5, 2.0, length)
    assert torch.equal(H(T, metric), H(T, metric[:2]))


@BOTH
def test_a_huge_metric_is_finite_once_and_only_linear(H):
    T = field()
    huge, one = H(T, (1e8, 1e8)), H(T, (1.0, 1.0))
    assert huge.isfinite().all()  # all that the document asks: it holds for any linear operator
    torch.testing.assert_close(huge / 1e8, one, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("version", [v0, v1])
def test_a_stiff_metric_overflows_within_200_steps(version):
    engine = version.engine
    case = replace(engine.cases["field_8"], shape=(8, 8, 2, 2), metric=(1000.0, 1.0))
    run = engine.runner(case)
    end = run(engine.initial(case), 200)
    assert not end.T.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_reading_the_metric_as_numbers_or_as_tensors_gives_the_same_bits(dtype):
    T, metric = field(), torch.tensor([3.7, 0.3], dtype=dtype)
    numbers = metric[0].item() * v1.second_difference(T, 0)
    numbers = numbers + metric[1].item() * v1.second_difference(T, 1)
    assert torch.equal(v1.metric_laplacian(T, metric=metric), numbers)


def test_operators_read_the_ambient_geometry():
    T = field()
    flat, bent = h1(T, None), h1(T, (10.0, 1.0))
    assert not torch.equal(flat, bent)
    assert torch.equal(v1.hamiltonian(T, hbar=0.1, m=1.0), flat)
    with geometry((10.0, 1.0)):
        assert torch.equal(v1.hamiltonian(T, hbar=0.1, m=1.0), bent)
        assert torch.equal(v1.metric_laplacian(T), v1.metric_laplacian(T, metric=(10.0, 1.0)))
    assert torch.equal(v1.hamiltonian(T, hbar=0.1, m=1.0), flat)


def test_geometries_nest_and_an_own_metric_wins():
    T = field()
    with geometry((10.0, 1.0)):
        with geometry(torch.tensor([1.0, 3.0])):
            assert torch.equal(v1.hamiltonian(T, hbar=0.1, m=1.0), h1(T, (1.0, 3.0)))
            assert torch.equal(h1(T, (2.0,)), 2 * h1(T, (1.0,)))
            with geometry(None):
                assert torch.equal(v1.hamiltonian(T, hbar=0.1, m=1.0), h1(T, None))
        assert torch.equal(v1.hamiltonian(T, hbar=0.1, m=1.0), h1(T, (10.0, 1.0)))
        assert torch.equal(h1(T, None), v1.hamiltonian(T, hbar=0.1, m=1.0, metric=None))
        assert not torch.equal(h1(T, None), v1.hamiltonian(T, hbar=0.1, m=1.0))


def test_the_outer_geometry_is_back_after_an_error():
    T = field()
    with pytest.raises(RuntimeError, match="inside"), geometry((10.0, 1.0)):
        raise RuntimeError("inside")
    assert torch.equal(v1.hamiltonian(T, hbar=0.1, m=1.0), h1(T, None))


@pytest.mark.parametrize("bad", [(0.0, 1.0), (1.0, NAN), (), ((1.0, 2.0),)])
def test_a_bad_geometry_is_refused_on_entry(bad):
    with pytest.raises(ValueError, match="allowed"), geometry(bad):
        pass
    assert torch.equal(v1.hamiltonian(field(), hbar=0.1, m=1.0), h1(field(), None))


def test_a_geometry_is_copied_on_entry():
    T, metric = field(), torch.tensor([10.0, 1.0])
    with geometry(metric):
        metric.fill_(-5.0)
        assert torch.equal(v1.hamiltonian(T, hbar=0.1, m=1.0), h1(T, (10.0, 1.0)))


def test_threads_do_not_see_each_others_geometry():
    T, metrics = field(), [(1.0 + n, 1.0) for n in range(4)]
    barrier, results = threading.Barrier(len(metrics)), {}

    def work(n):
        with geometry(metrics[n]):
            barrier.wait()  # all four are inside their blocks now
            results[n] = v1.hamiltonian(T, hbar=0.1, m=1.0)
            barrier.wait()

    threads = [threading.Thread(target=work, args=(n,)) for n in range(len(metrics))]
    with geometry((50.0, 50.0)):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for n, metric in enumerate(metrics):
        assert torch.equal(results[n], h1(T, metric))


def test_tasks_do_not_see_each_others_geometry():
    T, metrics = field(), [(1.0 + n, 1.0) for n in range(3)]

    async def work(metric):
        with geometry(metric):
            await asyncio.sleep(0)  # every task is inside its block before any goes on
            return v1.hamiltonian(T, hbar=0.1, m=1.0)

    async def all_of_them():
        return await asyncio.gather(*(work(metric) for metric in metrics))

    for got, metric in zip(asyncio.run(all_of_them()), metrics, strict=True):
        assert torch.equal(got, h1(T, metric))


def test_an_engine_runs_its_case_whatever_the_ambient_geometry():
    engine = v1.engine
    case = engine.cases["one_step"]
    start, run = engine.initial(case), engine.runner(case)
    alone = run(start, 1).T
    with geometry((10.0, 1.0)):
        assert torch.equal(run(start, 1).T, alone)


def test_the_engine_refuses_a_case_with_a_bad_metric():
    case = replace(v1.engine.cases["one_step"], metric=(1.0, -1.0))
    with pytest.raises(ValueError, match=r"metric is \[1.0, -1.0\]; allowed"):
        v1.engine.initial(case)
    v0.engine.initial(case)


def test_physical_arguments_are_keywords_in_version_1_only():
    v0.hamiltonian(field(), 0.1, 1.0)
    with pytest.raises(TypeError, match="positional"):
        v1.hamiltonian(field(), 0.1, 1.0)
