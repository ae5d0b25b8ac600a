"""Aggregates one candidate's samples over worker processes."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from statistics import fmean, median, pstdev
from typing import NamedTuple

from groundspeed.tools.records.measurement import Discarded, StepTime, Timing
from groundspeed.tools.timing import intervals
from groundspeed.tools.timing.intervals import Interval
from groundspeed.tools.timing.remarks import remark

CONTROL_OFF = math.log(1.10)  # a process whose controls are further off is discarded,
CONTROL_SHARE = 1 / 20  # or further than this share of the effect beside them, as log ratios
SHARED = ("case", "steps", "extra", "stream_bytes", "least_bytes")  # by all candidates of a row
EACH = ("charged", "warm_up", "first_call_s", "peak_bytes")  # by contender
RAW = (*SHARED, *EACH, "number", "audited", "rounds", "later", "beside")  # makes the figures
OWN = ("baseline", "control", "injected", "stream")  # runners that are no candidates
ORDERED = 0.02  # an effect of the order within a round that is worth naming

Rounds = list[dict[str, list[float]]]


def part(row: dict, name: str) -> dict:
    """What a process told of a case, as far as one candidate goes, who is "candidate" there."""

    def renamed(found: dict) -> dict:
        mine = {"candidate": found[name]} if name in found else {}
        return {k: found[k] for k in OWN if k in found} | mine

    rounds = [found for found in row["rounds"] if name in found]
    return {k: row[k] for k in SHARED} | {
        "number": row.get("number", 0),
        "audited": row.get("audited", True),
        "beside": [other for other in row["trails"] if other != name],
        "rounds": [renamed(found) for found in rounds],
        "later": {
            who: [after_the_baseline(found, key) for found in rounds]
            for who, key in (("candidate", name), ("control", "control"))
        },
        **row["trails"][name],
        **{k: renamed(row[k]) for k in EACH},
    }


def after_the_baseline(found: dict, who: str) -> int:
    """Whether that contender came after the baseline: a round is in the order of its blocks."""
    order = list(found)
    return int(order.index(who) > order.index("baseline"))


def ratios(rounds: Rounds, who: str, clock: int) -> list[float]:
    """who / baseline of every round, by wall clock (0) or processor time (1)."""
    return [r[who][clock] / max(r["baseline"][clock], 1e-12) for r in rounds]


def middle(processes: list[Rounds], who: str) -> float:
    """Median seconds a step, over all rounds of all processes."""
    return median(r[who][1] for rounds in processes for r in rounds)


def medians(processes: list[Rounds], who: str, clock: int) -> list[float]:
    return [max(median(ratios(rounds, who, clock)), 1e-12) for rounds in processes]


def injected_truth(row: dict) -> float | None:
    """Ratio that the injected slowdown must show."""
    return 1 + row["extra"] / row["steps"] if row["extra"] else None


def discarded(row: dict, timer: str) -> Discarded | None:
    """Why the numbers of this process are thrown away, if they are.

    A control is off where both clocks say so: a wall clock alone is off whenever the
    processor was taken away, and the median of the candidate's rounds survives that. What
    is off by a tenth says nothing against a factor of a hundred, so it is weighed against it.
    """
    wanted = {"control": 1.0} | ({"injected": injected_truth(row)} if row["extra"] else {})
    found = {
        who: [medians([row["rounds"]], who, clock)[0] for clock in (0, 1)]
        for who in ("candidate", *wanted)
    }
    effect = min(abs(math.log(r)) for r in found["candidate"])
    allowed = max(CONTROL_OFF, CONTROL_SHARE * effect)
    reasons = [f"timer: {timer}"] if timer else []
    reasons += [
        f"{who} at {min(found[who]):.3f} to {max(found[who]):.3f}, should be {want:.3f}"
        for who, want in wanted.items()
        if min(abs(math.log(r / want)) for r in found[who]) > allowed
    ]
    injected = found.get("injected", [None])[0]
    why = "; ".join(reasons)
    return Discarded(why=why, control=found["control"][0], injected=injected) if reasons else None


@dataclass
class CaseSamples:
    """The processes of one candidate on one case."""

    kept: list[dict] = field(default_factory=list)
    off: list[tuple[dict, Discarded]] = field(default_factory=list)

    def add(self, row: dict, timer: str = "") -> None:
        if why := discarded(row, timer):
            self.off.append((row, why))
        else:
            self.kept.append(row)

    def wants_more(self, least: int, most: int, precise: float) -> bool:
        """Whether another process is due: too few, or too wide while the budget lasts.

        Args:
            precise: half an interval that is narrow enough, as a log ratio.
        """
        if len(self.kept) + len(self.off) >= most:
            return False
        rounds = [row["rounds"] for row in self.kept]
        return len(rounds) < least or clocks(rounds).widened.half > precise

    @property
    def tampered(self) -> str:
        """What the parent's clock says against the worker's, where it mostly does: among processes
        in which contenders were audited, and those where the rounds themselves show it."""
        timers = [why.why for _, why in self.off if why.why.startswith("timer: ")]
        believed = [row for row in self.kept if row["audited"]]
        believed += [r for r, why in self.off if r["audited"] and not why.why.startswith("timer: ")]
        if len(timers) <= len(believed):
            return ""
        return (
            f"{timers[0].removeprefix('timer: ')}: the timer in its process is not to be "
            "believed; see that no code under test touches the clock"
        )

    def counted(self, least: int) -> list[dict]:
        """Those that are kept; where these are less than half of what was asked for, those with a
        control that was off too, which widens the interval. What a timer is not to be believed
        about counts only where there is nothing else."""
        if 2 * len(self.kept) >= least:
            return self.kept
        believed = [row for row, why in self.off if not why.why.startswith("timer: ")]
        return [*self.kept, *believed] or [row for row, _ in self.off]

    def raw(self, least: int) -> dict:
        """All that `timing` needs, as plain data."""
        off = [{"row": {k: row[k] for k in RAW}, "why": why.model_dump()} for row, why in self.off]
        return {"least": least, "kept": [{k: row[k] for k in RAW} for row in self.kept], "off": off}

    @classmethod
    def of_raw(cls, raw: dict) -> CaseSamples:
        """The processes as they were when their samples were kept."""
        return cls(raw["kept"], [(one["row"], Discarded(**one["why"])) for one in raw["off"]])

    def timing(self, least: int) -> Timing:
        """What the rounds of all processes add up to."""
        rows = self.counted(least)
        found = summary(rows) | costs(rows)
        found["note"] = remark(found | {"off": sum(row not in self.kept for row in rows)})
        every = [*self.kept, *(row for row, _ in self.off)]
        traced = next(row["peak_bytes"] for row in every if row["peak_bytes"])
        return Timing(**found, peak_bytes=traced, discarded=[why for _, why in self.off])


class Clocks(NamedTuple):
    """Ratios of a candidate and of the control, by wall clock and by processor time."""

    wall: Interval
    cpu: Interval
    control: Interval
    control_cpu: Interval

    @property
    def widened(self) -> Interval:
        return intervals.widened(self.wall, self.cpu, (self.control, self.control_cpu))


def clocks(processes: list[Rounds]) -> Clocks:
    """What the rounds of all processes say."""
    return Clocks(*(
        intervals.between(medians(processes, who, clock))
        for who in ("candidate", "control")
        for clock in (0, 1)
    ))  # fmt: skip


def summary(rows: list[dict]) -> dict:
    """Ratio, intervals, controls and the word."""
    processes = [row["rounds"] for row in rows]
    found = clocks(processes)
    ratio, wall = found.widened, medians(processes, "candidate", 0)
    inner = [intervals.within(ratios(rounds, "candidate", 0)).width for rounds in processes]
    truth, seen = known_slowdown(rows)
    names = ("ratio", "low", "high", "cpu_ratio", "cpu_low", "cpu_high")
    names += ("control", "control_low", "control_high")
    return dict(zip(names, (*ratio, *found.cpu, *found.control), strict=True)) | {
        "ratios": wall,
        "numbers": [row.get("number", 0) for row in rows],
        "within_width": median(inner),
        "between_width": found.wall.width,
        "control_off": max(found.control.off, found.control_cpu.off),
        "order": {who: order_effect(rows, who) for who in ("candidate", "control")},
        "injected": seen,
        "injected_truth": truth,
        "least_effect": math.expm1(intervals.LEAST_EFFECT),
        "smallest_seen": intervals.smallest_seen(ratio),
        "modes": list(intervals.modes(wall) or ()),
        "word": intervals.beyond(ratio),
        "pairs": sum(map(len, processes)),
        "processes": len(rows),
    }


def order_effect(rows: list[dict], who: str) -> float | None:
    """How much longer it takes, as a share, in rounds in which it comes after the baseline than in
    those in which it comes before; None where no such difference is certain, or worth naming."""
    found = []
    for row in rows:
        late = row.get("later", {}).get(who, [])
        shown = ratios(row["rounds"], who, 0)
        parts = [[r for r, one in zip(shown, late, strict=False) if one == k] for k in (1, 0)]
        if all(len(part) > 1 for part in parts):
            found.append(median(parts[0]) / max(median(parts[1]), 1e-12))
    ratio = intervals.between(found) if len(found) > 1 else None
    certain = ratio and intervals.beyond(ratio, 0.0) != "INCONCLUSIVE" and ratio.off > ORDERED
    return ratio.value - 1 if certain else None


def known_slowdown(rows: list[dict]) -> tuple[float | None, float | None]:
    """The injected slowdown as it was and as it was seen, where blocks were short enough.

    Blocks differ in length from process to process, so each is held to its own truth.
    """
    able = [row for row in rows if row["extra"]]
    if not able:
        return None, None
    truth = injected_truth(able[0])
    shown = [
        medians([row["rounds"]], "injected", 0)[0] / injected_truth(row) * truth for row in able
    ]
    return truth, intervals.between(shown).value


def costs(rows: list[dict]) -> dict:
    """Absolute times, for scale only; memory; the machine's limit."""
    processes = [row["rounds"] for row in rows]
    base, ours = (middle(processes, who) for who in ("baseline", "candidate"))
    stream = rows[0]["stream_bytes"] / middle(processes, "stream")
    least = rows[0]["least_bytes"]
    first, base_first = (
        median(row["first_call_s"][who] for row in rows) for who in ("candidate", "baseline")
    )
    return {
        "steps": rows[0]["steps"],
        "extra": rows[0]["extra"],
        "baseline_s": base,
        "candidate_s": ours,
        "times": {who: step_time(processes, who) for who in ("baseline", "candidate")},
        "charged_s": charged(rows),
        "first_call_s": first,
        "pays_back_after": (first - base_first) / (base - ours) if base > ours else None,
        "stream_gb_s": stream / 1e9,
        "share_of_limit": least / stream / ours if least else None,
    }


def step_time(processes: list[Rounds], who: str) -> StepTime:
    """Mean and standard deviation of its rounds, by wall clock."""
    seconds = [r[who][0] for rounds in processes for r in rounds]
    return StepTime(mean=fmean(seconds), deviation=pstdev(seconds))


def charged(rows: list[dict]) -> float:
    """Of the candidate's seconds a step, those of adopting and reading; samples of older clocks
    hold none."""
    return median(row.get("charged", {}).get("candidate", (0.0, 0.0))[1] for row in rows)
