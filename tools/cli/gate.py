"""Command ``gate``: whether a change may go in, for a CI system. Exit 0 good, 1 slower, 2 wrong,
3 inconclusive; the worst of all checks counts.

Seals are verified always. Only what changed against the base commit is judged, counted and timed
beside it. Whatever breaks costs its own check and no other.
"""

from collections.abc import Iterator
from pathlib import Path

from groundspeed.tools import console
from groundspeed.tools.cli import check, validate
from groundspeed.tools.gate import base_commit, gate_page, junit
from groundspeed.tools.gate.apart import timed
from groundspeed.tools.gate.changes import Changes, changes, leaves_of
from groundspeed.tools.gate.gate_verdicts import current, verdicts
from groundspeed.tools.gate.outcome import GateCheck, GateResult, Outcome
from groundspeed.tools.gate.seals import broken_evidence, sealed, seals
from groundspeed.tools.gate.speed_checks import comparisons, costs
from groundspeed.validation import discovery
from groundspeed.validation.records import digests

WIDTHS = (34, 12, 20)


def run(base: str, summary: Path | None, junit_file: Path | None, as_json: bool = False) -> int:
    """The verb ``gate``."""
    found = changes(base_commit.base_commit(base, digests.ROOT))
    unchanged = [n for n in discovery.names() if n not in found.optimizations]
    done = []
    if found.optimizations and not as_json:
        print(f"gate: changed since {found.base}: {', '.join(found.optimizations)}", flush=True)
    for one in checks(found):
        done.append(one)
        if not as_json:
            console.line(*one.cells(), widths=WIDTHS)
    unjudged = [name for name in unchanged if not current(name)]
    result = GateResult(found, done, sealed(), unchanged, unjudged)
    if junit_file:
        junit.write(junit_file, result.checks)
    page = gate_page.markdown(result)
    written = gate_page.deliver(page, summary)
    if as_json:
        console.as_json(result.plain())
    elif not written and done:
        print(f"\n{page}", end="")
    else:
        print(f"gate: {result.outcome}: {result.headline}")
    return result.exit_code


def checks(found: Changes) -> Iterator[GateCheck]:
    """Every check, as it is made."""
    names, verified, broken = list(found.optimizations), [], set()
    yield from broken_evidence()
    for one in seals(found, names, check.check_one):
        yield one
        broken |= {("baselines", one.about)} if one.outcome is Outcome.WRONG else set()
    for name in [name for name in names if broken & leaves_of(name)]:
        words = "not judged: its baseline is not what was sealed"
        yield GateCheck(name, "verdict", Outcome.SKIPPED, words)
        names.remove(name)
    for one, is_verified in verdicts(names, validate.judge, validate.next_step):
        yield one
        verified += [one.about] if is_verified else []
    for name in [*verified, *found.budgets]:
        yield timed(costs, name)
    yield from comparisons(found, verified)
