"""Aggregates one candidate's samples over worker processes."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from statistics import fmean, median, pstdev

from groundspeed.tools.records.measurement import Discarded, StepTime, Timing
from groundspeed.tools.timing import intervals
from groundspeed.tools.timing.remarks import remark

CONTROL_OFF = math.log(1.10)  # a process whose controls are further off is discarded,
CONTROL_SHARE = 1 / 20  # or further than this share of the effect beside them, as log ratios
SHARED = ("case", "steps", "extra", "stream_bytes", "least_bytes")  # by all candidates of a row
EACH = ("charged", "warm_up", "first_call_s", "peak_bytes")  # by contender
RAW = (*SHARED, *EACH, "rounds", "beside")  # makes the figures
OWN = ("baseline", "control", "injected", "stream")  # runners that are no candidates
PRECISE = 0.02  # half an interval, as a log ratio; or a tenth of the effect, if that is more

Rounds = list[dict[str, list[float]]]


def part(row: dict, name: str) -> dict:
    """What a process told of a case, as far as one candidate goes, who is "candidate" there."""

    def renamed(found: dict) -> dict:
        mine = {"candidate": found[name]} if name in found else {}
        return {k: found[k] for k in OWN if k in found} | mine

    return {k: row[k] for k in SHARED} | {
        "beside": [other for other in row["trails"] if other != name],
        "rounds": [renamed(found) for found in row["rounds"] if name in found],
        **row["trails"][name],
        **{k: renamed(row[k]) for k in EACH},
    }


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

    def wants_more(self, least: int, most: int, retries: int) -> bool:
        """Whether another process is due: too few, or too wide while the budget lasts."""
        if len(self.kept) < least:
            return len(self.kept) + len(self.off) < least + retries
        return len(self.kept) < most and not self.precise

    @property
    def precise(self) -> bool:
        rounds = [row["rounds"] for row in self.kept]
        found = intervals.between(medians(rounds, "candidate", 0))
        return found.width / 2 <= max(PRECISE, abs(math.log(found.value)) / 10)

    @property
    def tampered(self) -> str:
        """What the parent's clock says against the worker's, where it mostly does."""
        timers = [why.why for _, why in self.off if why.why.startswith("timer: ")]
        if 2 * len(timers) <= len(self.kept) + len(self.off):
            return ""
        return (
            f"{timers[0].removeprefix('timer: ')}: the timer in its process is not to be "
            "believed; see that no code under test touches the clock"
        )

    @property
    def every(self) -> list[dict]:
        """Those that are kept, and those that are not."""
        return [*self.kept, *(row for row, _ in self.off)]

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
        enough = len(self.kept) >= least
        rows = self.kept if enough else self.every
        found = summary(rows) | costs(rows)
        if enough:
            found["note"] = remark(found)
        else:
            found |= {"word": "INCONCLUSIVE", "note": (
                f"noisy: the controls were off in {len(self.off)} of {len(rows)} processes; "
                "wait for a quiet machine and measure again"
            )}  # fmt: skip
        traced = next(row["peak_bytes"] for row in self.every if row["peak_bytes"])
        return Timing(**found, peak_bytes=traced, discarded=[why for _, why in self.off])


def summary(rows: list[dict]) -> dict:
    """Ratio, intervals, controls and the word."""
    processes = [row["rounds"] for row in rows]
    wall = medians(processes, "candidate", 0)
    ratio, cpu, noise, noise_cpu = (
        intervals.between(medians(processes, who, clock))
        for who in ("candidate", "control")
        for clock in (0, 1)
    )
    floor = min(abs(math.log(i.value)) for i in (noise, noise_cpu))
    inner = [intervals.within(ratios(rounds, "candidate", 0)).width for rounds in processes]
    truth, seen = known_slowdown(rows)
    names = ("ratio", "low", "high", "cpu_ratio", "cpu_low", "cpu_high")
    names += ("control", "control_low", "control_high")
    return dict(zip(names, (*ratio, *cpu, *noise), strict=True)) | {
        "ratios": wall,
        "within_width": median(inner),
        "between_width": ratio.width,
        "injected": seen,
        "injected_truth": truth,
        "least_effect": math.expm1(intervals.margin(floor)),
        "smallest_seen": intervals.smallest_seen(ratio, cpu, floor),
        "modes": list(intervals.modes(wall) or ()),
        "word": intervals.verdict(ratio, cpu, floor),
        "pairs": sum(map(len, processes)),
        "processes": len(rows),
    }


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
