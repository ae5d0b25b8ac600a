"""Public simulation codes of different make, each made a baseline as a new user would.

`make test-foreign` installs them into an environment of their own (.foreign/, some minutes and
2 GB the first time), makes a baseline of each program in programs/, profiles it, adds a null
optimization and has it judged, and of some a right and a wrong real one (optimizations/). Projects
of users that are in no package index are cloned; one that cannot be had is skipped. Whatever a verb
does, not a file of the program's project may change. What came out is reports/foreign.json;
reports/foreign.md is written from that and from nothing else, and `foreign.py --page` writes it
again without any environment. Not part of `make test`: it needs the package index. Words on the
command line choose programs; the rows of the others stay as they are on record.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from foreign_page import NONE, SKIPPED, fits, page
from public_codes import CODES, Code, Source

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
HOME = ROOT / ".foreign"
INSTALLED = Path(os.environ.get("FOREIGN_PYTHON", HOME / "venv" / "bin" / "python"))
TORCH = os.environ.get("TORCH", "torch==2.13.0")
RECORD, PAGE = ROOT / "reports" / "foreign.json", ROOT / "reports" / "foreign.md"
HOT = 0.1  # share of a run


@dataclass
class Row:
    """What came out."""

    code: dict
    words: str = ""
    files: int = 0
    lines: int = 0
    fields: list[str] = field(default_factory=list)
    steps: int = 0
    truth: str = ""
    verdict: str = ""
    right: str = ""
    wrong: str = ""
    hot: str = ""
    seconds: float = 0.0
    made: str = ""
    commit: str = ""
    versions: dict[str, str] = field(default_factory=dict)


def main(words: list[str]) -> int:
    """Try the programs named, or all; 1 unless every program on the list is as it should be."""
    names = [word for word in words if word != "--page"]
    if unknown := set(names) - {code.program for code in CODES}:
        have = ", ".join(code.program for code in CODES)
        print(f"no program {sorted(unknown)[0]!r}; have {have}", file=sys.stderr)
        return 2
    if "--page" not in words:
        install()
        for code in CODES:
            if not names or code.program in names:
                keep(row := tried(code))
                told = f"{code.program:12} {row.verdict:10} {row.seconds:6.0f} s  {row.words}"
                print(f"{told}; {row.hot}", flush=True)
    known = rows()
    replaced(PAGE, page(known))
    return int(not all(code.program in known and fits(known[code.program]) for code in CODES))


def rows() -> dict[str, dict]:
    """What is on record, by program."""
    return json.loads(RECORD.read_text()) if RECORD.exists() else {}


def keep(row: Row) -> None:
    """The row in place of an earlier one, in the order of the list."""
    known = rows() | {row.code["program"]: asdict(row)}
    ordered = {code.program: known[code.program] for code in CODES if code.program in known}
    replaced(RECORD, json.dumps(ordered, indent=1) + "\n")


def replaced(path: Path, text: str) -> None:
    """The file with this text: a reader sees the old one or the new one."""
    partial = path.with_suffix(f"{path.suffix}.{os.getpid()}.tmp")
    try:
        partial.write_text(text)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def install() -> None:
    """An environment with groundspeed and the packages, once."""
    if INSTALLED.exists():
        return
    pip = [str(INSTALLED), "-m", "pip", "install", "-q"]
    subprocess.run([sys.executable, "-m", "venv", HOME / "venv"], check=True)
    subprocess.run([*pip, TORCH], check=True)
    subprocess.run([*pip, "-e", f"{ROOT}[profile]", "pytest", TORCH], check=True)
    packages = [name for code in CODES if not code.source for name in (code.package, *code.beside)]
    subprocess.run([*pip, *packages, TORCH], check=True)


def started(place: Path) -> Path:
    """A project of groundspeed with no baseline and no optimization in it, as a user begins."""
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    subprocess.run(["git", "init", "-q", place], check=True)  # else it would be of ours
    done = groundspeed(place, "init")
    if done.returncode:
        raise RuntimeError(f"groundspeed init: {one_line(done)}")
    return place


def groundspeed(root: Path, *words: str) -> subprocess.CompletedProcess:
    environment = os.environ | {"PYTHONPATH": ""}
    return subprocess.run([str(INSTALLED), "-W", "ignore", "-m", "groundspeed", *words], cwd=root,
                          env=environment, capture_output=True, text=True, check=False)  # fmt: skip


def project_of(code: Code) -> Path:
    """A project of its own, as a user has: the program, and the repository that it is about.

    Raises:
        LookupError: the repository cannot be had.
    """
    project = HOME / "projects" / code.program
    shutil.rmtree(project, ignore_errors=True)
    project.mkdir(parents=True)
    (project / "pytest.ini").touch()  # says that the project begins here
    shutil.copy(HERE / "programs" / f"{code.program}.py", project)
    if code.source:
        part = Path(code.source.part)
        shutil.copytree(checkout(code.source) / part, project / part.name)
    return project


def checkout(source: Source) -> Path:
    """The repository at its commit, cloned once.

    Raises:
        LookupError: it cannot be had.
    """
    place = HOME / "sources" / source.repository.replace("/", "+")
    git = ["git", "-c", "advice.detachedHead=false"]
    clone = [*git, "clone", "-q", "--no-checkout", f"https://github.com/{source.repository}", place]
    take = [*git, "-C", place, "checkout", "-q", source.commit, "--", source.part]
    for words in (take,) if place.exists() else (clone, take):
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode:
            raise LookupError(f"{source.repository} cannot be had: {one_line(done)}")
    return place


def fingerprint(project: Path) -> dict[str, tuple]:
    """Content and time of every file and folder."""
    return {
        str(path.relative_to(project)): (
            hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder",
            path.stat().st_mtime_ns,
        )
        for path in project.rglob("*")
    }


def tried(code: Code) -> Row:
    """One program through create, profile, new and validate."""
    row, began = Row(asdict(code)), time.monotonic()
    row.versions = versions(code)
    row.made, row.commit = time.strftime("%Y-%m-%d", time.gmtime()), commit()
    try:
        project = project_of(code)
    except LookupError as reason:
        row.verdict, row.words = SKIPPED, str(reason)
        return row
    before = fingerprint(project)
    use(code, project, row)
    if changed := sorted(set(before.items()) ^ set(fingerprint(project).items())):
        row.verdict, row.words = "WROTE", f"{changed[0][0]} of the user's project was changed"
    row.seconds = time.monotonic() - began
    return row


def use(code: Code, project: Path, row: Row) -> None:
    """What a user does with the program; the row is told what came of it."""
    root, name = started(HOME / "work" / code.program), f"{code.stem}_v1"
    done = groundspeed(root, "create", str(project / f"{code.program}.py"), *code.options)
    row.words, row.verdict = one_line(done), "NOT MADE"
    if done.returncode:
        return
    describe(row, root / "baselines" / name)
    row.hot = hot_line(root, name, code)
    groundspeed(root, "new", f"{code.stem}_null", "--baseline", name)
    done = groundspeed(root, "validate", f"{code.stem}_null")
    row.words, row.verdict = one_line(done), "VERIFIED" if done.returncode == 0 else "REFUSED"
    if code.level:
        row.right, row.wrong = (judged(root, code, which) for which in ("right", "wrong"))


def judged(root: Path, code: Code, which: str) -> str:
    """The verdict on a real optimization of the program, and the words of it."""
    name = f"{code.stem}_{which}"
    groundspeed(root, "new", name, "--baseline", f"{code.stem}_v1")
    folder, text = root / "optimizations" / name, HERE / "optimizations" / code.stem
    shutil.copy(text / f"{which}.py", folder / "implementation.py")
    claim = folder / "validation.py"
    claim.write_text(claim.read_text().replace('level="exact"', f'level="{code.level}"'))
    done = groundspeed(root, "validate", name)
    return one_line(done).removeprefix(name).strip()


def versions(code: Code) -> dict[str, str]:
    """Of what it ran with."""
    package = () if code.source else (code.package,)
    text = (
        "import json, platform, sys; from importlib.metadata import version; "
        "print(json.dumps({'Python': platform.python_version()} "
        "| {name: version(name) for name in ('torch', 'numpy', *sys.argv[1:])}))"
    )
    words = [str(INSTALLED), "-c", text, *package]
    found = json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
    return found | ({code.package: code.source.commit[:10]} if code.source else {})


def commit() -> str:
    """Of the harness; with a plus where files differ from it."""
    told = [
        subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=True)
        for words in (["rev-parse", "--short=10", "HEAD"], ["status", "--porcelain", "-uno"])
    ]
    changed = [one for one in told[1].stdout.splitlines() if " reports/" not in one]
    return told[0].stdout.strip() + ("+" if changed else "")


def one_line(done: subprocess.CompletedProcess) -> str:
    text = (done.stdout if done.returncode == 0 else done.stderr + done.stdout).strip()
    return " ".join((text.splitlines() or ["it said nothing"])[0].split())


def describe(row: Row, folder: Path) -> None:
    """What was frozen, from the baseline's own record."""
    origin = json.loads((folder / "origin.json").read_text())
    copies = [p for p in (folder / "frozen_sources").rglob("*") if p.is_file()]
    row.files = len(copies)
    row.lines = sum(len(p.read_bytes().splitlines()) for p in copies)
    case = origin["cases"]["recorded"]
    row.steps, row.truth = case["steps"], case["truth_is"]
    sealed = json.loads((folder / "frozen" / "manifest.json").read_text())
    row.fields = list(sealed["answers"]["recorded"]["float64_error"])


def hot_line(root: Path, name: str, code: Code) -> str:
    """The hottest line by `groundspeed profile` among those that the code must be hot in."""
    done = groundspeed(root, "profile", name, "--seconds", "2")
    record = root / "reports" / "profiles" / name / "raw" / "profile.json"
    if done.returncode or not record.exists():
        return f"not available: {one_line(done)}"
    return expected_line(json.loads(record.read_text())["lines"], code)


def expected_line(lines: list[dict], code: Code) -> str:
    """The line with its share, whose interval must not lie below a tenth."""
    file, functions, word = code.hot
    for line in lines:
        expected = Path(line["file"]).name == file and line["function"] in functions
        hot = line["share"] + line["half_width"] >= HOT
        if expected and word in line["source"] and hot:
            return f"{file}:{line['line']} `{line['source'][:60]}` {line['share']:.0%}"
    found = ", ".join(f"{one['file']}:{one['line']} {one['share']:.0%}" for one in lines[:3])
    return f"{NONE} {file} {'/'.join(functions)}; found {found or 'no line'}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
