"""Loads and fills page templates."""

from pathlib import Path

import jinja2

from groundspeed.tools.records.quantities import duration, percent, reduction, size, times
from groundspeed.validation.records.atomic import write_atomic

START, END = "<!-- generated -->", "<!-- /generated -->"
PAGES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "pages"),
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
PAGES.filters["g"] = lambda x: f"{x:.3g}"
PAGES.filters["ms"] = lambda seconds: "–" if seconds is None else f"{1000 * seconds:.3g}"


def cell(text: str) -> str:
    """Text inside a cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")


def sentence(text: str) -> str:
    """Text that begins with a capital letter and leaves the others as they are."""
    return text[:1].upper() + text[1:]


def code(text: str) -> str:
    """Source inside a cell of a table."""
    return cell(text).replace("`", "'")


PAGES.filters |= {
    "cell": cell, "code": code, "size": size, "duration": duration, "reduction": reduction,
    "times": times, "percent": percent, "sentence": sentence,
}  # fmt: skip


def with_block(text: str, block: str, start: str = START, end: str = END) -> str:
    """The page with what stands between the markers replaced; markers added if absent."""
    if start not in text or end not in text:
        text = f"{text.rstrip()}\n\n{start}\n{end}\n"
    before, _, rest = text.partition(start)
    _, _, after = rest.partition(end)
    return f"{before}{start}\n{block.strip()}\n{end}{after}"


def write(path: Path, text: str) -> Path:
    """Whole or not at all, and only where it changes anything."""
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        write_atomic(path, text)
    return path
