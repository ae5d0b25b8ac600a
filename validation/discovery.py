"""Finds optimizations by folder and loads them by name."""

from __future__ import annotations

import importlib
import os
import re
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from groundspeed import project
from groundspeed.validation.records import digests, leaf_imports
from groundspeed.validation.records.errors import BrokenLeaf, UnknownName

if TYPE_CHECKING:
    from groundspeed.baselines.engine import Engine
    from groundspeed.validation.claims import Agreement

SEE = "groundspeed list"  # how all names are shown
MOST_WORDS = 300  # characters of an error's own; compilers say the cause after their first line


# Written by the tools, beside what is run: not part of it.
NOT_RUN = ("benchmark.py", "costs.json", "report.md")
PARTIAL = re.compile(r"^(costs\.json|report\.md)\.\d+\.tmp$")  # of `records.atomic`


def folder(name: str, root: Path = digests.ROOT) -> Path:
    return root / "optimizations" / name


def names(root: Path = digests.ROOT) -> list[str]:
    """Every optimization that has a folder."""
    return sorted(p.parent.name for p in (root / "optimizations").glob("*/implementation.py"))


def quick(name: str) -> bool:
    """Whether everyday runs judge it: what its claim says of ``quick``, read as text.

    The list is asked for too often to import every folder for one word.
    """
    text = (folder(name) / "validation.py").read_text(encoding="utf-8")
    return re.search(r"^\s*quick=False\b", text, re.MULTILINE) is None


def device(name: str, root: Path = digests.ROOT) -> str:
    """Where it works: on a GPU if its implementation names one, read as text."""
    path = folder(name, root) / "implementation.py"
    return device_in(path) if path.exists() else "cpu"


@digests.per_version
def device_in(implementation: Path) -> str:
    return "cuda" if '"cuda"' in implementation.read_text(encoding="utf-8") else "cpu"


def mentioned(named: Iterable[str], words: Iterable[str]) -> set[str]:
    """Which of the words stand in the files of these, or of what they import: read as text."""
    files = {path for name in named for path in digests.sources(folder(name))}
    texts = [path.read_text(encoding="utf-8") for path in files]
    return {word for word in words if any(word in text for text in texts)}


def chosen(asked: list[str]) -> list[str]:
    """The names asked for, all where none are; a baseline's name means all of its own.

    Raises:
        UnknownName: a name that is neither.
    """
    known = names()
    if not asked:
        return known
    found: list[str] = []
    for name in asked:
        own = [k for k in known if k == name or k.startswith(family(name))]
        if not own:
            engines = {folder.name for folder in engine_folders()}
            raise UnknownName.of("optimization", name, [*known, *sorted(engines)], SEE)
        found += [k for k in own if k not in found]
    return found


def family(name: str) -> str:
    """Prefix of the optimizations of a baseline: lattice_field_v1 -> lattice_field_."""
    stem, _, version = name.rpartition("_v")
    return f"{stem}_" if version.isdigit() else f"{name}/"


def engine_folders() -> list[Path]:
    """Folders of the baselines."""
    return [p.parent for p in (digests.ROOT / "baselines").glob("*_v*/__init__.py")]


def engine_family(name: str) -> str:
    """What its name begins with of the baselines' names: those alike are judged together."""
    known = [path.name for path in engine_folders()]
    begun = [k for k in (*known, *(k.rpartition("_v")[0] for k in known)) if name.startswith(k)]
    return max(begun, key=len, default="")


def claim(name: str) -> Agreement:
    """The claim of an optimization, with its engine."""
    return part(name, "validation").claim


def engine(name: str) -> Engine:
    """The optimized engine alone."""
    return part(name, "implementation").engine


def own_files(folder: Path) -> list[Path]:
    """Every file in the folder of an optimization that it could run or read.

    Raises:
        BrokenLeaf: a link leads out of it, to what no verdict sees.
    """
    found, inside = [], folder.resolve()
    for here, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(here, name)
            if path.is_symlink() and not path.resolve().is_relative_to(inside):
                raise BrokenLeaf(
                    f"{path.relative_to(folder.parents[1])} is a link out of its folder; allowed: "
                    "files of its own, which its verdict covers; copy what it points to"
                )
        folders[:] = [name for name in folders if name != "__pycache__"]
        found += [Path(here, name) for name in files if name not in NOT_RUN]
    return [path for path in found if path.is_file() and not PARTIAL.search(path.name)]


def refuse_absent(name: str) -> None:
    """Raise BrokenLeaf where a file is missing that every optimization has."""
    needed = ("implementation.py", "validation.py")
    absent = [file for file in needed if not (folder(name) / file).exists()]
    if absent:
        raise BrokenLeaf(f"optimizations/{name} lacks {absent}; see: groundspeed new --help")


def part(name: str, module: str):
    """A module of an optimization's folder.

    Raises:
        BrokenLeaf: a file is missing, or fails to import.
    """
    refuse_absent(name)
    leaf_imports.install()
    try:
        found = importlib.import_module(f"optimizations.{name}.{module}")
        own_files(folder(name))  # what it made on the way may be a link
        return found
    except BrokenLeaf:
        raise
    except Exception as error:
        raise BrokenLeaf(
            f"optimizations/{name}/{module}.py does not load: {raised(error, folder(name))}; "
            "mend it and run again"
        ) from error


def declined(error: Exception) -> bool:
    """Whether it is a ValueError that code of the project, or of groundspeed, raised on purpose, to
    say what is allowed. One out of an operator or a library, as of shapes that do not fit, is a
    fault."""
    frames = traceback.extract_tb(error.__traceback__)
    if not isinstance(error, ValueError) or not frames:
        return False
    file, line = Path(frames[-1].filename), frames[-1].line
    foreign = project.of_a_library(file) and not file.is_relative_to(project.PACKAGE)
    return "raise" in line.split() and not foreign


def raised(error: Exception, own: Path, otherwise: str = "") -> str:
    """The error in one line, with the innermost line under the folder ``own`` that led to it."""
    text = " ".join(str(error).split())[:MOST_WORDS] or "it said nothing"
    frames = traceback.extract_tb(error.__traceback__)
    places = [f"{project.place_of(path)}:{f.lineno}"
              for f in frames if (path := Path(f.filename)).is_relative_to(own)]  # fmt: skip
    place = places[-1] if places else otherwise
    return f"{type(error).__name__}: {text}" + (f" ({place})" if place else "")
