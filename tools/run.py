"""The main job: check, validate, bench, count, publish, report; only what is not fresh."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import baselines
from tools import (
    bench,
    console,
    costs,
    freeze,
    freshness,
    limits,
    listing,
    publish,
    report,
    targets,
    validate,
)
from tools.conditions import changes
from validation import digests, leaves
from validation.coverage import Coverage
from validation.verdicts import Status


def run(full: bool = False, dirty: bool = False) -> int:
    """The verb ``run``; exit 1 if anything is not as claimed."""
    before = state()
    say("check", "are the frozen baselines still what was sealed?")
    code = freeze.check([], full, as_json=False, again=False)
    if code:
        return code
    say("validate", "does each optimization still compute the same thing?")
    names = [name for name in leaves.names() if full or leaves.quick(name)]
    parts = portions(names, targets.asked_of_large() if full else set())
    for chosen, large in parts:
        code |= validate.run(chosen, Coverage.of(large), again=False)
    say("bench", "how much faster is it, really?")
    changed = [] if dirty else changes()
    if changed:
        print(f"the tree differs from the commit ({changed[0]}, …): numbers will be marked dirty")
    dirty = dirty or bool(changed)
    for chosen, large in parts:
        code |= bench.run(chosen, large, dirty, again=False, passing_over=True, publish=False)
    say("costs", "what does a step do, counted, and is it within its budget?")
    code |= costs.run(names, accept=False, check=False, as_json=False, again=False)
    if limits.on_file() is None:
        measure_machine()
    site = digests.ROOT / "reports" / "asv" / "html" / "index.html"
    if state() != before or not site.exists():
        say("publish", "the history, as a site that works without the internet; then the reports")
        with ThreadPoolExecutor(1) as beside:  # asv works in processes of its own
            published = beside.submit(publish_results)
            report.run()
            published.result()
    show_results(site)
    left = [name for name in leaves.names() if name not in names]
    if left:
        print(f"{len(left)} more proposals are judged and timed by: groundspeed run --full")
    return code


def portions(names: list[str], large: set[str]) -> list[tuple[list[str], bool]]:
    """Who is judged and timed on large cases too, and who on those of every day; none is empty."""
    chosen = {wide: [name for name in names if (name in large) == wide] for wide in (False, True)}
    return [(part, wide) for wide, part in chosen.items() if part]


def measure_machine() -> None:
    """Its bandwidth and arithmetic, once: what distances from the floor are told by."""
    from tools import ceilings  # late: numba

    ceilings.fresh()


def say(verb: str, question: str) -> None:
    print(f"\n{verb}: {question}", flush=True)


def state() -> dict[str, str]:
    """What the pages are made from: seals of every record on file."""
    folders = ("checks", "verdicts", "measurements", "costs", "scenarios")
    root = digests.ROOT / "reports"
    files = [p for folder in folders for p in sorted((root / folder).glob("*.json"))]
    return {str(p.relative_to(root)): leaves.digests.of_file(p) for p in files}


def publish_results() -> None:
    """File the measurements of this commit with asv, and build its site."""
    clean = [n for n in leaves.names() if (m := freshness.measured(n)) and not m.conditions.dirty]
    with console.progress("publishing"):
        if clean and not changes():
            publish.record(clean)
        if publish.RESULTS.exists():
            publish.publish()


def show_results(site) -> None:
    """The table that ends the job, and where to look further."""
    print()
    listing.run()
    root = digests.ROOT
    settled = [freshness.judged(name)[0] for name in leaves.names()]
    counts = ", ".join(f"{settled.count(s)} {s}" for s in Status if s in settled)
    print(f"\n{len(baselines.names())} engines frozen, {len(settled)} optimizations: {counts}")
    print(f"report  {(root / 'reports' / 'index.md').relative_to(root)}")
    print(f"site    {site.relative_to(root) if site.is_relative_to(root) else site}")
