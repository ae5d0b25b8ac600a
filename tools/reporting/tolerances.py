"""Table of tolerances: size, source, and the share that is used."""

from groundspeed.tools.records.evidence import View
from groundspeed.tools.rendering.templates import PAGES
from groundspeed.validation import discovery
from groundspeed.validation.golden import manifest
from groundspeed.validation.judge.verdicts import Summary


def page(view: View) -> str:
    """The text of reports/tolerances.md, from the verdicts on file."""
    judged = [best for name in discovery.names() if (best := view.of(name)).verdict]
    page = PAGES.get_template("tolerances.md")
    return page.render(judged=judged, manifest=manifest.manifest, allowance=allowance)


def allowance(verdict: Summary) -> str:
    """Where it comes from."""
    if verdict.level == "exact":
        return "none: every bit"
    origins = {origin for case in verdict.cases.values() for origin in case.origins}
    budgets = any(case.budget for case in verdict.cases.values())
    origins = {origin.replace("sealed own error", "baseline's own error") for origin in origins}
    words = [*sorted(origins), *(["declared budget"] if budgets else [])]
    return "; ".join(words) or "none was needed: every bit"
