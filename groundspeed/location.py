"""Where a project lies: rules alone, which ask nothing of the process that they are used in."""

from pathlib import Path

VARIABLE = "GROUNDSPEED_ROOT"
SETTINGS = "groundspeed.toml"


def is_project(folder: Path) -> bool:
    """Whether a project lies there: its settings, or the folders that make one."""
    made = (folder / "optimizations" / "__init__.py").is_file() and (folder / "baselines").is_dir()
    return made or (folder / SETTINGS).is_file()


def find(start: Path) -> Path | None:
    """The project around a folder; else the one that lies in the repository around it.

    Raises:
        ValueError: several lie there.
    """
    for folder in (start, *start.parents):
        if is_project(folder):
            return folder
        below = sorted(path.parent for path in folder.glob(f"*/{SETTINGS}"))
        if len(below) > 1:
            raise ValueError(
                f"{folder} has {len(below)} projects: {', '.join(p.name for p in below)}; "
                "say which: groundspeed --root FOLDER"
            )
        if below:
            return below[0]
        if (folder / ".git").exists() or (folder / "pyproject.toml").exists():
            break  # what lies above is somebody else's
    return None
