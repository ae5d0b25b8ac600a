"""A commit's implementation with today's judge and clock, in one tree."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from groundspeed import project
from groundspeed.validation.protocol import CONTRACT
from groundspeed.validation.records.git import git
from groundspeed.validation.records.results import FOLDER

UNDER_TEST = ("baselines", "optimizations")
# In groundspeed's own repository the measuring stick lies beside the code under test.
STICK = (
    "groundspeed", "validation", "tools", "baselines/foreign",
    *(f"baselines/{name}" for name in CONTRACT),
)  # fmt: skip


def under_test() -> list[str]:
    """What of a commit is measured, as paths from the top of the repository."""
    folders = {project.ROOT, project.CODE}
    if project.ROOT == project.HARNESS:
        folders = {project.ROOT / part for part in UNDER_TEST}
    top = project.repository() or project.ROOT
    return [os.path.relpath(folder, top) for folder in sorted(folders)]


@contextmanager
def measurable(top: Path) -> Iterator[Path]:
    """The project of the checkout at ``top``, in a copy, under today's judge and clock.

    The evidence on file comes along: a verdict still holds where every file that it rests on is
    the same. Gone on leaving.
    """
    with TemporaryDirectory(prefix="groundspeed-") as place:
        whole = Path(place).resolve()
        for file in files(top):
            bring(top / file, whole / file)
        tree = whole / project.prefix()
        if project.ROOT == project.HARNESS:
            for part in STICK:
                bring(project.HARNESS / part, tree / part)
        shutil.rmtree(tree / FOLDER, ignore_errors=True)
        bring(project.ROOT / FOLDER, tree / FOLDER)
        yield tree


def files(top: Path) -> list[str]:
    """Files of a checkout that are under test; what git ignores there is not."""
    wanted = under_test()
    if (top / ".git").exists():
        words = ("-z", "--cached", "--others", "--exclude-standard", "--", *wanted)
        return git(top, "ls-files", *words).paths
    found = (p.relative_to(top) for p in top.rglob("*") if p.is_file())
    return [str(p) for p in found if "." in wanted or any(map(p.is_relative_to, wanted))]


def bring(here: Path, there: Path) -> None:
    """Copy a file or a folder, where there is one, over what is there."""
    if here.is_dir():
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(here, there, ignore=ignored, dirs_exist_ok=True)
    elif here.exists():
        there.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(here, there)
