"""Quantiser, keys, noise, displacement and weights of the flow engine, one formula at a time.

The independent reference run: separate float32 programs of the published equations, whose
counts are quoted beside the facts they belong to.
"""

import math
from dataclasses import replace

import pytest
import torch

import baselines.energy_flow_v0 as v0
import baselines.energy_flow_v1 as v1
from baselines.energy_flow_v0.collect import key_of, key_table
from baselines.energy_flow_v1.geometry import cells, distance, indices, nearer, normalised
from baselines.energy_flow_v1.motion import (
    NEARLY,
    NO_ACTIVE,
    SHARE,
    STALLED,
    displaced,
    offspring,
    reflected,
    stalled,
    terminated,
    verdict,
)
from baselines.energy_flow_v1.network import (
    digest,
    draw_mapper,
    draw_mover,
    ready,
    recur,
    respond,
)
from baselines.energy_flow_v1.noise import normals, scrambled, signed
from baselines.energy_flow_v1.state import row_bytes

torch.set_num_threads(1)

TINY = v1.engine.cases["tiny"]
MOVER = "825c7688d16bf36d050bf28afd06fb5ed64f3638681a02f125923258438272df"
MAPPER = "d704aac7f47dfebfd560937f1d72263b9f9ae522822c2e77d5895a741675ea7a"
ZERO = torch.tensor(0)


def anywhere(n, seed=0):
    return 2 * torch.rand(n, 3, generator=torch.Generator().manual_seed(seed)) - 1


def at(x, y=0.0, z=0.0):
    return torch.tensor([[x, y, z]])


@pytest.mark.parametrize(("half", "cell"), [(0.5, 0), (1.5, 2), (2.5, 2), (3.5, 4)])
def test_ties_of_the_quantiser_go_to_even(half, cell):
    x = normalised(torch.tensor(half), 8)  # W = 9: exact in binary
    assert int(cells(at(x, -1.0), 9, 5)) == cell


@pytest.mark.parametrize(("p", "cell"), [(-1.0, 0), (1.0, 27), (-1.7, 0), (1.7, 27)])
def test_edges_and_what_lies_beyond_them_belong_to_the_outer_cells(p, cell):
    assert int(cells(at(p, -1.0), 28, 28)) == cell
    assert int(cells(at(-1.0, p), 28, 28)) == cell * 28


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_every_cell_centre_belongs_to_its_cell_for_widths_2_to_256(dtype):
    for width in range(2, 257):
        x = normalised(torch.arange(width, dtype=dtype), width - 1)
        p = torch.stack([x, -torch.ones_like(x), x], dim=1)
        assert torch.equal(cells(p, width, 2), torch.arange(width)), width


def test_six_decimals_tell_all_cells_apart_for_widths_2_to_256():
    for width in range(2, 257):
        table = key_table(replace(TINY, width=width, height=2))
        assert sorted(table.values()) == list(range(2 * width)), width


@pytest.mark.parametrize("width", [2, 3, 20, 28, 100])
def test_key_of_a_dictionary_finds_the_cell_of_the_formula(width):
    case = replace(TINY, width=width, height=7)
    table, p = key_table(case), 1.1 * anywhere(300)
    found = [table[key_of(case, row)] for row in p]
    assert found == cells(p, width, 7).tolist()


@pytest.mark.parametrize("width", [20, 28, 100])
def test_rounding_up_ties_changes_next_to_no_cell_and_truncation_half_of_them(width):
    # independent reference run: 0, 3 and 12 of 5e6 at W = 28, 20, 100; truncation 50 %
    x = (anywhere(1_000_000)[:, 0] + 1) * 0.5 * (width - 1)
    assert int((x.round() != (x + 0.5).floor()).sum()) <= 20
    assert float((x.round() != x.floor()).double().mean()) == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize(
    ("dtype", "width", "share"),
    [
        (torch.float16, 20, 0.003),
        (torch.float16, 100, 0.019),
        (torch.bfloat16, 20, 0.025),
        (torch.bfloat16, 100, 0.15),
    ],
)
def test_a_quantiser_in_half_precision_moves_flows_to_other_columns(dtype, width, share):
    # independent reference run: 0.3 to 1.9 % in float16, 2.5 to 15 % in bfloat16, W = 20 to 100
    p = anywhere(400_000)
    column = indices(p, width, width)[0]
    moved = column != indices(p.to(dtype), width, width)[0].float()
    assert float(moved.double().mean()) == pytest.approx(share, rel=0.15)


def test_distance_is_to_the_nearer_plane_on_both_of_its_sides():
    z = torch.tensor([-1.0, 1.0, 0.0, 0.25, -1.5, 1.5])
    assert distance(z).tolist() == [0.0, 0.0, 1.0, 0.75, 0.5, 0.5]
    assert nearer(z).tolist() == [1, 2, 1, 2, 1, 2]


def test_next_is_clamped_before_and_after_the_noise_and_raw_never():
    p, push = at(0.9, -0.9, 0.9), at(0.4, -0.4, 0.4)
    raw, after = displaced(p, push, at(-0.2, 0.2, 0.2))
    torch.testing.assert_close(raw, at(1.1, -1.1, 1.5))
    torch.testing.assert_close(after, at(0.8, -0.8, 1.0))


def test_a_flow_ends_on_the_planes_and_not_before():
    z = torch.tensor([-1.0, 1.0, 0.0, math.nextafter(1, 0)], dtype=torch.float64)
    p = torch.stack([0 * z, 0 * z, z], dim=1)
    assert terminated(p).tolist() == [True, True, False, False]


def test_reflection_mirrors_sideways_and_leaves_depth():
    torch.testing.assert_close(reflected(at(1.25, -1.5, 1.5)), at(0.75, -0.5, 1.5))
    torch.testing.assert_close(reflected(at(0.25, -0.5, -2.0)), at(0.25, -0.5, -2.0))


def test_no_push_alone_spawns_at_a_threshold_of_one_half():
    # |δ| ≤ √3/2 ≈ 0.866, and a child takes |Δ| ≥ 2τ
    farthest = at(0.5, 0.5, 0.5)
    origin = torch.zeros(1, 3)
    assert int(offspring(origin, farthest, v1.Spawn(0.5, 9))) == 0
    assert int(offspring(origin, farthest, v1.Spawn(0.15, 9))) == 4
    assert int(offspring(origin, farthest, v1.Spawn(0.15, 1))) == 1
    assert int(offspring(origin, origin, v1.Spawn(0.1, 3))) == 0


def test_a_forward_stops_for_the_reasons_given():
    stop = v1.Stop(5, 0.95, 8)
    assert verdict(stop, [0.0] * 9, active=0) == NO_ACTIVE
    assert verdict(stop, [0.99] * 4, active=9) == 0  # not before step 5
    assert verdict(stop, [0.96] * 5, active=9) == SHARE
    assert verdict(stop, [0.5] * 12, active=9) == 0
    assert verdict(stop, [0.5] * 13, active=9) == STALLED
    assert verdict(stop, [0.81] * 11, active=9) == NEARLY
    assert verdict(stop, [0.0] * 19, active=9) == 0  # nothing done yet is not stalled
    assert stalled([0.1 * k for k in range(9)]) == 0


def test_the_hash_is_splitmix64():
    # first output for seed 0, as published with the generator
    first = scrambled(torch.tensor([signed(0x9E3779B97F4A7C15)]))
    assert int(first) == signed(0xE220A8397B1DCDAF)


def test_noise_belongs_to_the_flow_not_to_its_place():
    flow = torch.arange(50)
    noise = normals(3, ZERO, flow, ZERO + 2)
    order = torch.randperm(50, generator=torch.Generator().manual_seed(1))
    assert torch.equal(normals(3, ZERO, flow[order], ZERO + 2), noise[order])
    halves = [normals(3, ZERO, part, ZERO + 2) for part in flow.split(17)]
    assert torch.equal(torch.cat(halves), noise)


def test_noise_differs_by_seed_forward_flow_step_and_axis():
    flow = torch.arange(20)
    keys = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)]
    drawn = [normals(s, ZERO + f, flow, ZERO + k).flatten() for s, f, k in keys]
    together = torch.cat(drawn)
    assert together.unique().numel() == together.numel()


def test_noise_is_standard_normal():
    noise = normals(0, ZERO, torch.arange(100_000), ZERO).double()
    assert noise.mean(0).abs().max() < 5 / math.sqrt(1e5)
    assert (noise.var(0) - 1).abs().max() < 5 * math.sqrt(2 / 1e5)
    assert ((noise**4).mean(0) - 3).abs().max() < 0.15
    assert torch.corrcoef(noise.T).fill_diagonal_(0).abs().max() < 5 / math.sqrt(1e5)


def test_weights_are_those_of_the_seed_to_the_bit():
    assert digest(draw_mover(TINY)) == MOVER
    assert digest(draw_mover(replace(TINY, seed=1))) != MOVER
    assert digest(draw_mapper(replace(TINY, embedding=8))) == MAPPER


def test_inputs_and_weights_come_from_different_streams():
    rows = [torch.rand(8, generator=TINY.stream(name)) for name in ("inputs", "mapper", "mover")]
    assert torch.stack(rows).unique().numel() == 24


def test_the_gru_is_the_library_s():
    case = replace(TINY, layers=2, hidden=5, dtype=torch.float64)
    mover = ready(draw_mover(case), case)
    gru = torch.nn.GRU(65, 5, num_layers=2, dtype=torch.float64)
    for layer, (into, through) in enumerate(mover.gates):
        for name, part in (("ih", into), ("hh", through)):
            getattr(gru, f"weight_{name}_l{layer}").data = part.weight
            getattr(gru, f"bias_{name}_l{layer}").data = part.bias
    x, h = torch.randn(7, 65, dtype=torch.float64), torch.randn(7, 2, 5, dtype=torch.float64)
    _, want = gru(x[None], h.transpose(0, 1).contiguous())
    got, seen = [], x
    for (into, through), state in zip(mover.gates, h.unbind(1), strict=True):
        seen = recur(into(seen), through(state), state)
        got.append(seen)
    torch.testing.assert_close(torch.stack(got), want, rtol=1e-13, atol=1e-14)


def test_energies_after_a_step_lie_between_minus_one_and_one():
    mover = ready(draw_mover(TINY), TINY)
    sides = torch.tensor([5.0, 5.0, 8.0])
    energy, hidden, _ = respond(
        mover, sides, anywhere(500), 9 * anywhere(500)[:, 0], torch.zeros(500, 2, 16)
    )
    assert energy.abs().max() <= 1
    assert hidden.abs().max() <= 1


def test_the_hidden_state_is_nearly_all_of_a_row():
    # independent reference run: 6 144 of 6 206 bytes at 3 layers of 512
    big = replace(TINY, layers=3, hidden=512, capacity=2, embedding=1)
    state = v1.engine.initial(big)
    assert row_bytes(state) == 6206
    assert state.hidden[0].numel() * state.hidden.element_size() == 6144


@pytest.mark.parametrize(
    ("name", "sites", "samples", "births"),
    [
        ("tiny", 36, 2, 72),
        ("debug", 400, 8, 3_200),
        ("experiment", 784, 16, 12_544),
        ("stress", 784, 128, 100_352),
        ("cap", 10_000, 32, 320_000),
    ],
)
def test_the_sizes_are_those_of_the_presets(name, sites, samples, births):
    case = v1.engine.cases[name]
    assert (case.cells, case.batch, case.cells * case.batch) == (sites, samples, births)
    assert case.loop == case.depth // 2
    if name in v0.engine.cases:
        assert v0.engine.cases[name].cells == sites
