"""Hand-written prose holds no measured figures: those stand in records and generated blocks."""

import re
from pathlib import Path

import pytest

from groundspeed.tools.rendering.templates import END, START

ROOT = Path(__file__).resolve().parents[3]
REPORTS = sorted((ROOT / "optimizations").glob("*/report.md"))
GUIDES = sorted((ROOT / "tools/rendering/pages/guides").glob("*.md"))  # written by hand, in part
DOCUMENTS = [p for p in (ROOT / "docs").rglob("*.md") if p.name not in {g.name for g in GUIDES}]
PAGES = [*REPORTS, *GUIDES, *sorted(DOCUMENTS), ROOT / "README.md"]

CODE = re.compile(r"^```.*?^```|(`+)(?!`).+?(?<!`)\1(?!`)", re.DOTALL | re.MULTILINE)
BLOCK = re.compile(f"{re.escape(START)}.*?{re.escape(END)}", re.DOTALL)
PART = r"(?:half|halves|thirds?|quarters?|fifths?|sixths?|sevenths?|eighths?|ninths?|tenths?)"
COST = r"(?:machine|stream|limit|peak|bandwidth|time|runtime|run|cost)"
NUMBER = r"\d[\d.,]*\s*"
MEASURED = re.compile(
    rf"""
    {NUMBER} (?: [x×](?!\s*\d|\w) | -?(?:times|fold)\b )     # 1.4x, 1.2 times; not 3 × 3
  | {NUMBER} % | \b per\ ?cent \b                            # 15 %, below one percent
  | {NUMBER} (?: [mµμun]?s | min | [smh]ec | hours? ) \b     # 3 ms
  | \b (?: milli | micro | nano )? seconds \b                # takes milliseconds
  | {NUMBER} (?: [kKMGT]?i?(?:B|bytes) | [kMGT]?flops? ) (?: /s | \ a\ second )
  | \b factors? \s+ of \s+ {NUMBER}                          # a factor of 1.4
  | \b (?:twice|thrice|times) \s+ (?:as\s+(?:fast|slow|quick)|faster|slower|quicker) \b
  | \b {PART} \s+ (?:of\s+)? (?:(?:the|a|its)\s+)? {COST} \b   # a seventh of the time
    """,
    re.VERBOSE | re.IGNORECASE,
)
FILLED_IN = re.compile(r"\{[{%].*?[%}]\}")  # of a template: by what is on file
ADVICE = (
    "a measured figure in hand-written text, which no record can keep true: leave it to the "
    "generated block, or say what happens in words; an exact count goes into words or `code`"
)


def blank(found: re.Match) -> str:
    """Nothing, over as many lines."""
    return "\n" * found.group().count("\n")


def prose(text: str) -> str:
    """What was written by hand, on the same lines, without code."""
    return CODE.sub(blank, FILLED_IN.sub("", BLOCK.sub(blank, text)))


def figures(path: Path, text: str) -> list[str]:
    """file:line and the words, of each figure that looks measured."""
    text = prose(text)
    return [
        f"{path.relative_to(ROOT)}:{text.count(chr(10), 0, found.start()) + 1}: "
        f"{' '.join(found.group().split())!r} is {ADVICE}"
        for found in MEASURED.finditer(text)
    ]


def lacking(path: Path, text: str) -> list[str]:
    """What a reader needs to decide, and a report does not have."""
    sections = dict(re.findall(r"^## (.+)\n+((?:(?!## ).*\n?)*)", prose(text), re.MULTILINE))
    wanted = ("Strategy", "Trade-offs", "When not to use it")
    found = [f"needs a section '## {w}'" for w in wanted if not sections.get(w, "").strip()]
    if START not in text:
        found.append("no generated block; run: groundspeed report")
    return [f"{path}: {what}" for what in found]


def test_prose_holds_no_measured_figures():
    found = [line for path in PAGES for line in figures(path, path.read_text(encoding="utf-8"))]
    assert not found, "\n".join(found)


def test_a_reader_can_decide():
    found = [line for path in REPORTS for line in lacking(path, path.read_text(encoding="utf-8"))]
    assert not found, "\n".join(found)


def test_a_report_without_its_sections_is_found():
    (said,) = lacking(Path("x"), f"{START}\n## Strategy\na\n## Trade-offs\n\n"
                      "## When not to use it\nb\n")  # fmt: skip
    assert said == "x: needs a section '## Trade-offs'"
    assert lacking(Path("x"), "## Strategy\na\n## Trade-offs\nb\n## When not to use it\nc\n") == [
        "x: no generated block; run: groundspeed report"
    ]


@pytest.mark.parametrize(
    "words",
    [
        "1.1 to 1.2 times the floor",
        "worth a factor of 1.4",
        "worth a factor\nof 1.4",
        "2.5x faster",
        "2.60× on debug",
        "15 % of a call",
        "under one percent",
        "takes 3 ms",
        "compiles for seconds",
        "microseconds of a call",
        "takes 50 µs",
        "compiles for 5.5 s",
        "reaches 12 GB/s",
        "reaches 3 Gflop/s",
        "from half of the machine's stream",
        "cost a seventh of the time",
        "several times slower",
    ],
)
def test_what_looks_measured_is_found(words):
    (found,) = figures(ROOT / "README.md", f"one\ntwo {words}\n")
    assert found.startswith("README.md:2: ")


@pytest.mark.parametrize(
    "words",
    [
        "a 3 × 3 kernel on 28 x 28 sites",
        "eight times over, three times for each of 24 offsets",
        "reads 3 arrays, writes 1; a coefficient near 2",
        "a weight is resolved to 4e-3 of itself",
        "`24 times` and `3 ms` in a code\nspan",
        "sin²(k dx/2)/dx² and 1/n²",
        "half of the cells, an eighth of the cells",
        "```\nbench  2.6×  15 %\n```",
        f"{START}\n| 2.60× | 15 % | 3 ms |\n{END}",
    ],
)
def test_exact_counts_can_be_said(words):
    assert not figures(ROOT / "README.md", words)
