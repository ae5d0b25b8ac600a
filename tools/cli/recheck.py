"""Command ``bench --recheck``: judges and times earlier claims with today's versions.

The old evidence is kept in .groundspeed/earlier/ before new one takes its place.
"""

from collections.abc import Iterator

from groundspeed.tools import console
from groundspeed.tools.cli import bench, validate
from groundspeed.tools.records import evidence
from groundspeed.tools.records.answers import Claim, Recheck
from groundspeed.tools.records.conditions import Conditions
from groundspeed.tools.records.measurement import SECTION, Measurement, Timing
from groundspeed.tools.rendering.templates import PAGES, write
from groundspeed.tools.reporting.change_points import history, of_case
from groundspeed.validation import discovery
from groundspeed.validation.judge.verdicts import Status, refusal_code
from groundspeed.validation.records import digests, results
from groundspeed.validation.records.atomic import write_atomic
from groundspeed.validation.records.codes import Code, Coded, with_code
from groundspeed.validation.tiers import Coverage


def run(
    names: list[str], full: bool, dirty: bool, as_json: bool, processes: int | None = None
) -> int:
    """``bench --recheck``; exit 1 where anything that was claimed is no longer true."""
    old = {name: found for name in discovery.chosen(names) if (found := on_file(name))}
    if not old:
        raise LookupError("no measurement on file to check again; run: groundspeed bench")
    for found in old.values():
        keep(found)
    verdicts = validate.judge(list(old), Coverage.of(full))
    refused = {
        n: Coded(f"{v.status}: {v.reason}", refusal_code(v.status, v))
        for n, v in verdicts.items()
        if v.status is not Status.VERIFIED
    }
    new: dict[str, Measurement] = {}
    for group in bench.groups({n: m.engine for n, m in old.items() if n not in refused}):
        made, why = bench.measure(group, full, dirty, bench.wanted(full, processes))
        new |= made
        refused |= why
    return answer([c for n in old for c in again(old[n], new.get(n), refused.get(n, ""))], as_json)


def answer(claims: list[Claim], as_json: bool) -> int:
    """Write the round down, and print it; its exit code."""
    place = digests.ROOT / ".groundspeed" / "recheck.json"
    found = Recheck(claims=claims).write(place)
    write(place.with_suffix(".md"), PAGES.get_template("recheck.md").render(found=found))
    rows = (
        (
            c.optimization,
            "HOLDS" if c.holds else "NO LONGER",
            c.case,
            with_code("; ".join([f"was {c.was}, is {c.now}", *c.change_points]), c.code),
        )
        for c in claims
    )
    console.answer(as_json, found, rows, widths=(34, 13, 20))
    return int(not all(claim.holds for claim in claims))


def on_file(name: str) -> Measurement | None:
    """What this kind of machine has measured, whatever it is still worth."""
    return results.section_or_none(Measurement, SECTION, name, evidence.here(name))


def keep(found: Measurement) -> None:
    """A copy of the file that no later one replaces."""
    here = results.path(found.optimization, evidence.here(found.optimization))
    when = found.made[:19].replace(":", "")
    there = digests.ROOT / ".groundspeed" / "earlier" / f"{found.optimization}_{when}.json"
    write_atomic(there, here.read_bytes())


def again(old: Measurement, new: Measurement | None, why: str) -> Iterator[Claim]:
    """Each claim of a record, held to today's."""
    changed = apart(old.conditions, new.conditions) if new else []
    every = history(old.optimization, evidence.here(old.optimization))
    for case, was in old.cases.items():
        now = new.cases.get(case) if new else None
        yield Claim(
            optimization=old.optimization,
            case=case,
            made=old.made[:10],
            was=f"{was.word} {was.wall}",
            now=f"{now.word} {now.wall}" if now else why or "not timed today",
            code="" if now else getattr(why, "code", Code.UNMEASURED),
            holds=bool(now) and holds(was, now, bool(changed)),
            change_points=list(map(str, of_case(every, case, (new or old).baseline))),
            changed=changed,
        )


def apart(old: Conditions, new: Conditions) -> list[str]:
    """What of the conditions could matter and is no longer the same, in words."""
    was, now = (c.model_dump(include={*c.settings, "machine", "python"}) for c in (old, new))
    packages = [old.packages, new.packages]
    changes = [f"{k} {was[k]} → {now[k]}" for k in was if was[k] != now[k]]
    names = sorted({*packages[0], *packages[1]})
    versions = [(n, *(p.get(n, "none") for p in packages)) for n in names]
    return changes + [f"{n} {a} → {b}" for n, a, b in versions if a != b]


def holds(old: Timing, new: Timing, elsewhere: bool) -> bool:
    """Whether the old word is still true.

    A slowdown or "no difference" promises nothing. A speedup holds while it is one; under
    equal conditions its lower bound, which was the claim, must also not be refuted.
    """
    if old.word != "FASTER":
        return True
    refuted = not elsewhere and new.low > old.high
    return new.word == "FASTER" and not refuted
