"""Fenced blocks of a markdown page, and a terminal that runs them as a reader would.

A page is run from top to bottom:

- `sh`: each line is a command, which must succeed.
- `console`: a line that begins with `$` is a command; what follows is what it prints. `…` stands
  for anything. A command that fails is followed by `$ echo $?`.
- a block with `title="FILE"` is written to that file, in the folder where the reader is.
- `python` without a title is a demonstration: it is run, and a `text` block that follows it at once
  is what it prints.
- `<!-- not run: REASON -->` above a block leaves it out.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

BLOCK = re.compile(
    r"^(?:<!-- not run: (?P<not_run>[^>]+) -->\n)?"
    r"^```(?P<language>\w*)(?: title=\"(?P<title>[^\"]+)\")?\n(?P<text>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)
TIMED = ("FASTER", "SLOWER", "INCONCLUSIVE")  # what a clock says hangs on the machine
AUTHOR = {"GIT_AUTHOR_NAME": "t", "GIT_AUTHOR_EMAIL": "t@example.org"}
COMMITTER = {"GIT_COMMITTER_NAME": "t", "GIT_COMMITTER_EMAIL": "t@example.org"}
Groundspeed = Callable[[Path, list[str]], subprocess.CompletedProcess]


@dataclass(frozen=True)
class Block:
    """One fenced block, and the line of its page on which it begins."""

    language: str
    text: str
    line: int
    title: str = ""
    not_run: str = ""  # why


def blocks(page: Path) -> list[Block]:
    """All blocks of a page, in their order."""
    text = page.read_text(encoding="utf-8")
    return [block(found, text) for found in BLOCK.finditer(text)]


def block(found: re.Match, text: str) -> Block:
    words = {key: value or "" for key, value in found.groupdict().items()}
    return Block(**words, line=text.count("\n", 0, found.start("language")) + 1)


def commands(block: Block) -> Iterator[tuple[str, str | None]]:
    """Each command of a block, with what it should print where the block says so."""
    text = block.text.replace("\\\n", " ")
    if block.language == "sh":
        lines = (line.partition("  #")[0].strip() for line in text.splitlines())
        yield from ((line, None) for line in lines if line and not line.startswith("#"))
    elif block.language == "console":
        for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
            command, _, printed = part.partition("\n")
            yield command.strip(), printed


def matches(printed: str, expected: str) -> bool:
    """Whether the words are those, in any columns; what a clock says may be any of its words."""
    words = [re.escape(word).replace("…", ".*?") for word in expected.split()]
    pattern = r"\s+".join(words).replace(r"\s+.*?\s+", r"\s.*?")
    for word in TIMED:
        pattern = re.sub(rf"\b{word}\b", f"(?:{'|'.join(TIMED)})", pattern, count=1)
    return re.fullmatch(pattern, printed.strip(), re.DOTALL) is not None


@dataclass
class Terminal:
    """Where a reader is, and what runs `groundspeed` there.

    Attributes:
        folder: the current one.
        groundspeed: runs it in that folder with these words.
    """

    folder: Path
    groundspeed: Groundspeed
    code: int = 0  # of the last command

    def follow(self, page: Path) -> None:
        """Do all that the page says.

        Raises:
            AssertionError: a command does otherwise than the page says.
        """
        printed = ""
        for block in blocks(page):
            where = f"{page.name}:{block.line}"
            if block.not_run:
                continue
            if block.title:
                self.write(block)
            elif block.language == "python":
                printed = self.demonstrate(block, where)
            elif block.language == "text" and printed:
                assert matches(printed, block.text), f"{where}: printed was\n{printed}"
                printed = ""
            else:
                self.type(block, where)

    def write(self, block: Block) -> None:
        path = self.folder / block.title
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text, encoding="utf-8")

    def demonstrate(self, block: Block, where: str) -> str:
        done = self.subprocess([sys.executable, "-c", block.text])
        assert done.returncode == 0, f"{where}: {done.stderr}"
        return done.stdout

    def type(self, block: Block, where: str) -> None:
        found = list(commands(block))
        for i, (command, expected) in enumerate(found):
            after = found[i + 1][0] if i + 1 < len(found) else ""
            printed = self.run(command)
            may_fail = after == "echo $?"
            assert may_fail or self.code == 0, (
                f"{where}: {command} ended with {self.code}\n{printed}"
            )
            fits = expected is None or matches(printed, expected)
            assert fits, f"{where}: {command} printed\n{printed}\nexpected\n{expected}"

    def run(self, command: str) -> str:
        """What a command prints."""
        words = shlex.split(command)
        program = words[0].removeprefix(".venv/bin/")
        if program == "cd":
            self.folder = (self.folder / words[1]).resolve()
            return ""
        if command == "echo $?":
            code, self.code = self.code, 0
            return str(code)
        if program == "groundspeed":
            done = self.groundspeed(self.folder, words[1:])
        else:
            done = self.subprocess(["bash", "-c", command])
        self.code = done.returncode
        return done.stdout + done.stderr

    def subprocess(self, words: list[str]) -> subprocess.CompletedProcess:
        environment = os.environ | AUTHOR | COMMITTER
        return subprocess.run(
            words, cwd=self.folder, env=environment, capture_output=True, text=True
        )
