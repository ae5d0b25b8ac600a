"""Command ``create``: a frozen baseline of any script, module, test or callable.

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
from pathlib import Path

import baselines
from tools import console
from tools.create.request import Request, program
from tools.create.runner import NotABaseline, Observed, observe
from tools.target import resolve
from validation.records import digests

SKIPPED = {
    *(".git", ".venv", "venv", "node_modules", "site-packages", ".groundspeed", ".foreign"),
    *("__pycache__", ".tox", ".asv", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis"),
}
COPIED = 1 << 20  # files up to here are copied into the mirror, larger ones linked
ENTRIES = 50_000  # of a project
EXTRA_COPIES = (".py", ".toml", ".cfg", ".ini", ".json", ".yaml", ".yml", ".txt")


def run(text: str, as_json: bool = False, name: str = "", **asked) -> int:
    """The verb ``create``; nothing is left behind where it cannot be done."""
    request = checked(text, name, **asked)
    with console.progress(f"creating {request.name}") as tell, scratch() as folder:
        mirror = mirrored(request, folder / "mirror")
        tell("observing")
        first = observe(specification(request, mirror, audit=True), request, folder, 1)
        from tools.create import writer  # late: torch

        writer.refuse_nothing(text, first)
        tell("observing once more")
        second = observe(
            specification(request, mirrored(request, folder / "again")), request, folder, 2
        )
        writer.refuse_difference(text, first, second)
        plain = second
        if request.step or request.watch:
            tell("measuring")
            bare = specification(request, mirrored(request, folder / "plain"), bare=True)
            plain = observe(bare, request, folder, 3)
        tell("rehearsing from the copies, and sealing")
        made = writer.write(request, first, folder / "repository")
        sealed(request, made, folder)
        writer.report(request, made, first, plain)
        into_place(made, request.name)
    tell_user(request, first, as_json)
    return 0


def checked(text: str, name: str, **asked) -> Request:
    """The request, if nothing is in the way.

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
    return Request(target=target, name=name, **{k: v for k, v in asked.items() if v is not None})


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder that is gone afterwards, whatever happens."""
    folder = Path(tempfile.mkdtemp(prefix=f"groundspeed-create-{os.getpid()}-")).resolve()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def mirrored(request: Request, mirror: Path) -> Path:
    """A copy of the project to run in: small files copied, large ones linked."""
    top = mirror / "project"
    top.mkdir(parents=True)
    if request.target.installed:
        return mirror
    project, count = request.target.project, 0
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


def specification(request: Request, mirror: Path, audit: bool = False, bare: bool = False) -> dict:
    """What the observing process is told."""
    return {
        "mirror": str(mirror),
        "project": "/nowhere" if request.target.installed else str(request.target.project),
        "installed": request.target.installed,
        "program": program(request),
        "step": "" if bare else request.step,
        "watch": [] if bare else request.watch,
        "outputs": [] if bare else request.outputs,
        "freeze": request.freeze,
        "allow": request.allow,
        "seed": request.seed,
        "audit": audit,
    }


def sealed(request: Request, made: Path, folder: Path) -> None:
    """Run it from the copies and seal it; raises where it does not give what was seen."""
    words = ["-m", "tools.create.verify", request.name, str(folder / "seen")]
    done = in_repository(made.parent.parent, words, 10 * request.patience_s)
    told = json.loads(done.stdout.strip().splitlines()[-1]) if done.stdout.strip() else {}
    if done.returncode or "error" in told:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise NotABaseline(f"{request.target.text}: {told.get('error', last)}")


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
        raise NotABaseline(f"sealing took more than {patience_s:.0f} s; say --patience-s") from None
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


def tell_user(request: Request, seen: Observed, as_json: bool) -> None:
    stem = request.name.rpartition("_v")[0] or request.name
    following = f"groundspeed new {stem}_idea --baseline {request.name}"
    if as_json:
        console.as_json({"engine": request.name, "fields": sorted(seen.numbers["fields"]),
                         "files": sorted(seen.answer["files"]), "next": following})  # fmt: skip
        return
    kind = f"step {request.step}" if request.step else "whole run"
    words = f"{len(seen.answer['files'])} files, {len(seen.numbers['fields'])} fields, {kind}"
    console.line(request.name, "FROZEN", "", f"{words}; next: {following}")
