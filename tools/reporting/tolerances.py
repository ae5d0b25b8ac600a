"""Table of tolerances: size, source, and the share that is used."""

from groundspeed.tools.records.evidence import View
from groundspeed.tools.rendering.templates import PAGES
from groundspeed.validation import discovery
from groundspeed.validation.golden import manifest
from groundspeed.validation.judge.verdicts import Summary

PLAIN = {  # words of verdicts, for a reader of pages
    "sealed own error": "baseline's own error",
    "one-ulp starts": "runs that start one unit in the last place away",
}


def page(view: View) -> str:
    """The text of reports/tolerances.md, from the verdicts on file."""
    judged = [best for name in discovery.names() if (best := view.of(name)).verdict]
    page = PAGES.get_template("tolerances.md")
    first = view.machines[0] if view.machines else ""
    return page.render(judged=judged, first=first, manifest=manifest.manifest, allowance=allowance)


def allowance(verdict: Summary) -> str:
    """Where it comes from."""
    if verdict.level == "exact":
        return "none: every bit"
    origins = {origin for case in verdict.cases.values() for origin in case.origins}
    budgets = any(case.budget for case in verdict.cases.values())
    for ours, plain in PLAIN.items():
        origins = {origin.replace(ours, plain) for origin in origins}
    words = [*sorted(origins), *(["declared budget"] if budgets else [])]
    return "; ".join(words) or "none was needed: every bit"
