"""Machines: what each kind of machine found of each claim, side by side."""

from dataclasses import dataclass

from groundspeed.tools.experiments import sweep
from groundspeed.tools.records.evidence import Evidence, View
from groundspeed.tools.records.measurement import Timing
from groundspeed.tools.records.quantities import times
from groundspeed.tools.rendering.templates import PAGES
from groundspeed.tools.reporting.league import Entry, League, leagues, shown_case
from groundspeed.tools.roofline import model
from groundspeed.validation import discovery
from groundspeed.validation.judge.verdicts import Status
from groundspeed.validation.records import results

SHOWN = 4  # cases named in a cell; a longer list is read nowhere


@dataclass(frozen=True)
class ClaimRow:
    """An optimization, and what each kind of machine found."""

    entry: Entry
    cells: list[str]  # one a kind of machine
    ends: str  # where it is no gain


def page(view: View) -> str:
    """The text of reports/machines.md, "" where no machine has evidence."""
    if not view.machines:
        return ""
    return PAGES.get_template("machines.md").render(
        machines=[machine_row(on, view) for on in view.machines],
        leagues=[(league, rows(league, view)) for league in leagues(view)],
        ceilings={on: c for on in view.machines if (c := model.on_file(on))},
    )


def machine_row(on: str, view: View) -> dict:
    """What one kind of machine has found, counted."""
    own = [e for name in discovery.names() for e in view.every(name) if e.machine == on]
    made = [m.made[:10] for e in own for m in (e.verdict, e.timing) if m]
    return {
        "machine": on,
        "verified": sum(e.status is Status.VERIFIED for e in own),
        "rejected": sum(e.status is Status.REJECTED for e in own),
        "timed": sum(bool(e.timing) for e in own),
        "from": min(made, default=""),
        "to": max(made, default=""),
        "about": results.description(on),
        "torch": next((e.verdict.torch for e in own if e.verdict), ""),
        "marks": sorted({mark for e in own if e.current for mark in e.marks}),
    }


def rows(league: League, view: View) -> list[ClaimRow]:
    """Its optimizations in the order of the league."""
    return [row(entry, league.headline, view) for entry in league.entries]


def row(entry: Entry, headline: str, view: View) -> ClaimRow:
    found = {e.machine: e for e in view.every(entry.name)}
    cells = [cell(found.get(on), headline) for on in view.machines]
    return ClaimRow(entry, cells, where_it_ends(list(found.values())))


def cell(found: Evidence | None, headline: str) -> str:
    """Verdict and speedup of one kind of machine; a number stands beside a current verdict only."""
    if found is None:
        return ""
    if not found.current:
        return found.status.value.lower()
    if not found.timing:
        return found.status.value
    case = shown_case(found, headline)
    elsewhere = f" ({case})" if case != headline else ""
    return f"{found.status.value}, **{times(found.timing.cases[case].speedup)}×**{elsewhere}"


def where_it_ends(found: list[Evidence]) -> str:
    """The cases, and the mapped sizes, on which it is slower or no gain is seen."""
    timed = [evidence for evidence in found if evidence.timing]
    told = []
    for evidence in timed:
        losses = [*lost_cases(evidence), *lost_sizes(evidence)]
        if losses:
            where = f"{evidence.machine}: " if len(timed) > 1 else ""
            more = f" and {len(losses) - SHOWN} more" if len(losses) > SHOWN else ""
            told.append(f"{where}{', '.join(losses[:SHOWN])}{more}")
    return "; ".join(told)


def lost_cases(found: Evidence) -> list[str]:
    """Slower ones first."""
    lost = {name: t for name, t in found.timing.cases.items() if t.word != "FASTER"}
    order = sorted(lost, key=lambda name: (lost[name].word != "SLOWER", name))
    return [f"{name} {loss(lost[name])}" for name in order]


def loss(timing: Timing) -> str:
    """How much slower, or that it cannot be told."""
    if timing.word == "SLOWER":
        return f"{times(timing.speedup)}×"
    return "not clearly faster"


def lost_sizes(found: Evidence) -> list[str]:
    """What the map of that kind of machine shows of it, where it is current."""
    name, engine = found.optimization, found.verdict.engine
    if not sweep.on_file(engine, found.machine):
        return []
    mapped = sweep.today(engine, [name], found.machine)
    slower = sorted((s for s in mapped if s.low and s.low > 1), key=lambda s: -s.ratio)
    return [
        f"{s.size}, {s.dtype}, {s.threads} thread{'s' * (s.threads > 1)} {times(1 / s.ratio)}×"
        for s in slower
    ]
