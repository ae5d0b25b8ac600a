"""The project that is worked on, and the harness that works on it.

A project is a folder with ``baselines/``, ``optimizations/`` and ``reports/``. It is found as
pytest finds its root: GROUNDSPEED_ROOT (or ``--root``) names it, else the working folder or the
nearest folder above it that is one. The harness is where this code lies: in a checkout of
groundspeed that is a project as well, else an installed package.
"""

import os
import sys
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from sysconfig import get_path

from groundspeed.location import SETTINGS, VARIABLE, find, is_project

PACKAGE = Path(__file__).resolve().parent
HARNESS = PACKAGE if (PACKAGE / "validation").is_dir() else PACKAGE.parent
OURS = tuple(HARNESS / part for part in ("groundspeed", "validation", "tools"))
INSTALLED = ("site-packages", "dist-packages")
PYTHONS_OWN = Path(get_path("stdlib")).resolve()
TIERS = ("everyday", "full")


@dataclass(frozen=True)
class Settings:
    """What ``groundspeed.toml`` says, every line of it optional.

    Attributes:
        code: folder of the code under test, relative to the project. Every file below it that a
            candidate loads is part of its verdict.
        paths: folders in which that code's modules are found, relative to the project; none are
            needed where it is installed.
        machine: a name for this kind of machine in place of the one that is found.
        tier: the cases that are judged and timed where nothing else is said: "everyday", or "full"
            with the large ones.
    """

    code: str = "."
    paths: tuple[str, ...] = ()
    machine: str = ""
    tier: str = "everyday"


def root() -> Path | None:
    """The project: the named one, the one around the working folder, or this checkout."""
    if named := os.environ.get(VARIABLE):
        return Path(named).resolve()
    return find(Path.cwd()) or (HARNESS if is_project(HARNESS) else None)


def read(folder: Path) -> Settings:
    """The settings of a project.

    Raises:
        ValueError: the file is no TOML, or has a key or a value that is not known.
    """
    place = folder / SETTINGS
    if not place.is_file():
        return Settings()
    try:
        given = tomllib.loads(place.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{place} is no TOML: {error}; correct it") from None
    known = {field.name for field in fields(Settings)}
    if unknown := sorted(set(given) - known):
        raise ValueError(f"{place} has {unknown[0]!r}; allowed: {', '.join(sorted(known))}")
    paths = given.get("paths", [])
    texts = [given.get(name, "") for name in ("code", "machine", "tier")]
    if not isinstance(paths, list) or not all(isinstance(t, str) for t in (*texts, *paths)):
        raise ValueError(f"{place}: paths is a list of folders, all else is text; correct it")
    if given.get("tier", "everyday") not in TIERS:
        raise ValueError(f"{place} has tier {given['tier']!r}; allowed: {', '.join(TIERS)}")
    return Settings(**given | {"paths": tuple(paths)})


FOUND = root()
ROOT = FOUND or Path.cwd()
SETTING = read(ROOT)
CODE = Path(os.path.normpath(ROOT / SETTING.code))


def repository(folder: Path = ROOT) -> Path | None:
    """The git repository in which a folder lies."""
    return next((p for p in (folder, *folder.parents) if (p / ".git").exists()), None)


def prefix() -> str:
    """The project's place in its git repository; "" where it is the repository."""
    top = repository()
    return os.path.relpath(ROOT, top).removeprefix(".") if top else ""


def import_folders(place: Path = ROOT) -> list[str]:
    """Where modules of the project are found: its own, and those of the code under test."""
    return [os.path.normpath(place / path) for path in (".", *SETTING.paths)]


def make_importable() -> None:
    """Put the project's modules on the import path, before installed ones."""
    sys.path[:0] = [folder for folder in import_folders() if folder not in sys.path]


def place_of(path: Path) -> str:
    """A file's place relative to the project, as records name it; ``../`` leads to its code."""
    return Path(os.path.relpath(path, ROOT)).as_posix()


def covers(path: Path) -> bool:
    """Whether a file is one that verdicts cover: of the project, or of the code under test."""
    return path.is_relative_to(ROOT) or path.is_relative_to(CODE)


def of_a_library(path: Path) -> bool:
    """Whether a file or folder is Python's own or installed."""
    return any(word in str(path) for word in INSTALLED) or path.is_relative_to(PYTHONS_OWN)


def under_test(path: Path) -> bool:
    """Whether a file or folder that exists holds code that verdicts cover: nothing installed,
    nothing of the harness, and no cache that a compiler keeps in a hidden folder."""
    if of_a_library(path):
        return False
    hidden = place_of(path).removeprefix("../").startswith(".") and path not in (ROOT, CODE)
    return covers(path) and not hidden and not any(map(path.is_relative_to, OURS))
