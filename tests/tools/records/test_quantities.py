"""Figures as people read them."""

import pytest

from groundspeed.tools.records import quantities


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(12.3, "12.3 s"), (0.0123, "12.3 ms"), (4.2e-5, "42 µs"), (3e-10, "0.3 ns"), (420.0, "420 s")],
)
def test_a_duration_has_the_unit_that_fits(seconds, text):
    assert quantities.duration(seconds) == text


def test_a_spread_is_in_the_unit_of_its_mean():
    assert quantities.spread(12.3e-3, 4e-4) == "12.3 ± 0.4 ms"
    assert quantities.spread(12345.0, 200.0) == "12345 ± 200 s"


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [(100, 63, "−37 %"), (100, 150, "+50 %"), (1000, 1001, "same"), (0, 0, ""), (0, 5, "new")],
)
def test_a_change_of_memory_has_its_sign(before, after, text):
    assert quantities.reduction({"baseline": before, "candidate": after}) == text


def test_a_large_factor_has_no_decimals():
    assert [quantities.times(x) for x in (1.05, 12.345, 829.4)] == ["1.05", "12.35", "829"]


def test_a_small_share_is_not_nothing():
    shares = [quantities.percent(share) for share in (1.714, 0.36, 0.0765, 0.004)]
    assert shares == ["171 %", "36 %", "7.6 %", "0.4 %"]


def test_a_size_is_never_a_power_of_ten():
    sizes = [quantities.size(n) for n in (448, 1034240, 1.5 * 2**20, 120 * 2**30)]
    assert sizes == ["448 B", "1010 KiB", "1.5 MiB", "120 GiB"]
