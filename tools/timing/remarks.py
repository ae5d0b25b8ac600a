"""Remarks: why a word is no stronger or an interval wider than the processes alone make it."""

import math

from groundspeed.tools.records.quantities import times
from groundspeed.tools.timing import intervals
from groundspeed.tools.timing.intervals import LEAST_EFFECT, Interval

AGAIN = "measure again on a quiet machine, or with --processes 20"
FEW = 5  # processes at least, for an interval that says something of others


def remark(found: dict) -> str:
    """Why a case is INCONCLUSIVE, why its interval was widened, and what is odd about its rounds.

    Args:
        found: ratio, low, high, between_width, cpu_ratio, cpu_low, cpu_high, control_off, word,
            modes, order, processes; ``least_effect`` and ``smallest_seen`` as shares; ``off``, how
            many of the processes have a control that was off.
    """
    reasons = [undecided(found)] if found["word"] == "INCONCLUSIVE" else []
    reasons += filter(None, (stretched(found), grouped(found), ordered(found)))
    return "; ".join(reasons)


def parts(found: dict) -> tuple[Interval, Interval, Interval]:
    """The widened interval, that of the wall clock alone, and that of processor time."""
    ratio = Interval(found["ratio"], found["low"], found["high"])
    cpu = Interval(found["cpu_ratio"], found["cpu_low"], found["cpu_high"])
    return ratio, ratio.apart(found["between_width"] / 2), cpu


def undecided(found: dict) -> str:
    """What keeps the two clocks from calling it faster or slower."""
    ratio, wall, cpu = parts(found)
    if found["processes"] == 1:
        return f"one process says nothing of others; with --processes {FEW} or more it would"
    words = [intervals.beyond(clock) for clock in (wall, cpu)]
    if words in (["FASTER", "SLOWER"], ["SLOWER", "FASTER"]):
        return f"wall clock and processor time say the opposite; {AGAIN}"
    if words[0] != words[1] and "INCONCLUSIVE" not in words[:1]:
        return f"processor time ({times(1 / cpu.value)}x) does not confirm the wall clock; {AGAIN}"
    if words[0] != words[1]:
        return f"the wall clock ({times(1 / wall.value)}x) does not confirm processor time; {AGAIN}"
    if words[0] != "INCONCLUSIVE":
        return f"both clocks alone say {words[0]}; {AGAIN}"
    if ratio.low <= 1 <= ratio.high:
        seen = 100 * found["smallest_seen"]
        return f"the interval holds 1: no difference, or one below {seen:.0f} %"
    return (
        f"the difference is not clearly above {100 * found['least_effect']:.1f} %, the least that "
        f"counts here; {AGAIN}"
    )


def stretched(found: dict) -> str:
    """What widened the interval, where that is worth naming."""
    ratio, wall, cpu = parts(found)
    if found["processes"] == 1 or ratio.half - wall.half <= LEAST_EFFECT / 2:
        return ""
    off, control = found.get("off", 0), found["control_off"]
    if off:
        why = f"a control was off in {off} of {found['processes']} processes"
    elif control > LEAST_EFFECT:
        why = f"the control is {control:.1%} off"
    elif abs(math.log(cpu.value / wall.value)) > LEAST_EFFECT:
        why = f"by processor time it is {times(1 / cpu.value)}x"
    else:
        why = "processor time, or identical code in the same rounds, varies more"
    return f"widened from [{times(1 / wall.high)}, {times(1 / wall.low)}]: {why}"


def grouped(found: dict) -> str:
    """That the processes differ in kind."""
    if not found["modes"]:
        return ""
    low, high = (times(1 / ratio) for ratio in reversed(found["modes"]))
    return f"the processes fall into two groups, at {low}x and {high}x"


def ordered(found: dict) -> str:
    """That a contender takes longer, or less long, after the baseline than before it."""
    effect, control = (found["order"].get(who) for who in ("candidate", "control"))
    if effect is None:
        return ""
    same = f"the control takes {longer(control)}" if control is not None else "the control does not"
    return f"in rounds where it comes after the baseline it takes {longer(effect)}; {same}"


def longer(share: float) -> str:
    """20 % longer, 7 % less."""
    return f"{abs(share):.0%} {'longer' if share > 0 else 'less'}"
