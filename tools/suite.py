"""The asv suite that every `optimizations/*/benchmark.py` inherits.

asv imports this from the working tree whatever commit it is at: the measuring stick
(here, `tools`, `validation`, the list of timed cases) is today's; the code under test
(`baselines`, the optimizations) is the commit's. `tools.asv_support.worker` brings them together.

The benchmarks themselves only read what `measure` found, so that asv times nothing anew.
"""

import json
import os
import subprocess
import sys
from abc import ABC, abstractmethod
from functools import cache
from hashlib import sha256
from pathlib import Path

from asv_runner.benchmarks.mark import SkipNotImplemented

from groundspeed import project
from groundspeed.tools.asv_support.checkout import measurable
from groundspeed.validation.records import digests
from groundspeed.validation.records.atomic import write_atomic
from groundspeed.validation.records.errors import NotMeasured

ROOT = project.ROOT
Found = dict  # {"level": …, "cases": {case: numbers}}, or {"absent": why there are none}


class Suite(ABC):
    """One optimization against its baseline, at each timed size.

    A leaf defines `setup_cache`, because asv would share an inherited one between leaves.
    """

    version = "2"  # of the method: raise it where old numbers must not be compared with new
    param_names = ("case",)

    @abstractmethod
    def setup_cache(self) -> Found:
        """`return self.measure()`"""

    @property
    def optimization(self) -> str:
        return type(self).__module__.split(".")[-2]

    @property
    def params(self) -> list[str]:
        return timed_cases().get(self.optimization) or []

    def measure(self) -> Found:
        """Judge, then time, the code of the commit that asv is at.

        Raises:
            NotMeasured: unless these very bytes are VERIFIED.
        """
        handed, tree = os.environ.get("GROUNDSPEED_MEASUREMENT"), code_under_test()
        if not (tree / "optimizations" / self.optimization / "implementation.py").exists():
            return {"absent": f"the commit has no optimizations/{self.optimization}"}
        if handed:
            return reuse(Path(handed), self.optimization, tree)
        if tree == ROOT:
            return ask(ROOT, "measure", self.optimization)
        with measurable(Path(os.environ["ASV_ENV_DIR"]) / "project") as whole:
            return ask(whole, "measure", self.optimization)

    def track_relative_time(self, found: Found, case: str = "") -> dict:
        return {"samples": [rounded(r) for r in numbers(found, case)["ratios"]], "number": 1}

    def track_speedup(self, found: Found, case: str = "") -> float:
        measured = numbers(found, case)
        if found["level"] == "approximate":
            raise SkipNotImplemented("other physics is no speedup of the baseline")
        return rounded(1 / measured["ratio"])

    def track_step_time(self, found: Found, case: str = "") -> float:
        return rounded(numbers(found, case)["candidate_s"])

    track_relative_time.unit = "of baseline"
    track_speedup.unit = "x"
    track_step_time.unit = "seconds"


def numbers(found: Found, case: str = "") -> dict:
    """What was measured there.

    Raises:
        SkipNotImplemented: nothing was, which asv shows as n/a.
    """
    if "absent" in found:
        raise SkipNotImplemented(found["absent"])
    if case not in found["cases"]:
        raise SkipNotImplemented(f"the commit does not time {case}")
    return found["cases"][case]


def rounded(value: float) -> float:
    return float(f"{value:.4g}")


@cache
def timed_cases() -> dict[str, list[str] | None]:
    """The timed cases of every optimization here: asked once, then kept until a source changes."""
    seen = sha256()
    for path in sorted([*ROOT.glob("baselines/**/*.py"), *ROOT.glob("optimizations/*/*.py")]):
        seen.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    kept = ROOT / ".asv" / "cases.json"
    try:
        known = json.loads(kept.read_text())
    except (OSError, ValueError):
        known = {}
    if known.get("sources") == seen.hexdigest():
        return known["cases"]
    cases = ask(ROOT, "cases")
    if None not in cases.values():  # what does not load today may load with another package
        write_atomic(kept, json.dumps({"sources": seen.hexdigest(), "cases": cases}))
    return cases


def code_under_test() -> Path:
    """asv's checkout of the commit, or the working tree where asv made none."""
    room = os.environ.get("ASV_ENV_DIR")
    return Path(room) / "project" / project.prefix() if room else ROOT


def ask(tree: Path, *words: str) -> dict:
    """What `tools.asv_support.worker` answers there to these words; torch stays out of here.

    Raises:
        NotMeasured: with the last line that it wrote.
    """
    done = subprocess.run(
        [sys.executable, "-m", "groundspeed.tools.asv_support.worker", *words],
        cwd=tree,
        env={k: v for k, v in os.environ.items() if k != "ASV_ENV_DIR"}
        | {project.VARIABLE: str(tree)},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise NotMeasured((done.stderr.strip().splitlines() or ["no reason given"])[-1])
    return json.loads(done.stdout.splitlines()[-1])


def reuse(handed: Path, name: str, tree: Path) -> Found:
    """The numbers that `groundspeed bench` has written.

    Raises:
        BrokenRecord: the file cannot be trusted, or is about something else.
        NotMeasured: it is not about the bytes of this commit.
    """
    from groundspeed.validation import discovery, machine
    from groundspeed.validation.judge.verdicts import digest_now
    from groundspeed.validation.records import results

    here = machine.kind(discovery.device(name, tree))
    place = handed / here / f"{name}.json"
    found = results.parsed(place.read_text(encoding="utf-8"), place, name, here)
    timing, verdict = found["timing"], found["verdict"]
    if timing["conditions"]["dirty"]:
        raise NotMeasured(f"{place} is about a changed tree, not about {name} as committed")
    now = {path: digest_now(path, tree) for path in verdict["files"]}
    rests_on = digests.of_plain([verdict["baseline"], verdict["torch"], now])[:32]
    if timing["code"] != rests_on:
        raise NotMeasured(f"{place} is about other bytes of {name} than this commit has")
    return {"level": timing["level"], "cases": timing["cases"]}
