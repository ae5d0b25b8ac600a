"""Every command of the documentation does what its page says.

The tutorial is followed in an empty folder. The guides go on from where it ends, each in a copy of
that project; `README.md` is about this repository, in a scratch copy. That takes minutes, and
`make test-all` does it. How a page is read: `markdown_blocks`.
"""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import typer
from markdown_blocks import Block, Terminal, blocks, commands, matches

from groundspeed.tools.cli.app import app

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
TUTORIAL = DOCS / "tutorial.md"
README = ROOT / "README.md"
PAGES = [*sorted(DOCS.rglob("*.md")), README]
RUN = [page for page in PAGES if any(not b.not_run and b.language for b in blocks(page))]
ON_THE_PLATE = [page for page in RUN if page not in (TUTORIAL, README)]
PARSERS = typer.main.get_command(app).commands
INLINE = re.compile(r"`groundspeed [^`]+`")
QUICKER = {"bench": ["--processes", "1"]}  # what it does is shown; no number rests on it
NOT_RUN = {  # every block that is not run, by its page, with the reason that the page gives
    "README.md": [
        "sets up an environment and measures for minutes",
        "the tutorial runs this workflow",
    ],
    "docs/tutorial.md": ["installs from a package index"],
    "docs/how-to/add-cases.md": [
        "an excerpt of an engine's own file",
        "my_engine_v1 stands for an engine of yours",
        "an excerpt of a claim",
    ],
    "docs/how-to/compare-two-commits.md": [
        "times two branches against one another, which is long",
        "needs a commit that has results on file",
    ],
    "docs/how-to/optimize-an-engine.md": ["an excerpt, for an engine with a stage named diffuse"],
    "docs/how-to/freeze-a-program.md": ["the tutorial runs it"],
    "docs/how-to/profile-a-program.md": [
        "profiles two programs, which takes twice as long as the block above",
        "py-spy must be allowed to look into processes",
    ],
    "docs/how-to/run-over-several-ranks.md": [
        "an excerpt of an optimization of this repository",
        "an excerpt of an optimization of this repository",
        "needs two processors of this repository's machine",
        "needs two processors of this repository's machine",
        "needs more than one machine",
        "measures for minutes",
    ],
    "docs/how-to/use-a-gpu.md": ["needs a GPU", "needs a GPU"],
    "docs/how-to/work-on-a-cluster.md": [
        "installs from a package index",
        "needs a cluster with these partitions",
    ],
    "docs/how-to/work-in-ci.md": ["CI compares with a branch of a remote repository"],
}
pytestmark = pytest.mark.xdist_group("test_commands")  # all go on from one tutorial


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


class Project(NamedTuple):
    """Where the tutorial was followed, and where its reader is at the end."""

    top: Path
    folder: Path


@pytest.fixture(scope="module")
def terminal(warm, tmp_path_factory) -> Callable[[Path], Terminal]:
    """Opens a terminal in a folder."""
    printed = tmp_path_factory.mktemp("printed")

    def groundspeed(folder: Path, words: list[str]):
        return warm.run(folder, printed, [*words, *QUICKER.get(words[0], [])])

    return lambda folder: Terminal(folder, groundspeed)


@pytest.fixture(scope="module")
def tutorial(tmp_path_factory, terminal) -> Project:
    """The project of the tutorial, after it was followed."""
    top = tmp_path_factory.mktemp("user") / "plate"
    top.mkdir()
    reader = terminal(top)
    reader.follow(TUTORIAL)
    return Project(top, reader.folder)


@pytest.mark.exhaustive
def test_the_tutorial_ends_with_a_judged_and_timed_optimization(tutorial):
    report = (tutorial.folder / "optimizations/plate_whole/report.md").read_text()
    assert "**VERIFIED** (as claimed). Agreement: *exact*" in report
    assert "## Performance results\nMeasured on " in report
    assert "%, not known | one process says nothing of others |" in report  # no infinite percent
    rejected = (tutorial.folder / "optimizations/plate_roll/report.md").read_text()
    assert "**REJECTED**" in rejected


@pytest.mark.exhaustive
@pytest.mark.parametrize("page", ON_THE_PLATE, ids=named)
def test_a_guide_does_what_it_says(page, tutorial, terminal, tmp_path):
    shutil.copytree(tutorial.top, tmp_path / "plate", symlinks=True)
    reader = terminal(tmp_path / "plate" / tutorial.folder.relative_to(tutorial.top))
    reader.follow(page)


@pytest.mark.exhaustive
def test_the_readme_does_what_it_says(scratch, terminal):
    reader = terminal(scratch.root)
    reader.follow(README)


def test_few_blocks_are_not_run_and_each_says_why():
    told = {named(p): [b.not_run for b in blocks(p) if b.not_run] for p in PAGES}
    assert {page: reasons for page, reasons in told.items() if reasons} == NOT_RUN


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_python_blocks_are_python(page):
    for block in blocks(page):
        if block.language == "python":
            compile(block.text, f"{named(page)}:{block.line}", "exec")


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_verb_that_is_named_exists(page):
    text = page.read_text(encoding="utf-8")
    typed = [command for block in blocks(page) for command, _ in commands(block)]
    verbs = re.findall(
        r"(?:`|^|/)groundspeed ([a-z]+)", "\n".join([*INLINE.findall(text), *typed]), re.M
    )
    assert set(verbs) <= set(PARSERS)


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_command_has_words_that_its_verb_takes(page):
    """All pages are followed by `make test-all`; this much is seen at once."""
    for found in blocks(page):
        for command, _ in commands(found):
            program, *words = shlex.split(command, comments=True)
            if program.removeprefix(".venv/bin/") == "groundspeed" and words[0] in PARSERS:
                PARSERS[words[0]].make_context(words[0], words[1:])


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_fence_is_understood(page):
    text = page.read_text(encoding="utf-8")
    assert len(re.findall(r"^\s*```", text, re.MULTILINE)) == 2 * len(blocks(page))


def wrong(tmp_path: Path, text: str, run=None) -> str:
    """What is said of a page that does something else than it says."""
    page = tmp_path / "page.md"
    page.write_text(text)
    with pytest.raises(AssertionError) as error:
        Terminal(tmp_path, run).follow(page)
    return str(error.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("```sh\nfalse\n```\n", "page.md:1: false ended with 1"),
        ("a\n\n```console\n$ echo 1\n2\n```\n", "page.md:3: echo 1 printed"),
        ("```console\n$ false\n$ echo $?\n0\n```\n", "echo $? printed"),
        ("```python\n1 / 0\n```\n", "ZeroDivisionError"),
        ("```python\nprint(1)\n```\n```text\n2\n```\n", "printed was\n1"),
    ],
)
def test_a_page_that_is_wrong_is_found(tmp_path, text, told):
    assert told in wrong(tmp_path, text)


def test_files_verbs_and_notes_of_a_page(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        '```python title="a/b.py"\nx = 1\n```\n'
        "```sh\ncd a  # into the folder\ntest -f b.py\n```\n"
        "<!-- not run: no -->\n```sh\nfalse\n```\n"
    )
    assert blocks(page)[-1] == Block("sh", "false\n", 9, not_run="no")
    reader = Terminal(tmp_path, None)
    reader.follow(page)
    assert reader.folder == tmp_path / "a"


@pytest.mark.parametrize(
    ("printed", "expected", "fits"),
    [
        ("a   VERIFIED   exact\n", "a VERIFIED exact", True),
        ("a 17 comparisons\n", "a … comparisons", True),
        ("a 1.2x [1, 2]\nb\n", "a …x […]\n…", True),
        ("a SLOWER 0.9x", "a FASTER …x", True),
        ("a REJECTED", "a FASTER", False),
        ("a 17 comparisons", "a … cases", False),
        ("a b", "a", False),
    ],
)
def test_what_is_printed_fits_what_is_expected(printed, expected, fits):
    assert matches(printed, expected) == fits
