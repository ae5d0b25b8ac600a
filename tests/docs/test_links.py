"""Every relative link of a page that people read leads to a file and to a heading in it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OTHERS = ("README.md", "ARCHITECTURE.md", "tools/README.md", "tools/timing/README.md",
          "validation/README.md")  # fmt: skip
PAGES = [*sorted((ROOT / "docs").rglob("*.md")), *(ROOT / name for name in OTHERS)]
CODE = re.compile(r"^```.*?^```|(`+)(?!`).+?(?<!`)\1(?!`)", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def broken(page: Path) -> Iterator[str]:
    """Links that lead nowhere, with what is missing."""
    for link in LINK.findall(CODE.sub("", page.read_text(encoding="utf-8"))):
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if re.match(r"\w+:", link):
            continue
        if not target.exists():
            yield f"{page}: no file {link}"
        elif anchor and anchor not in anchors(target):
            yield f"{page}: no heading {link}; there are {sorted(anchors(target))}"


def anchors(page: Path) -> set[str]:
    """Names of the headings, as both the git host and the static site make them."""
    fences = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.M)
    titles = [re.sub(r"\[([^]]*)\]\([^)]*\)|[`*]", r"\1", t) for t in HEADING.findall(fences)]
    host = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
    plain = [title.encode("ascii", "ignore").decode().lower() for title in titles]
    site = {re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", t).strip()) for t in plain}
    return host & site


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page):
    assert list(broken(page)) == []


def test_links_are_relative():
    """So that they hold in a clone, on the git host, and on the site."""
    for page in PAGES:
        links = LINK.findall(CODE.sub("", page.read_text(encoding="utf-8")))
        assert [link for link in links if link.startswith(("/", "file:"))] == []


@pytest.mark.parametrize("link", ["none.md", "b.md#c", "#c", "../none/"])
def test_a_broken_link_is_found(tmp_path, link):
    (tmp_path / "b.md").write_text("# B\n")
    page = tmp_path / "a.md"
    page.write_text(f"# A `x`: 1\n[fine](b.md#b) [fine](#a-x-1) `[code](no)` [bad]({link})\n")
    (found,) = broken(page)
    assert link in found


def test_documents_are_listed_and_named_alike():
    listed = (ROOT / "docs/index.md").read_text(encoding="utf-8")
    for page in (ROOT / "docs").rglob("*.md"):
        name = str(page.relative_to(ROOT / "docs"))
        assert re.fullmatch(r"(?:[a-z-]+/)?[a-z-]+\.md", name)
        assert name == "index.md" or f"({name})" in listed, f"docs/index.md does not list {name}"
