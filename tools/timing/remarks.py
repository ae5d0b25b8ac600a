"""Remarks: why a word is no stronger, in words, and what to do about it."""

AGAIN = "measure again on a quiet machine, or with --processes 10"


def remark(found: dict) -> str:
    """Why a case is INCONCLUSIVE, and what is odd about its processes.

    Args:
        found: ratio, low, high, cpu_ratio, cpu_low, cpu_high, word, modes; ``least_effect`` and
            ``smallest_seen`` as shares.
    """
    reasons = [undecided(found)] if found["word"] == "INCONCLUSIVE" else []
    if found["modes"]:
        low, high = found["modes"]
        reasons.append(f"the processes fall into two groups, at {low:.3f} and {high:.3f}")
    return "; ".join(reasons)


def undecided(found: dict) -> str:
    """What keeps the two clocks from calling it faster or slower."""
    wall, cpu = ((found[f"{clock}low"], found[f"{clock}high"]) for clock in ("", "cpu_"))
    least = 1 + found["least_effect"]
    clear = [high < 1 / least or low > least for low, high in (wall, cpu)]
    if clear == [True, False]:
        return f"processor time ({found['cpu_ratio']:.3f}) does not confirm the wall clock; {AGAIN}"
    if clear == [False, True]:
        return f"the wall clock ({found['ratio']:.3f}) does not confirm processor time; {AGAIN}"
    if all(clear):
        return f"wall clock and processor time say the opposite; {AGAIN}"
    if wall[0] <= 1 <= wall[1]:
        seen = 100 * found["smallest_seen"]
        return f"the interval holds 1: no difference, or one below {seen:.0f} %"
    off = 100 * found["least_effect"]
    return f"the difference is not clearly above {off:.1f} %, the least that counts here; {AGAIN}"
