"""The words follow from the pairs: how often they are wrong is counted on made-up noise."""

import math
import random
from itertools import accumulate
from statistics import stdev

import pytest

from groundspeed.tools.timing import intervals
from groundspeed.tools.timing.intervals import Interval


def noisy(rng: random.Random, factor: float, rounds: int = 240) -> tuple[list, list, list, list]:
    """Wall and processor times of B and A: drift of the machine, spikes, jitter."""
    speed, wall, cpu = 1.0, ([], []), ([], [])
    for _ in range(rounds):
        speed = min(1.5, max(0.7, speed * math.exp(rng.gauss(0, 0.02))))
        for k, work in enumerate((factor, 1.0)):
            spent = work * speed * math.exp(rng.gauss(0, 0.01))
            preempted = rng.random() < 0.05
            cpu[k].append(spent * (1.03 if preempted else 1))
            wall[k].append(spent * (rng.uniform(1.5, 20) if preempted else 1.001))
    return *wall, *cpu


def words(factor: float, count: int = 150) -> list[str]:
    rng = random.Random(7)
    found = []
    for _ in range(count):
        wall_b, wall_a, cpu_b, cpu_a = noisy(rng, factor)
        wall, cpu = intervals.fine(wall_b, wall_a), intervals.fine(cpu_b, cpu_a)
        found.append(intervals.fine_verdict(wall, cpu))
    return found


def test_identical_code_is_hardly_ever_called_different():
    assert sum(word != "INCONCLUSIVE" for word in words(1.0)) <= 3


def test_two_percent_are_nearly_always_seen_in_the_right_direction():
    assert words(1.02).count("SLOWER") >= 135
    assert words(1 / 1.02).count("FASTER") >= 135


def test_processor_time_alone_is_not_believed():
    slower = Interval(1.05, 1.04, 1.06)
    assert intervals.fine_verdict(Interval(0.99, 0.9, 1.1), slower) == "INCONCLUSIVE"
    assert intervals.fine_verdict(Interval(1.01, 0.9, 1.1), slower) == "SLOWER"


@pytest.mark.parametrize("rounds", [1, 3, 6])
def test_few_rounds_give_the_whole_range_and_no_false_precision(rounds):
    ours = [1.0 + 0.1 * k for k in range(rounds)]
    found = intervals.fine(ours, [1.0] * rounds)
    assert (found.low, found.high) == pytest.approx((ours[0], ours[-1]))


def test_the_smallest_effect_that_a_run_can_see_is_named_by_it_and_half_of_it_is_not():
    def run(effect: float) -> Interval:
        return Interval(*(effect * x for x in (1, math.exp(-0.04), math.exp(0.04))))

    seen = intervals.smallest_seen(run(1))
    assert seen == pytest.approx(math.expm1(0.05))
    assert intervals.beyond(run(1 / (1.001 + seen))) == "FASTER"
    assert intervals.beyond(run(1 / (1 + seen / 2))) == "INCONCLUSIVE"


def spread(value: float, half: float) -> Interval:
    return Interval(value, value, value).apart(half)


@pytest.mark.parametrize("bias", [1.05, 1 / 1.05])
def test_an_interval_is_moved_apart_by_what_identical_code_shows(bias):
    found = intervals.beside(spread(0.5, 0.02), spread(bias, 0.01))
    assert found == pytest.approx(spread(0.5, 0.02 + math.log(1.05)))


def test_an_interval_is_no_narrower_than_that_of_identical_code():
    assert intervals.beside(spread(0.5, 0.01), spread(1, 0.03)) == pytest.approx(spread(0.5, 0.03))


def test_the_widened_interval_holds_what_either_clock_leaves_open():
    found = intervals.widened(spread(0.5, 0.02), spread(0.6, 0.02), [spread(1, 0.01)] * 2)
    assert found == pytest.approx((0.5, 0.5 * math.exp(-0.02), 0.6 * math.exp(0.02)))


def test_identical_code_is_hardly_ever_called_different_whatever_moves_both():
    """Processes in which the candidate is the baseline, under noise that a control sees too."""
    rng, wrong, trials = random.Random(5), 0, 400
    for _ in range(trials):
        bias = rng.gauss(0, 0.03)  # of this run
        wall, cpu, control, control_cpu = (
            intervals.between([math.exp(rng.gauss(bias, 0.02)) for _ in range(8)]) for _ in range(4)
        )
        ratio = intervals.widened(wall, cpu, (control, control_cpu))
        wrong += intervals.beyond(ratio) != "INCONCLUSIVE"
    assert wrong <= trials / 50


def test_two_groups_of_processes_are_reported():
    low, high = intervals.modes([0.50, 0.501, 0.499, 0.60, 0.602, 0.598, 0.5, 0.601, 0.5, 0.6])
    assert (low, high) == pytest.approx((0.5, 0.6), rel=0.01)


def test_one_spread_is_hardly_ever_taken_for_two():
    rng = random.Random(3)
    runs = [[math.exp(rng.gauss(0, 0.04)) for _ in range(10)] for _ in range(300)]
    assert sum(intervals.modes(run) is not None for run in runs) <= 9


def test_few_processes_have_no_modes():
    assert intervals.modes([0.5, 0.5, 0.6, 0.6]) is None


def test_the_quantiles_are_those_of_the_tables():
    """Of the binomial and of t: exact counts, and t of 1, 4 and 30 degrees at 97.5 %."""
    for n in range(1, 300):
        ways = accumulate(math.comb(n, k) for k in range(n + 1))
        rank = max(0, next(k for k, all_ways in enumerate(ways) if 40 * all_ways >= 2**n) - 1)
        ratios = [math.exp(k) for k in range(n)]
        assert intervals.within(ratios).low == ratios[rank]
    for count, quantile in ((2, 12.7062047362), (5, 2.7764451052), (31, 2.0422724563)):
        logs = [k % 2 for k in range(count)]
        found = intervals.between([math.exp(x) for x in logs])
        half = quantile * stdev(logs) / math.sqrt(count)
        assert math.log(found.high / found.value) == pytest.approx(half, rel=1e-9)
