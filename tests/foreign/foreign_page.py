"""reports/foreign.md from reports/foreign.json, and what of it is as it should be."""

from __future__ import annotations

from public_codes import CODES, Code

NONE = "no hot line in"
SKIPPED = "SKIPPED"
HEAD = """# Public codes, made baselines

Written by `make test-foreign` from reports/foreign.json: each program of tests/foreign/programs, as
a user would have it, through `create`, `profile`, `new` (the null optimization) and `validate`.
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
        f"{row['files']} files, {row['lines']} lines",
        ", ".join(row["fields"]),
        f"{row['verdict']}: {row['words']}",
        row["hot"],
        f"{row['made']}, {row['commit']}; {with_what}",
    )


def optimizations(row: dict) -> str:
    """A row of the second table."""
    return cells(row["code"]["program"], row["code"]["level"], row["right"], row["wrong"])


def cells(*texts: str) -> str:
    return f"| {' | '.join(text.replace('|', chr(92) + '|') for text in texts)} |"
