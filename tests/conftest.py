"""A scratch copy of the repository, small enough to judge in seconds, to plant errors in."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from warm_process import Warm

ROOT = Path(__file__).resolve().parent.parent
os.environ["GROUNDSPEED_WAIT_S"] = "0"  # no test stands on a quiet machine
os.environ.pop("COLUMNS", None)  # of whoever watches the tests


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@dataclass
class Scratch:
    """A copy with the lattice field and some of its optimizations, and its own git history."""

    root: Path
    warm: Warm

    def run(self, *words: str) -> subprocess.CompletedProcess:
        """`groundspeed` with these words, in the copy."""
        folder = self.root.with_name(f"{self.root.name}-said")
        folder.mkdir(exist_ok=True)
        return self.warm.run(self.root, folder, list(words))

    def git(self, *words: str) -> None:
        subprocess.run(
            ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", *words],
            cwd=self.root,
            check=True,
            capture_output=True,
        )

    def commit(self) -> None:
        self.git("add", "-A")
        self.git("commit", "-qm", "x", "--allow-empty")

    def file(self, *parts: str) -> Path:
        return self.root.joinpath(*parts)

    def plant(self, name: str, code: str) -> None:
        """Append code to an implementation; ``right`` is the engine that it had."""
        path = self.file("optimizations", name, "implementation.py")
        path.write_text(f"{path.read_text()}\n\nright = engine\n{code}\n")

    def only(self, name: str, cases: tuple[str, ...]) -> None:
        """Restrict a claim to some cases."""
        path = self.file("optimizations", name, "validation.py")
        narrowed = f"\nimport dataclasses\n\nclaim = dataclasses.replace(claim, cases={cases!r})\n"
        path.write_text(path.read_text() + narrowed)


@pytest.fixture(scope="session")
def warm() -> Iterator[Warm]:
    """One for each worker."""
    one = Warm()
    yield one
    one.end()


@pytest.fixture(scope="session")
def original(tmp_path_factory, warm) -> Path:
    """What each scratch copy is a copy of; made once for each worker."""
    root = tmp_path_factory.mktemp("original") / "scratch"
    skip = shutil.ignore_patterns(".git", "*.tmp")  # what is compiled may come along
    for package in ("groundspeed", "validation", "tools"):
        shutil.copytree(ROOT / package, root / package, ignore=skip)
    (root / "baselines").mkdir()
    for path in (ROOT / "baselines").glob("*.py"):
        shutil.copy(path, root / "baselines" / path.name)
    shutil.copytree(ROOT / "baselines/foreign", root / "baselines/foreign", ignore=skip)
    shutil.copytree(
        ROOT / "baselines/lattice_field_v1", root / "baselines/lattice_field_v1", ignore=skip
    )
    (root / "optimizations").mkdir()
    shutil.copy(ROOT / "optimizations/__init__.py", root / "optimizations/__init__.py")
    for name in ("null", "buffers", "blocked", "numba", "numba_folded", "active_box", "compiled"):
        leaf = f"lattice_field_{name}"
        shutil.copytree(ROOT / "optimizations" / leaf, root / "optimizations" / leaf, ignore=skip)
    (root / ".gitignore").write_text("__pycache__/\n.groundspeed/\nreports/\n*.tmp\n")
    kept = ROOT / ".groundspeed"  # named by digests of all that it rests on: good in any copy
    (root / ".groundspeed").mkdir()
    for folder in ("kept", "compiled"):
        (kept / folder).mkdir(parents=True, exist_ok=True)
        (root / ".groundspeed" / folder).symlink_to(kept / folder)
    first = Scratch(root, warm)
    first.git("init", "-q")
    first.commit()
    return root


@pytest.fixture
def scratch(tmp_path, original, warm) -> Scratch:
    shutil.copytree(original, tmp_path, symlinks=True, dirs_exist_ok=True)
    return Scratch(tmp_path, warm)
