"""Command ``compare``: is B slower than A, for two commits or two records?

Commits: each one's own implementations are judged, then timed turn about in one process; a
slowdown is confirmed by fresh processes before it alarms. Records are compared where their
conditions allow it, each by its ratio to the frozen baseline.
"""

import json
import math
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryDirectory

from groundspeed import project
from groundspeed.tools import console
from groundspeed.tools.asv_support.checkout import measurable, under_test
from groundspeed.tools.process import Died, Worker
from groundspeed.tools.records import evidence, measurement
from groundspeed.tools.records.measurement import Measurement
from groundspeed.tools.timing import intervals
from groundspeed.tools.timing.intervals import Interval
from groundspeed.validation import discovery
from groundspeed.validation.discovery import SEE
from groundspeed.validation.judge import verdicts
from groundspeed.validation.records import digests, results
from groundspeed.validation.records.codes import Code, with_code
from groundspeed.validation.records.errors import BrokenRecord, NotMeasured, Refused, UnknownName
from groundspeed.validation.records.git import git, history_is_cut

EXITS = {"WRONG": 2, "SLOWER": 1, "INCONCLUSIVE": 3}  # everything else is 0; the worst first
BUDGET_S = 3.0  # of rounds for each case in each process
CLEAR = math.log(1.10)  # a slowdown that two processes agree on needs no more of them
CONFIRM = 5  # processes for a smaller one: different code moves by percents between them
SEEN = math.log(1.05)  # "same" means that a slowdown as large would have been seen
CONTROL_OFF = math.log(1.05)


@dataclass
class ComparedCase:
    """One optimization on one case: B over A."""

    name: str
    case: str
    word: str
    ratio: Interval | None = None
    control: float | None = None
    note: str = ""
    code: str = ""  # of the refusal, where B was refused

    def cells(self) -> tuple[str, str, str, str]:
        r = self.ratio
        if r is None:
            return self.name, self.word, self.case, with_code(self.note, self.code)
        control = "" if self.control is None else f"  control {self.control:.3f}"
        text = f"B takes {r.value:.3f} of A  [{r.low:.3f}, {r.high:.3f}]{control}  {self.note}"
        return self.name, self.word, self.case, text.rstrip()


def run(a: str, b: str, names: list[str], as_json: bool = False, markdown: bool = False) -> int:
    """The verb ``compare``: 0 same or faster, 1 slower, 2 wrong or failed, 3 inconclusive."""
    sides = record(a), record(b)
    if all(sides):
        found = of_records(*sides)
    elif any(sides):
        which = a if sides[0] else b
        raise Refused(f"{which} is a record and the other a commit; allowed: two of a kind")
    else:
        with console.progress(f"comparing {a} and {b}") as tell:
            found = list(of_commits(a, b, names, tell))
    if markdown and not as_json:
        print(summary(a, b, found))
    else:
        rows = (row.cells() for row in found)
        console.answer(as_json, found, rows, widths=(34, 13, 20))
    return next((code for word, code in EXITS.items() if any(r.word == word for r in found)), 0)


def record(asked: str) -> Measurement | None:
    """A file of results, NAME (what is on file now, of this kind of machine where it has some) or
    NAME@COMMIT (as it was there).

    Raises:
        Refused: there is none, or that commit has none.
    """
    if asked.endswith(".json"):
        return in_text(Path(asked).read_text(encoding="utf-8"), asked)
    name, at, commit = asked.partition("@")
    if name not in discovery.names():
        return None
    own = evidence.here(name)
    machines = sorted({own, *results.machines()}, key=lambda m: (m != own, m))
    places = [results.path(name, on).relative_to(digests.ROOT) for on in machines]
    for place in places:
        if at and (text := git(digests.ROOT, "show", f"{commit}:./{place.as_posix()}").text):
            return in_text(text, f"{commit}:{place}")
        if not at and (digests.ROOT / place).exists():
            return in_text((digests.ROOT / place).read_text(encoding="utf-8"), str(place))
    where = f"git has no {commit}:{places[0]}; see: git log -- " if at else "there is no "
    raise Refused(f"{where}{places[0]}, and no other machine has one")


def in_text(text: str, where: str) -> Measurement:
    """The measurement in a file of results.

    Raises:
        BrokenRecord: it cannot be trusted.
        Refused: it holds none.
    """
    try:
        content = json.loads(text)
        name, on = content["name"], content["machine"]
    except (ValueError, KeyError, TypeError):
        raise BrokenRecord(f"{where} is no file of results; see reports/results/") from None
    found = results.parsed(text, where, name, on)
    if measurement.SECTION not in found:
        raise Refused(f"{where} holds no timing; run: groundspeed bench {name}")
    return results.as_model(Measurement, found[measurement.SECTION], where)


def of_records(a: Measurement, b: Measurement) -> list[ComparedCase]:
    """B's relative times over A's.

    Raises:
        Refused: other conditions, another baseline, or no case in common.
    """
    mine, yours = ({"machine": m.conditions.machine} | m.conditions.settings for m in (a, b))
    apart = [f"{k} {mine[k]} and {yours[k]}" for k in mine if mine[k] != yours[k]]
    if apart:
        raise Refused(
            f"measured under other conditions ({', '.join(apart)}): such times are never compared; "
            "measure both on one machine: groundspeed compare COMMIT COMMIT"
        )
    if a.baseline != b.baseline:
        raise Refused(f"cannot compare results of different baselines: {a.engine}, {b.engine}")
    cases = [case for case in a.cases if case in b.cases]
    if not cases:
        raise Refused(f"no case in common; A has {list(a.cases)}, B has {list(b.cases)}")
    return [of_timings(b.optimization, case, a, b) for case in cases]


def of_timings(name: str, case: str, a: Measurement, b: Measurement) -> ComparedCase:
    """The ratio of two ratios; half widths of independent intervals add as squares."""
    one, two = a.cases[case], b.cases[case]
    middle = math.log(two.ratio / one.ratio)
    half = math.hypot(*(Interval(t.ratio, t.low, t.high).half for t in (one, two)))
    ratio = Interval(*(math.exp(min(x, 700)) for x in (middle, middle - half, middle + half)))
    noise = max(t.least_effect for t in (one, two))
    note = "" if a.conditions.instance == b.conditions.instance else "two machines of one kind"
    return ComparedCase(name, case, word(ratio, math.log1p(noise)), ratio, note=note)


def word(ratio: Interval, margin: float) -> str:
    outcome = intervals.beyond(ratio, margin)
    same = outcome == "INCONCLUSIVE" and ratio.high < math.exp(max(SEEN, margin))
    return "SAME" if same else outcome


def of_commits(a: str, b: str, names: list[str], tell: console.Tell) -> Iterator[ComparedCase]:
    """Every optimization whose bytes differ, judged and timed."""
    with ExitStack() as stack:
        trees = {who: stack.enter_context(tree(asked)) for who, asked in (("A", a), ("B", b))}
        there = {who: discovery.names(root) for who, root in trees.items()}
        known = sorted({*there["A"], *there["B"]})
        unknown = [name for name in names if name not in known]
        if unknown:
            raise UnknownName.of(f"optimization in {a} or {b}", unknown[0], known, SEE)
        for name in names or known:
            tell(name)
            if name not in there["A"]:
                yield ComparedCase(name, "", "NEW", note=f"not in {a}")
            elif name not in there["B"]:
                yield ComparedCase(name, "", "GONE", note=f"not in {b}")
            elif code(trees["A"], name) == code(trees["B"], name):
                yield ComparedCase(name, "", "SAME", note="the same bytes")
            else:
                yield from of_optimization(name, trees, tell)


@contextmanager
def tree(asked: str) -> Iterator[Path]:
    """A commit's code under today's judge and clock; "." is the working tree.

    Raises:
        LookupError: git knows no such commit.
    """
    top, parts = project.repository() or digests.ROOT, under_test()
    with TemporaryDirectory(prefix="groundspeed-") as place, NamedTemporaryFile() as packed:
        if asked != ".":
            git(top, "archive", "--format=tar", f"--output={packed.name}", asked, *parts)
            if not Path(packed.name).stat().st_size:
                cut = "; this clone is shallow: git fetch --unshallow" * history_is_cut(top)
                raise LookupError(f"git knows no commit {asked!r} with {' and '.join(parts)}{cut}")
            shutil.unpack_archive(packed.name, place, "tar", filter="data")
        with measurable(top if asked == "." else Path(place)) as whole:
            yield whole


def code(root: Path, name: str) -> str:
    """Digest of an optimization's sources and of the baselines and siblings that it imports."""
    found = digests.sources(root / "optimizations" / name, root, skip=("benchmark.py",))
    contract = [root / "baselines" / "engine.py", root / "baselines" / "__init__.py"]
    own = digests.of_files([*found, *filter(Path.exists, contract)], root)
    return digests.of_plain([own, {path: verdicts.digest_now(path, root) for path in ran(name)}])


def ran(name: str) -> list[str]:
    """Files that its process loaded when it was judged; where it never was, all of the code."""
    _, found, _ = evidence.judged(name)
    if found is not None and found.files:
        return [path for path in found.files if not path.endswith("benchmark.py")]
    folders = [Path(folder) for folder in project.import_folders()[1:]]
    return sorted(project.place_of(path) for folder in folders for path in folder.rglob("*.py"))


def of_optimization(
    name: str, trees: dict[str, Path], tell: console.Tell
) -> Iterator[ComparedCase]:
    """Judge both; time what both do right."""
    from groundspeed.tools.suite import ask  # late: imports asv

    judged = {}
    for who, root in trees.items():
        tell(f"{name}: judging {who}")
        try:
            judged[who] = ask(root, "judge", name)
        except NotMeasured as why:
            failed = {"status": "FAILED", "holds": False, "reason": str(why), "cases": []}
            judged[who] = failed | {"code": why.code}
    a, b = judged["A"], judged["B"]
    if b["status"] != "VERIFIED":
        expected = f"{b['status']}, as expected"
        outcome = expected if b["holds"] else "WRONG"
        yield ComparedCase(name, "", outcome, note=f"B: {b['reason']}", code=b["code"])
    elif a["status"] != "VERIFIED":
        yield ComparedCase(name, "", "MENDED", note=f"A is {a['status']}: {a['reason']}")
    else:
        for case in [case for case in b["cases"] if case in a["cases"]]:
            tell(f"{name}: {case}")
            yield fought(name, case, trees)


def fought(name: str, case: str, trees: dict[str, Path]) -> ComparedCase:
    """Processes until the word is settled: one, two that agree, or as many as confirm."""
    found: list[ComparedCase] = []
    for seed in range(CONFIRM):
        try:
            found.append(one_duel(name, case, trees, seed))
        except Died as why:
            words, code = f"the timing process {why}", Code.TIMED_FAILURE
            return ComparedCase(name, case, "WRONG", note=words, code=code)
        if settled(found):
            break
    last, count = found[-1], len(found)
    if count == 1:
        return last
    ratio = intervals.between([row.ratio.value for row in found])
    outcome = last.word if settled(found) else word(ratio, intervals.LEAST_EFFECT)
    return ComparedCase(name, case, outcome, ratio, last.control, f"{count} processes")


def settled(found: list[ComparedCase]) -> bool:
    """Whether no further process is needed: no alarm at first, or a plain one confirmed."""
    if len(found) == 1:
        return found[0].word in ("SAME", "FASTER")
    alarms = all(row.word == "SLOWER" for row in found)
    return alarms and min(math.log(row.ratio.value) for row in found) > CLEAR


def one_duel(name: str, case: str, trees: dict[str, Path], seed: int) -> ComparedCase:
    """What one process says: the ratio of processor times, and A against itself."""
    asked = {"seed": seed, "trees": {k: str(v) for k, v in trees.items()}, "name": name}
    with Worker("groundspeed.tools.experiments.compare_commits_worker") as worker:
        rounds = worker.ask(asked | {"case": case, "budget_s": BUDGET_S})
    wall, cpu = (compared(rounds, "B", clock) for clock in (0, 1))
    off = min(abs(math.log(compared(rounds, "A again", clock).value)) for clock in (0, 1))
    outcome = intervals.fine_verdict(wall, cpu)
    if outcome == "INCONCLUSIVE":
        outcome = word(cpu, SEEN)
    if off > CONTROL_OFF:
        outcome = "INCONCLUSIVE"
    return ComparedCase(name, case, outcome, cpu, math.exp(off))


def compared(rounds: list[dict], who: str, clock: int) -> Interval:
    return intervals.fine(*([max(r[k][clock], 1e-12) for r in rounds] for k in (who, "A")))


def summary(a: str, b: str, found: list[ComparedCase]) -> str:
    """For a pull request: the verdict first, what did not change folded away."""
    changed = [row for row in found if row.note != "the same bytes"]
    worst = next((w for w in EXITS if any(row.word == w for row in found)), "no slowdown")
    head = ["| optimization | word | case | time of B over A |", "|---|---|---|---|"]
    table = head + [f"| {' | '.join(row.cells())} |" for row in changed]
    same = ", ".join(row.name for row in found if row not in changed)
    folded = f"\n<details><summary>Unchanged</summary>\n\n{same}\n</details>" if same else ""
    return "\n".join([f"**{worst}**: {b} against {a}", "", *(table if changed else []), folded])
