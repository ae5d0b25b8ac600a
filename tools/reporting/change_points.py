"""Change points: when a number of this kind of machine became another one, over all that was
measured of it.

Steps are found by asv's own detector, as on the regressions page of its site: the piecewise
constant fit that is worth its number of steps. Against identical code it gives fewer false alarms
than apache-otava, and needs larger changes or longer histories than that.
"""

import json
import math
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from groundspeed.tools.records.measurement import SECTION, Measurement
from groundspeed.tools.records.protocols import CLOCK
from groundspeed.tools.records.quantities import times
from groundspeed.validation.records import digests, results
from groundspeed.validation.records.errors import BrokenRecord
from groundspeed.validation.records.git import git

LEAST = 0.05  # of a change worth naming, as `regressions_thresholds` in asv.conf.json
FEWEST = 6  # measurements in which one can be told from noise


@dataclass(frozen=True)
class ChangePoint:
    """A speedup that became another one.

    Attributes:
        made: the first measurement of the new one.
        before, after: medians of the speedups on both sides.
    """

    made: str
    before: float
    after: float

    def __str__(self) -> str:
        word = "faster" if self.after > self.before else "slower"
        return f"{word} since {self.made[:10]}: {times(self.before)}x became {times(self.after)}x"


def change_points(ratios: list[tuple[str, float]]) -> list[ChangePoint]:
    """Where a series of (made, ratio), oldest first, changes for longer than one measurement."""
    from asv.step_detect import detect_steps  # late: asv

    if len(ratios) < FEWEST:
        return []
    steps = detect_steps([math.log(ratio) for _, ratio in ratios])
    pairs = zip(steps, steps[1:], strict=False)
    found = [(two[0], one[2], two[2]) for one, two in pairs]
    return [
        ChangePoint(ratios[first][0], math.exp(-before), math.exp(-after))
        for first, before, after in found
        if abs(after - before) > math.log1p(LEAST)
    ]


def of_case(every: Iterable[Measurement], case: str, baseline: str) -> list[ChangePoint]:
    """Those of one case, over measurements against one seal of the baseline, by rules of the clock
    that still stand."""
    alike = [m for m in every if m.baseline == baseline and case in m.cases]
    alike = [m for m in alike if not CLOCK.overturned(m.protocol, m.tags)]
    return change_points([(m.made, m.cases[case].ratio) for m in alike])


def history(name: str, on: str) -> list[Measurement]:
    """Every measurement of an optimization that a kind of machine has left, oldest first: in git,
    in `.groundspeed/earlier`, and on file."""
    texts = [*committed(name, on), *kept(name), *on_file(name, on)]
    found = {}
    for text in texts:
        with suppress(BrokenRecord, ValueError, KeyError):
            content = results.parsed(text, name, name, on)
            one = results.as_model(Measurement, content[SECTION], name)
            found[one.made] = one
    return [found[made] for made in sorted(found)]


def committed(name: str, on: str) -> Iterator[str]:
    """The file as each commit has it that changed it."""
    place = results.path(name, on, digests.ROOT).relative_to(digests.ROOT)
    commits = git(digests.ROOT, "log", "--format=%H", "--", place).text.split()
    yield from (git(digests.ROOT, "show", f"{commit}:./{place}").text for commit in commits)


def kept(name: str) -> Iterator[str]:
    """What `bench --recheck` has kept of this machine."""
    for path in (digests.ROOT / ".groundspeed" / "earlier").glob(f"{name}_*.json"):
        text = path.read_text(encoding="utf-8")
        with suppress(ValueError, AttributeError):
            if json.loads(text).get("name") == name:
                yield text


def on_file(name: str, on: str) -> Iterator[str]:
    """What is there now."""
    with suppress(FileNotFoundError):
        yield results.path(name, on, digests.ROOT).read_text(encoding="utf-8")
