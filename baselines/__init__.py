"""Frozen engines: the ground truth. Found by folder; nothing is registered."""

from __future__ import annotations

import importlib

from groundspeed import project  # and with it the short names of the contract

HERE = project.ROOT / "baselines"
NOT_ENGINES = {"foreign"}  # a package of ours between them


def names() -> list[str]:
    """Every baseline that has a folder here."""
    found = {path.parent.name for path in HERE.glob("*/__init__.py")}
    return sorted(found - NOT_ENGINES)


def load(name: str):
    """The engine of that name.

    Raises:
        LookupError: no such folder.
    """
    if name not in names():
        raise LookupError(f"no baseline {name!r} in baselines/; have {names()}")
    project.make_importable()
    return importlib.import_module(f"baselines.{name}").engine
