"""What a number says in words: its story, and what to do where it is inconclusive."""

import pytest

from groundspeed.tools.records.measurement import StepTime, Timing


def timing(**more) -> Timing:
    known = {
        "word": "FASTER", "note": "", "pairs": 15, "processes": 3, "peak_bytes": {},
        "times": {"baseline": StepTime(mean=0.0123, deviation=4e-4),
                  "candidate": StepTime(mean=4e-6, deviation=1e-7)},
    }  # fmt: skip
    return Timing.model_construct(**known | more)


def test_a_number_tells_both_times_its_pairs_and_its_memory():
    assert timing().story == "a step 12.3 ± 0.4 ms -> 4 ± 0.1 µs, 15 pairs in 3 processes"
    one = timing(processes=1, peak_bytes={"baseline": 2048, "candidate": 1024})
    assert one.story.endswith("15 pairs in 1 process; memory of a call 2 KiB -> 1 KiB (−50 %)")


@pytest.mark.parametrize(
    ("word", "note", "why"),
    [
        ("FASTER", "widened", "widened"),
        ("FASTER", "", ""),
        ("INCONCLUSIVE", "try --processes 20", "try --processes 20"),
        ("INCONCLUSIVE", "the interval holds 1",
         "the interval holds 1; to narrow the interval, measure with --processes 20"),
    ],
)  # fmt: skip
def test_what_is_inconclusive_says_what_to_do(word, note, why):
    assert timing(word=word, note=note).why == why
