"""What changed since the base commit, and which optimizations and baselines that touches.

An optimization changed if a file changed that it is made of: in its folder, in a baseline or an
optimization that it imports, in the contract of engines, or anywhere else if its verdict names that
file. What an optimization without any verdict loads is not known, so any code may be part of it.
"""

import os
from dataclasses import dataclass
from functools import cached_property
from importlib.machinery import all_suffixes
from pathlib import Path

from groundspeed import baselines
from groundspeed.tools.gate.base_commit import Base
from groundspeed.validation import discovery
from groundspeed.validation.judge.verdicts import SECTION, Summary
from groundspeed.validation.records import digests, results
from groundspeed.validation.records.errors import Refused
from groundspeed.validation.records.git import git

ELSEWHERE = ("optimizations/", "baselines/", "reports/", "tests/")  # no code of an own project


@dataclass(frozen=True)
class Changes:
    """The files that differ from a base commit, as paths from the project; ``../`` leads out."""

    base: Base
    paths: tuple[str, ...]
    before: frozenset[str]  # optimizations that the base has

    @cached_property
    def optimizations(self) -> dict[str, list[str]]:
        """What changed of each optimization that changed."""
        found = {name: parts_of(name, self.paths) for name in present()}
        return {name: paths for name, paths in found.items() if paths}

    @cached_property
    def budgets(self) -> list[str]:
        """Optimizations of which nothing but the cost budget changed."""
        others = (name for name in discovery.names() if name not in self.optimizations)
        return [name for name in others if f"optimizations/{name}/costs.json" in self.paths]

    @cached_property
    def baselines(self) -> list[str]:
        """Baselines that changed."""
        return [n for n in baselines.names() if any(belongs(p, "baselines", n) for p in self.paths)]

    @property
    def gone(self) -> list[str]:
        """Optimizations that only the base has."""
        return sorted(self.before - set(present()))


def changes(base: Base, root: Path = digests.ROOT) -> Changes:
    """What differs between the base and the working tree; new files of the project count.

    Raises:
        Refused: git does not tell.
    """
    prefix = git(root, "rev-parse", "--show-prefix").text.rstrip("\n")
    whole = ("-c", "diff.relative=false", "diff", "-z", "--name-only", "--no-renames")
    edited = git(root, *whole, base.commit, "--")
    new = git(root, "ls-files", "-z", "--others", "--exclude-per-directory=.gitignore", "--", ".")
    before = git(root, "ls-tree", "-r", "-z", "--name-only", base.commit, "--", "optimizations/")
    if failed := edited.failed or new.failed or before.failed:
        raise Refused(f"git does not tell what changed since {base}: {failed}")
    moved = {Path(os.path.relpath(path, prefix or ".")).as_posix() for path in edited.paths}
    parts = [Path(path).parts for path in before.paths]
    names = {p[1] for p in parts if len(p) == 3 and p[2] == "implementation.py"}
    return Changes(base, tuple(sorted({*moved, *new.paths})), frozenset(names))


def present() -> list[str]:
    """Every optimization, also one that has lost its implementation and is named for it."""
    claims = (digests.ROOT / "optimizations").glob("*/validation.py")
    return sorted({*discovery.names(), *(path.parent.name for path in claims)})


def parts_of(name: str, paths: tuple[str, ...]) -> list[str]:
    """Which of the paths an optimization is made of."""
    leaves, loaded = leaves_of(name), loaded_files(name)
    return [
        path
        for path in paths
        if path in loaded
        or is_contract(path)
        or any(belongs(path, *leaf) for leaf in leaves)
        or (not loaded and is_code(path) and not path.startswith(ELSEWHERE))
    ]


def leaves_of(name: str) -> set[tuple[str, ...]]:
    """The folders that an optimization is made of: its own, and those that it imports."""
    try:
        found = digests.sources(discovery.folder(name))
    except UnicodeDecodeError:  # no Python text: the judge says so
        found = []
    return {("optimizations", name), *(file.relative_to(digests.ROOT).parts[:2] for file in found)}


def loaded_files(name: str) -> set[str]:
    """Files that any verdict on it names."""
    kept = (results.section_or_none(Summary, SECTION, name, on) for on in results.machines())
    return {path for verdict in kept if verdict for path in verdict.files}


def belongs(path: str, package: str, name: str) -> bool:
    """Whether it lies in that folder, and is more than what the tools write there."""
    inside = path.startswith(f"{package}/{name}/")
    return inside and Path(path).name not in discovery.NOT_RUN


def is_contract(path: str) -> bool:
    """Whether it is what every engine relies on, in a project that has the harness in it."""
    return Path(path).parent == Path("baselines") and is_code(path)


def is_code(path: str) -> bool:
    return path.endswith(tuple(all_suffixes()))
