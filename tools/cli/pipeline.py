"""Command ``run``: checks, validates, benchmarks, counts and publishes what has no current
evidence.

Evidence of any machine is enough: a new machine is no reason to measure again. One that has none
of its own takes a sample, the fastest of a few engines; ``here`` takes everything.
Committed pages are left alone; those of this machine are rendered beside them.
"""

from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec

from groundspeed import baselines
from groundspeed.tools import console
from groundspeed.tools.asv_support import site
from groundspeed.tools.cli import bench, check, listing, validate
from groundspeed.tools.costs import count
from groundspeed.tools.fleet import LOCAL
from groundspeed.tools.records import evidence
from groundspeed.tools.records.conditions import code_now
from groundspeed.tools.records.evidence import View, judged_anywhere, timed_anywhere
from groundspeed.tools.reporting import pages, targets
from groundspeed.tools.roofline import model
from groundspeed.validation import discovery, machine
from groundspeed.validation.judge.verdicts import Status
from groundspeed.validation.records import digests, results
from groundspeed.validation.records.atomic import write_atomic
from groundspeed.validation.tiers import Coverage

SITE = digests.ROOT / "reports" / "asv" / "html" / "index.html"
SAMPLE = 2  # optimizations that a new machine judges and times
STAMP = pages.LOCAL / "made_from"


def run(full: bool = False, dirty: bool = False, here: bool = False, on: str = LOCAL) -> int:
    """The verb ``run``; exit 1 if anything is not as claimed.

    ``on`` a fleet its jobs judge and time; the rest, which takes little, is done here.
    """
    far = on != LOCAL
    if far:
        from groundspeed.tools.fleet import dispatch  # late: submitit is an extra

        dispatch.ready(on)
    say("check", "are the frozen baselines still what was sealed?")
    code = check.run([], full, again=False)
    if code:
        return code
    wanted = set(discovery.names()) if here else set() if far else sample()
    names = [n for n in discovery.names() if full or n in wanted or discovery.quick(n)]
    parts = portions(names, targets.asked_of_large() if full else set())
    say("validate", "does each optimization still compute the same thing?")
    for chosen, large in parts:
        due = [n for n in chosen if n in wanted or not judged_anywhere(n, Coverage.of(large))]
        code |= judge(due, Coverage.of(large), on) if due else 0
    say("bench", "how much faster is it, really?")
    tree = code_now()
    changed = () if dirty else tree.changed
    if tree.unknown:
        print(f"{tree.unknown}: no commit is recorded with the numbers")
    if changed:
        print(f"the tree differs from the commit ({changed[0]}, …): numbers will be marked dirty")
    dirty = dirty or bool(changed)
    for chosen, large in parts:
        due = [n for n in chosen if n in wanted or not timed_anywhere(n, large)]
        due = [n for n in due if can_be_timed(n, large, far)]
        code |= time(due, large, dirty, on) if due else 0
    say("costs", "what does a step do, counted, and is it within its budget?")
    code |= count.run(names, accept=False, check=False, as_json=False, again=False)
    if here and model.on_file() is None and find_spec("numba"):
        from groundspeed.tools.roofline import peaks  # late: numba

        peaks.fresh()
    if not SITE.exists() or not STAMP.exists() or STAMP.read_text() != state():
        say("publish", "the pages and the history as this machine sees them")
        with ThreadPoolExecutor(1) as beside:  # asv works in processes of its own
            published = beside.submit(publish_results)
            pages.local()
            published.result()
        write_atomic(STAMP, state())
    show_results()
    return code


def judge(names: list[str], coverage: Coverage, on: str) -> int:
    """What has no verdict, here or by jobs."""
    if on == LOCAL:
        return validate.run(names, coverage, again=False)
    from groundspeed.tools.cli import fleet_judging  # late: submitit is an extra

    return fleet_judging.run(names, coverage, on)


def time(names: list[str], full: bool, dirty: bool, on: str) -> int:
    """What has no number, here or by jobs."""
    if on == LOCAL:
        return bench.run(names, full, dirty, again=False)
    from groundspeed.tools.cli import fleet_timing  # late: submitit is an extra

    return fleet_timing.run(names, full, on)


def can_be_timed(name: str, full: bool, far: bool = False) -> bool:
    """Whether it is verified here, or for a fleet anywhere, on cases that the clock takes."""
    found = [evidence.judged(name, on=on) for on in (evidence.kinds() if far else ("",))]
    verified = [verdict for status, verdict, _ in found if status is Status.VERIFIED]
    return any(evidence.timed_cases(verdict, full) for verdict in verified)


def sample() -> set[str]:
    """For a machine without evidence: the fastest that it can run, of a few engines' newest
    versions, so that its owner sees numbers of their own in minutes."""
    if results.names(machine.kind()):
        return set()
    newest = {name.rpartition("_v")[0]: name for name in baselines.names()}
    best = dict.fromkeys(newest.values(), (0.0, ""))
    for name in discovery.names():
        found = View().of(name)
        if found.timing and found.verdict.engine in best and can_run_here(found):
            cases = set(evidence.timed_cases(found.verdict, full=False)) & set(found.timing.cases)
            speed = max((found.timing.cases[case].headline for case in cases), default=0.0)
            best[found.verdict.engine] = max(best[found.verdict.engine], (speed, name))
    return {name for _, name in sorted(best.values())[-SAMPLE:] if name}


def can_run_here(found: evidence.Evidence) -> bool:
    """Whether this machine has what it needs; other physics is no speedup, and not shown off."""
    missing = machine.missing(tuple(found.verdict.needs))
    return not missing and found.verdict.level != "approximate"


def portions(names: list[str], large: set[str]) -> list[tuple[list[str], bool]]:
    """Who is judged and timed on large cases too, and who on those of every day; none is empty."""
    chosen = {wide: [name for name in names if (name in large) == wide] for wide in (False, True)}
    return [(part, wide) for wide, part in chosen.items() if part]


def say(verb: str, question: str) -> None:
    print(f"\n{verb}: {question}", flush=True)


def state() -> str:
    """Names what the pages are made from: all evidence, and the code that it is about."""
    root = digests.ROOT
    files = [*(root / results.FOLDER).rglob("*.json"), *(root / "optimizations").rglob("*.*")]
    return digests.of_files([p for p in files if p.is_file() and "__pycache__" not in p.parts])


def publish_results() -> None:
    """The asv site, with what was measured at this commit; committed results stay as they are."""
    with console.progress("publishing"), site.local_results() as config:
        site.record_measured(config)
        if site.has_results(config):
            site.publish(config=config)
            if lost := site.lost_history(config=config):
                print(lost)


def show_results() -> None:
    """The table that ends the job, and where to look further."""
    print()
    listing.run()
    for what, path in (("report", pages.LOCAL / "reports" / "index.md"), ("site  ", SITE)):
        print(f"{what}  {path.relative_to(digests.ROOT)}")
