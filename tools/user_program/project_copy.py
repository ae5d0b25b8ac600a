"""Copies a user's project to run in, and tells whether the project itself was changed."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from groundspeed.validation.records.codes import Code
from groundspeed.validation.records.errors import WithCode

SKIPPED = {
    *(".git", ".venv", "venv", "node_modules", "site-packages", ".groundspeed", ".foreign"),
    *("__pycache__", ".tox", ".asv", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis"),
}
ENTRIES = 50_000  # of a project
MOST_BYTES = 8 << 30
SHARE_BLOCKS = 0x40049409  # FICLONE of Linux
Stamps = dict[Path, tuple[int, int, int]]


class TooLarge(WithCode, ValueError):
    """A project of more files than are copied."""

    code = Code.LARGE


def mirror(project: Path, top: Path) -> None:
    """A copy of the project to run in. Nothing in it is the user's own: where a file system can
    share the blocks of a copy until it is written, that costs nothing."""
    files = [*project_files(project)]
    total = sum(source.stat().st_size for source, _ in files)
    if total > MOST_BYTES:
        largest = max(files, key=lambda one: one[0].stat().st_size)[1]
        raise TooLarge(
            f"{project} holds {total / 1e9:.1f} GB, and a copy of at most "
            f"{MOST_BYTES / 1e9:.0f} GB is made to run in; the largest is {largest}; say where the "
            "project begins with --project DIR, or keep such files outside of it"
        )
    for folder, _ in project_folders(project):  # empty ones too: a program writes into them
        (top / folder.relative_to(project)).mkdir(parents=True, exist_ok=True)
    for source, place in files:
        copy(source, top / place)


def project_files(project: Path) -> Iterator[tuple[Path, Path]]:
    """Every file that may be the program's, and its place; links to folders are followed.

    Raises:
        TooLarge: it is no project.
    """
    count = 0
    for here, files in project_folders(project):
        count += len(files)
        if count > ENTRIES:
            raise TooLarge(
                f"{project} holds more than {ENTRIES} files; say where the project begins with "
                "--project DIR, or put a pyproject.toml or an empty pytest.ini beside the program"
            )
        for source in (here / file for file in files):
            if source.suffix != ".pyc" and source.is_file():
                yield source, source.relative_to(project)


def project_folders(project: Path) -> Iterator[tuple[Path, list[str]]]:
    """Every folder of the project with the names in it, those of caches and environments left
    out."""
    for folder, folders, files in os.walk(project, followlinks=True):
        here = Path(folder)
        folders[:] = [f for f in folders if f not in SKIPPED and not f.endswith(".egg-info")]
        folders[:] = [
            f for f in folders if not (here / f).is_symlink() or not ring(project, here, f)
        ]
        yield here, files


def ring(project: Path, here: Path, name: str) -> bool:
    """Whether a link leads to a folder through which the way there has gone."""
    way = [here, *here.parents]
    passed = {os.path.realpath(p) for p in way[: way.index(project) + 1]}
    target = os.path.realpath(here / name)
    return any(f"{p}{os.sep}".startswith(f"{target}{os.sep}") for p in passed)


def copy(source: Path, place: Path) -> None:
    """A file of the same bytes, sharing them where the file system can."""
    with source.open("rb") as one, place.open("wb") as other:
        try:
            fcntl.ioctl(other, SHARE_BLOCKS, one.fileno())
        except OSError:
            shutil.copyfileobj(one, other, 1 << 20)
    shutil.copystat(source, place)


def stamps(project: Path) -> Stamps:
    """Size, time and identity of every file of the project."""
    found = {place: source.stat() for source, place in project_files(project)}
    return {p: (s.st_size, s.st_mtime_ns, s.st_ino) for p, s in found.items()}


def changed(before: Stamps, after: Stamps) -> str:
    """Which file of the project is another one now, and what to do; "" where none is."""
    places = sorted(p for p in {*before, *after} if before.get(p) != after.get(p))
    if not places:
        return ""
    more = f", and {len(places) - 1} more" if len(places) > 1 else ""
    return (
        f"{places[0]} of the project is another file than before the run{more}; "
        "let the program write by a path relative to its own folder"
    )
