"""A commit's implementation with today's judge and clock, in one tree."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from groundspeed.validation.records.results import FOLDER

UNDER_TEST = ("baselines", "optimizations")
STICK = ("validation", "tools")


@contextmanager
def measurable(commit: Path, stick: Path) -> Iterator[Path]:
    """``commit``'s engines and optimizations beside the judge and the clock of ``stick``.

    The evidence on file comes along: a verdict still holds where every file that it rests on is
    the same. Gone on leaving.
    """
    with TemporaryDirectory(prefix="groundspeed-") as place:
        tree = Path(place).resolve()
        origins = dict.fromkeys(UNDER_TEST, commit) | dict.fromkeys(STICK, stick)
        for package, origin in origins.items():
            bring(origin / package, tree / package)
        if (stick / FOLDER).is_dir():
            bring(stick / FOLDER, tree / FOLDER)
        yield tree


def bring(here: Path, there: Path) -> None:
    shutil.copytree(here, there, ignore=shutil.ignore_patterns("__pycache__"))
