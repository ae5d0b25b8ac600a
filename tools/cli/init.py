"""Command ``init``: groundspeed in a project of one's own."""

import json
import os
import tomllib
from importlib.metadata import version
from pathlib import Path

import jinja2

from groundspeed import project
from groundspeed.tools import console
from groundspeed.validation.records.atomic import write_atomic
from groundspeed.validation.records.git import git

FILES = {  # place in the project: its text
    "groundspeed.toml": "groundspeed.toml",
    "asv.conf.json": "asv.conf.json",
    "baselines/__init__.py": "baselines.py",
    "optimizations/__init__.py": "optimizations.py",
    "reports/.gitkeep": "",
    "tests/performance/.gitkeep": "",
    ".gitignore": "gitignore",
    "gitlab-ci.yml": "gitlab-ci.yml",
}
WORKFLOW = ".github/workflows/performance.yml"  # of the repository: looked for nowhere else
SOURCE = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "project_files"),
    undefined=jinja2.StrictUndefined,
    keep_trailing_newline=True,
)


def run(folder: Path, as_json: bool = False) -> int:
    """The verb ``init``: writes what is not there, and nothing over what is.

    Raises:
        ValueError: a file stands in the way.
    """
    place = folder.resolve()
    for part in (place, *place.parents):
        if part.exists() and not part.is_dir():
            raise ValueError(f"{part} is a file; allowed: a folder, there or new; name another")
    top, words = surroundings(place)
    wanted = {place / name: text for name, text in FILES.items()}
    if project.repository(top):
        wanted[top / WORKFLOW] = "github.yml"
    rows = []
    for path, name in wanted.items():
        state = "KEPT" if path.exists() else "WRITTEN"
        if state == "WRITTEN":
            text = SOURCE.get_template(f"{name}.jinja").render(words) if name else ""
            write_atomic(path, text)
        rows.append((os.path.relpath(path), state))
    hint = "from this folder or above it: groundspeed create tests/test_SIMULATION.py"
    if as_json:
        console.as_json({"root": str(place), "files": dict(rows), "next": hint})
        return 0
    console.answer(False, None, rows)
    if not project.repository(top):
        console.line("no git repository", "", "", "timings will name no commit; git init makes one")
    console.line("next", "", "", hint)
    return 0


def surroundings(place: Path) -> tuple[Path, dict[str, object]]:
    """The folder of the code under test, and what the files say of it.

    That is the repository, else the nearest folder above with a pyproject.toml, else the project.
    """
    existing = next(p for p in (place, *place.parents) if p.is_dir())
    repository = project.repository(existing)
    with_settings = (p for p in (place, *place.parents) if (p / "pyproject.toml").exists())
    top = repository or next(with_settings, place)
    code = Path(os.path.relpath(top, place)).as_posix()
    found = [Path(os.path.relpath(top / part, place)).as_posix() for part in import_folders(top)]
    folder = Path(os.path.relpath(place, top)).as_posix()
    installed = (top / "pyproject.toml").exists() or (top / "setup.py").exists()
    return top, {
        "name": top.name,
        "code": code,
        "paths": json.dumps([part for part in found if part != "."]),
        "repo": Path(os.path.relpath(repository or place, place)).as_posix(),
        "folder": folder,
        "here": f"{folder}/gitlab-ci.yml".removeprefix("./"),
        "install": " -e ." if installed else "",
        "version": version("groundspeed"),
        "branch": git(top, "branch", "--show-current").text.strip() or "main",
    }


def import_folders(top: Path) -> list[str]:
    """Where tests of a project find its modules: as pytest is told, else in src/ and at the top."""
    try:
        settings = tomllib.loads((top / "pyproject.toml").read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError):
        settings = {}
    options = settings.get("tool", {}).get("pytest", {}).get("ini_options", {})
    told = options.get("pythonpath", [])
    told = told.split() if isinstance(told, str) else list(told)
    return list(dict.fromkeys([*told, *(["src"] if (top / "src").is_dir() else []), "."]))
