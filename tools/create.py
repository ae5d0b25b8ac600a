"""From any script, module, test or callable to a frozen baseline.

The program runs in processes of its own, in a copy of its project: once to see what it
imports, reads and leaves, once more to see whether it does so again. What was seen is copied,
run from the copies, sealed, and only then moved into place.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import baselines
from tools import console
from tools.observed import Failed, Observed, observe
from tools.target import Target, import_root, resolve
from validation import digests

HARNESS = ("tools", "validation")
OURS = ("tools", "baselines", "validation", "optimizations")
SKIPPED = {
    *(".git", ".venv", "venv", "node_modules", "site-packages", ".groundspeed", ".foreign"),
    *("__pycache__", ".tox", ".asv", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis"),
}
COPIED = 1 << 20  # files up to here are copied into the mirror, larger ones linked
ENTRIES = 50_000  # of a project
FROZEN_BYTES = 64 << 20
EXTRA_COPIES = (".py", ".toml", ".cfg", ".ini", ".json", ".yaml", ".yml", ".txt")


@dataclass
class Wish:
    """What was asked for on the command line."""

    target: Target
    name: str
    step: str = ""
    watch: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    extra: list[Path] = field(default_factory=list)
    allow: list[str] = field(default_factory=list)
    seed: int = 0
    patience_s: float = 300.0
    arguments: list[str] = field(default_factory=list)

    @property
    def freeze(self) -> list[str]:
        """Installed packages whose code is the point: that of the target, of --step, --watch."""
        named = [n.partition(":")[0] for n in (self.step, *self.watch) if n]
        named += [self.target.module] if self.target.installed else []
        return sorted({n.split(".")[0] for n in named if n and n != "__main__"})


def run(text: str, as_json: bool = False, name: str = "", **asked) -> int:
    """The verb ``create``; nothing is left behind where it cannot be done."""
    wish = checked(text, name, **asked)
    with console.progress(f"creating {wish.name}") as tell, scratch() as folder:
        mirror = mirrored(wish, folder / "mirror")
        tell("observing")
        first = observe(specification(wish, mirror, audit=True), wish, folder, 1)
        from tools import baseline_files  # late: torch

        baseline_files.refuse_nothing(text, first)
        tell("observing once more")
        second = observe(specification(wish, mirrored(wish, folder / "again")), wish, folder, 2)
        baseline_files.refuse_difference(text, first, second)
        plain = second
        if wish.step or wish.watch:
            tell("measuring")
            bare = specification(wish, mirrored(wish, folder / "plain"), bare=True)
            plain = observe(bare, wish, folder, 3)
        tell("rehearsing from the copies, and sealing")
        made = baseline_files.write(wish, first, folder / "repository")
        sealed(wish, made, folder)
        baseline_files.report(wish, made, first, plain)
        into_place(made, wish.name)
    tell_user(wish, first, as_json)
    return 0


def checked(text: str, name: str, **asked) -> Wish:
    """The wish, if nothing is in the way.

    Raises:
        LookupError, ValueError: what is wrong, what is allowed.
    """
    target = resolve(text)
    name = name or f"{target.name}_v1"
    if not name.isidentifier():
        raise ValueError(f"--name is {name!r}; allowed: a name that Python imports, like waves_v1")
    if name in baselines.names() or (digests.ROOT / "baselines" / name).exists():
        raise ValueError(f"baselines/{name} exists; take another with --name, or delete it")
    for option in ("step", "watch"):
        for spec in [asked.get(option)] if option == "step" else asked.get(option) or []:
            if spec and not all(spec.partition(":")[::2]):
                raise ValueError(f"--{option} is {spec!r}; allowed: module:function")
    if asked.get("step") and asked.get("watch"):
        raise ValueError("--step and --watch are given; allowed: one of them")
    for path in asked.get("extra") or []:
        if not path.is_file():
            raise LookupError(f"--with: no such file: {path}")
    unknown = set(asked.get("allow") or []) - {"network", "processes"}
    if unknown:
        raise ValueError(f"--allow is {sorted(unknown)[0]!r}; allowed: network, processes")
    return Wish(target=target, name=name, **{k: v for k, v in asked.items() if v is not None})


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder that is gone afterwards, whatever happens."""
    folder = Path(tempfile.mkdtemp(prefix=f"groundspeed-create-{os.getpid()}-")).resolve()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def mirrored(wish: Wish, mirror: Path) -> Path:
    """A copy of the project to run in: small files copied, large ones linked."""
    top = mirror / "project"
    top.mkdir(parents=True)
    if wish.target.installed:
        return mirror
    project, count = wish.target.project, 0
    for folder, folders, files in os.walk(project):
        folders[:] = [f for f in folders if f not in SKIPPED and not f.endswith(".egg-info")]
        here = top / os.path.relpath(folder, project)
        here.mkdir(exist_ok=True)
        for file in files:
            count += 1
            if count > ENTRIES:
                raise ValueError(
                    f"{project} holds more than {ENTRIES} files; put a pyproject.toml or an empty "
                    "pytest.ini beside the program to say where its project begins"
                )
            source = Path(folder) / file
            if source.suffix != ".pyc" and source.exists():
                mirror_file(source, here / file)
    return mirror


def mirror_file(source: Path, place: Path) -> None:
    if source.suffix in EXTRA_COPIES and source.stat().st_size <= COPIED:
        shutil.copy(source, place)
    else:
        place.symlink_to(source.resolve())


def specification(wish: Wish, mirror: Path, audit: bool = False, bare: bool = False) -> dict:
    """What the observing process is told."""
    return {
        "mirror": str(mirror),
        "project": "/nowhere" if wish.target.installed else str(wish.target.project),
        "installed": wish.target.installed,
        "program": program(wish),
        "step": "" if bare else wish.step,
        "watch": [] if bare else wish.watch,
        "outputs": [] if bare else wish.outputs,
        "freeze": wish.freeze,
        "allow": wish.allow,
        "seed": wish.seed,
        "audit": audit,
    }


def program(wish: Wish) -> dict:
    """The program as plain data; see `baselines.program.Program`."""
    target, project = wish.target, wish.target.project
    if target.installed:
        return {"kind": target.kind, "module": target.module, "part": target.part,
                "cwd": "project", "names": OURS}  # fmt: skip
    inside = lambda path: os.path.normpath(Path("project") / os.path.relpath(path, project))  # noqa: E731
    here = Path.cwd()
    first = import_root(target.file) if target.kind == "callable" else target.file.parent
    config = next((c for c in ("pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg")
                   if (project / c).exists()), "")  # fmt: skip
    return {
        "kind": target.kind,
        "file": inside(target.file),
        "module": target.module,
        "part": target.part,
        "paths": list(dict.fromkeys([inside(first), "project"])),
        "names": OURS,
        "cwd": inside(here) if project == here or project in here.parents else "project",
        "config": inside(project / config) if config and target.kind == "pytest" else "",
        "arguments": wish.arguments,
        "seed": wish.seed,
    }


def sealed(wish: Wish, made: Path, folder: Path) -> None:
    """Run it from the copies and seal it; raises where it does not give what was seen."""
    words = ["-m", "tools.rehearsal", wish.name, str(folder / "seen")]
    done = in_repository(made.parent.parent, words, 10 * wish.patience_s)
    told = json.loads(done.stdout.strip().splitlines()[-1]) if done.stdout.strip() else {}
    if done.returncode or "error" in told:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise Failed(f"{wish.target.text}: {told.get('error', last)}")


def in_repository(repository: Path, words: list[str], patience_s: float):
    """A process in the copy of the harness that holds only the new baseline."""
    environment = os.environ | {"PYTHONPATH": str(repository), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-B", *words],
        cwd=repository,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        out, err = process.communicate(timeout=patience_s)
    except subprocess.TimeoutExpired:
        raise Failed(f"sealing took more than {patience_s:.0f} s; say --patience-s") from None
    finally:
        process.kill()
        process.wait()
    return subprocess.CompletedProcess(words, process.returncode, out, err)


def into_place(made: Path, name: str) -> None:
    """Beside its place first, then renamed into it: a reader sees all or nothing."""
    waiting = digests.ROOT / ".groundspeed" / f"{name}.{os.getpid()}.tmp"
    waiting.parent.mkdir(exist_ok=True)
    try:
        shutil.copytree(made, waiting, ignore=shutil.ignore_patterns("__pycache__"))
        if (digests.ROOT / "baselines" / name).exists():
            raise ValueError(f"baselines/{name} exists now; take another with --name")
        waiting.rename(digests.ROOT / "baselines" / name)
    finally:
        shutil.rmtree(waiting, ignore_errors=True)


def tell_user(wish: Wish, seen: Observed, as_json: bool) -> None:
    stem = wish.name.rpartition("_v")[0] or wish.name
    following = f"groundspeed new {stem}_idea --baseline {wish.name}"
    if as_json:
        console.as_json({"engine": wish.name, "fields": sorted(seen.numbers["fields"]),
                         "files": sorted(seen.answer["files"]), "next": following})  # fmt: skip
        return
    kind = f"step {wish.step}" if wish.step else "whole run"
    words = f"{len(seen.answer['files'])} files, {len(seen.numbers['fields'])} fields, {kind}"
    console.line(wish.name, "FROZEN", "", f"{words}; next: {following}")
