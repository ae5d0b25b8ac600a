"""reports/foreign.md from reports/foreign.json, and what of it is as it should be."""

from __future__ import annotations

import re

from public_codes import CODES, Code

COUNTED = re.compile(r"(\d+) comparisons.*?(\d+ of \d+) mutants killed")
CALLED = re.compile(r"([\w.]+:\w+ in place, called \d+ times)")
NONE = "no hot line in"
SKIPPED = "SKIPPED"
HEAD = """# Public codes, made baselines

Written by `make test-foreign` from reports/foreign.json: each program of tests/foreign/programs, as
a user would have it, through `create` (which freezes a baseline), `profile`, `new` (the null
optimization, which changes nothing yet) and `validate`.
A hot line is the hottest that `profile` found among the lines that must be hot by the algorithm.
Not a file of any program's project was changed by a verb; a run that changes one is no success.

| program | package | kind | engine | frozen | state | null optimization | hot line | tried |
|---|---|---|---|---|---|---|---|---|
"""
REAL = """
## Real optimizations

Of each of these a right and a wrong one (tests/foreign/optimizations): the right one must be
VERIFIED, the wrong one REJECTED.

| program | claim | right | wrong |
|---|---|---|---|
"""


def passed(row: dict) -> bool:
    """Whether all came out as it should."""
    wrong = row["hot"].startswith((NONE, "not available"))
    real = row.get("right", "").startswith("VERIFIED") and row["wrong"].startswith("REJECTED")
    return row["verdict"] == "VERIFIED" and not wrong and (real or not row["code"].get("level"))


def fits(row: dict) -> bool:
    """Whether it passed, or could not be had."""
    return passed(row) or row["verdict"] == SKIPPED


def page(known: dict[str, dict]) -> str:
    """What the record says, and which program it says nothing of."""
    lines = [told(code, known.get(code.program)) for code in CODES]
    here = [known[code.program] for code in CODES if code.program in known]
    real = [optimizations(row) for row in here if row["code"].get("level")]
    good, skipped = sum(map(passed, here)), sum(row["verdict"] == SKIPPED for row in here)
    end = (f"{good} of {len(CODES)}: frozen, null optimization VERIFIED, the right line hot, and "
           "real optimizations judged as they are")  # fmt: skip
    end += f"; {skipped} could not be had." if skipped else "."
    return HEAD + "\n".join(lines) + "\n" + REAL + "\n".join(real) + f"\n\n{end}\n"


def told(code: Code, row: dict | None) -> str:
    """A row of the page."""
    if row is None:
        return f"| {code.program} | {code.package} | {code.what} | | | | NOT TRIED | | |"
    options = " ".join(row["code"]["options"])
    steps = f", {row['steps']} steps" if "--step" in options else ", whole run"
    held = row["versions"]
    package = row["code"]["package"]
    with_what = ", ".join(f"{name} {v}" for name, v in held.items() if name != package)
    return cells(
        row["code"]["program"],
        f"{package} {held[package]}",
        row["code"]["what"],
        f"`{options}`{steps}",
        f"{row['files']} file{'s' * (row['files'] > 1)}, {row['lines']} lines",
        first_few(row["fields"]),
        f"{row['verdict']}{counted(row['words'])}",
        row["hot"],
        f"{row['made']}, {row['commit']}; {with_what}",
    )


def optimizations(row: dict) -> str:
    """A row of the second table."""
    right, wrong = row["right"], row["wrong"]

    calls = "; ".join(CALLED.findall(right))
    return cells(
        row["code"]["program"],
        row["code"]["level"],
        f"{right.partition(' ')[0]}{counted(right)}; {calls}",
        wrong.partition(";")[0].replace(f" {row['code']['level']} ", ": ", 1),
    )


def counted(words: str) -> str:
    """Of the words of a verdict what was compared, and how many mistakes were noticed."""
    found = COUNTED.search(words)
    return f": {found[1]} comparisons, {found[2]} deliberate mistakes noticed" if found else ""


def first_few(names: list[str], shown: int = 4) -> str:
    """So many of the names, and how many others there are."""
    rest = len(names) - shown
    return ", ".join(names[:shown]) + (f" and {rest} more" if rest > 0 else "")


def cells(*texts: str) -> str:
    return f"| {' | '.join(text.replace('|', chr(92) + '|') for text in texts)} |"
