"""``report --verify``: recomputes every figure from its raw samples."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from groundspeed.tools import console
from groundspeed.tools.reporting import sample_store
from groundspeed.tools.timing.aggregate import CaseSamples
from groundspeed.validation.judge.verdicts import Verdict
from groundspeed.validation.records import results, samples
from groundspeed.validation.records.errors import BrokenRecord

MISSING = "no samples here"


@dataclass(frozen=True)
class VerifiedSection:
    """One section of one file: how many figures came out the same, and what did not."""

    machine: str
    name: str
    section: str
    figures: int
    difference: str  # "" where all came out the same


def run(as_json: bool = False) -> int:
    """Exit 1 where a figure comes out otherwise, or samples are not what they should be."""
    rows = [verified(*place) for place in sample_store.named() if place[2] in AGAIN]
    console.answer(as_json, rows, lines(rows))
    return int(any(row.difference not in ("", MISSING) for row in rows))


def verified(on: str, name: str, key: str, digest: str) -> VerifiedSection:
    """A section held to what its samples say."""
    kept = results.read(name, on)[key]
    try:
        raw = samples.load(digest)
    except FileNotFoundError:
        return VerifiedSection(on, name, key, 0, MISSING)
    except BrokenRecord as broken:
        return VerifiedSection(on, name, key, 0, str(broken))
    again = AGAIN[key](raw)
    kept = {part: kept.get(part) for part in again}  # what is empty is not on file
    difference = "" if kept == again else first_difference(kept, again)
    return VerifiedSection(on, name, key, count(kept), difference)


def verdict_again(raw: dict) -> dict:
    """The summary of a whole verdict."""
    summary = results.plain(Verdict.model_validate(raw).summary())
    return {key: summary.get(key) for key in ("status", "reason", "cases", "mutation")}


def timing_again(raw: dict) -> dict:
    """The figures of every case, from its pairs."""
    again = {c: CaseSamples.of_raw(kept).timing(kept["least"]) for c, kept in raw["cases"].items()}
    return {"cases": {case: results.plain(timing) for case, timing in again.items()}}


def error_rates_again(raw: dict) -> dict:
    from groundspeed.tools.experiments import error_rates  # late: scipy

    summary = results.plain(error_rates.error_rates(error_rates.Experiment.model_validate(raw)))
    return {key: summary[key] for key in ("rows", "overhead", "same_call", "spread", "trials")}


AGAIN: dict[str, Callable[[dict], dict]] = {
    "verdict": verdict_again,
    "timing": timing_again,
    "error_rates": error_rates_again,
}


def first_difference(kept: object, again: object, where: str = "") -> str:
    """Where two values differ first, in words."""
    if isinstance(kept, dict) and isinstance(again, dict):
        for key in {**kept, **again}:
            if kept.get(key) != again.get(key):
                inner = f"{where}.{key}" if where else key
                return first_difference(kept.get(key), again.get(key), inner)
    return f"{where}: on file {kept!r}, from the samples {again!r}"


def count(value: object) -> int:
    """Numbers in it."""
    if isinstance(value, dict):
        return sum(map(count, value.values()))
    if isinstance(value, list):
        return sum(map(count, value))
    return int(isinstance(value, int | float) and not isinstance(value, bool))


def lines(rows: list[VerifiedSection]) -> Iterator[tuple[str, ...]]:
    """What differs, line by line; then how much was looked at."""
    for row in rows:
        if row.difference not in ("", MISSING):
            yield row.name, "DIFFERS", row.machine, f"{row.section}: {row.difference}"
    for on in sorted({row.machine for row in rows}):
        own = [row for row in rows if row.machine == on]
        same = [row.figures for row in own if not row.difference]
        missing = sum(row.difference == MISSING for row in own)
        words = f"{sum(same)} figures in {len(same)} sections computed again and the same"
        if missing:
            words += f"; {missing} sections have no samples on this machine"
        yield on, "VERIFIED" if same else "NO SAMPLES", "", words
