"""A harness of its own, in which baselines are made."""

import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def repository(tmp_path_factory) -> Path:
    """The harness with one baseline's folder, to be in the way."""
    root = tmp_path_factory.mktemp("repository")
    for package in ("groundspeed", "tools", "validation"):
        shutil.copytree(
            ROOT / package, root / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    for package in ("baselines", "optimizations"):
        (root / package).mkdir()
        for file in (ROOT / package).glob("*.py"):
            shutil.copy(file, root / package)
    shutil.copytree(ROOT / "baselines" / "foreign", root / "baselines" / "foreign")
    (root / "baselines" / "lattice_field_v1").mkdir()
    return root
