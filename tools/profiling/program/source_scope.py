"""Separates the program's own lines from libraries and from this harness."""

import os
import sysconfig
from functools import cache
from pathlib import Path

from groundspeed import project

FOREIGN = ("site-packages", "dist-packages", ".venv", "venv", ".tox", ".git", "node_modules")
REGION = "measured_region"  # the function under which everything counts


class Own:
    """Files under a root that are neither libraries nor the harness.

    In this repository the engines and optimizations are the program, the rest is harness.
    """

    def __init__(self, root: str, kind: str):
        self.root = os.path.realpath(root)
        self.engine = kind == "engine"
        self.base = os.path.dirname(self.root) if self.root.endswith(".py") else self.root
        self.is_own = cache(self._is_own)

    def _is_own(self, file: str) -> bool:
        path = os.path.realpath(file)
        if path == self.root:
            return True
        if self.engine:
            return is_engine_code(Path(path))
        if not path.startswith(self.root + os.sep):
            return False
        parts = path[len(self.root) + 1 :].split(os.sep)
        house = str(Path(__file__).resolve().parents[2])
        inside = set(parts) & set(FOREIGN) or path.startswith((STANDARD + os.sep, house + os.sep))
        return not inside

    def short(self, file: str) -> str:
        path = os.path.realpath(file)
        return os.path.relpath(path, self.base) if self.is_own(file) else os.path.basename(path)


def is_engine_code(path: Path) -> bool:
    """Whether a file is of an engine, an optimization, or the project's code that these run."""
    if not project.covers(path):
        return False
    parts = Path(project.place_of(path)).parts
    if project.ROOT == project.HARNESS:
        return parts[0] in ("baselines", "optimizations") and len(parts) > 2
    return not set(parts) & set(FOREIGN)


STANDARD = sysconfig.get_path("stdlib")
