"""Public simulation codes of different make, each made a baseline as a new user would.

`make test-foreign` installs them into an environment of their own (.foreign/, some minutes and
2 GB the first time), makes a baseline of each program in programs/, profiles it, adds a null
optimization and has it judged. What came out is reports/foreign.json; reports/foreign.md is
written from that and from nothing else, and `foreign.py --page` writes it again without any
environment. Not part of `make test`: it needs the package index. Words on the command line
choose programs; the rows of the others stay as they are on record.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
HOME = ROOT / ".foreign"
INSTALLED = Path(os.environ.get("FOREIGN_PYTHON", HOME / "venv" / "bin" / "python"))
TORCH = os.environ.get("TORCH", "torch==2.13.0")
RECORD, PAGE = ROOT / "reports" / "foreign.json", ROOT / "reports" / "foreign.md"
HOT = 0.1  # share of a run
NONE = "no hot line in"


@dataclass
class Code:
    """A program, the package that it uses, and how it is made a baseline.

    ``hot`` is known from the algorithm and was confirmed by cProfile or line_profiler, which
    count and do not sample: file, functions and a word of the line in which a tenth of the run or
    more must be found.
    """

    program: str
    package: str
    what: str
    options: list[str]
    hot: tuple[str, tuple[str, ...], str]
    beside: tuple[str, ...] = ()  # packages that it needs and does not bring


MAIN = ("<module>",)
CODES = [
    Code(
        "cavity", "fdtd", "2-D FDTD", ["--step", "fdtd.grid:Grid.step"],
        ("grid.py", ("curl_E", "curl_H", "update_E", "update_H"), "curl"),
    ),
    Code(
        "argon", "ase", "molecular dynamics", ["--step", "ase.md.verlet:VelocityVerlet.step"],
        ("lj.py", ("calculate",), "distance_vectors ="),
    ),
    Code(
        "plummer", "pytreegrav", "N-body, direct sum", ["--step", "plummer:leap"],
        ("plummer.py", ("leap",), "Accel("),
    ),
    Code(
        "turbulence", "torch-cfd", "spectral Navier-Stokes",
        ["--step", "torch_cfd.spectral:NavierStokes2DSpectral.step"],
        ("spectral.py", ("_explicit_terms",), "fft"),
    ),
    Code(
        "spots", "py-pde", "Cahn-Hilliard, finite differences", ["--output", "phase"],
        ("spots.py", MAIN, ".solve("),
    ),
    Code(
        "spiral", "torchdiffeq", "neural ODE", ["--output", "path"],
        ("spiral.py", ("forward",), "self.net("),
    ),
    Code(
        "stochastic", "torchsde", "stochastic ODE", ["--output", "paths"],
        ("stochastic.py", MAIN, "sdeint("),
    ),
    Code(
        "heat", "fipy", "finite volumes, implicit", ["--output", "temperature"],
        ("heat.py", MAIN, "equation.solve("),
    ),
    Code(
        "vortices", "pylbm", "lattice Boltzmann", ["--output", "density", "--output", "momentum"],
        ("vortices.py", MAIN, "one_time_step("), beside=("mpich",),
    ),
]  # fmt: skip


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
    return int(not all(code.program in known and passed(known[code.program]) for code in CODES))


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


def passed(row: dict) -> bool:
    wrong = row["hot"].startswith((NONE, "not available"))
    return row["verdict"] == "VERIFIED" and not wrong


def install() -> None:
    """An environment with groundspeed and the packages, once."""
    if INSTALLED.exists():
        return
    pip = [str(INSTALLED), "-m", "pip", "install", "-q"]
    subprocess.run([sys.executable, "-m", "venv", HOME / "venv"], check=True)
    subprocess.run([*pip, TORCH], check=True)
    subprocess.run([*pip, "-e", str(ROOT), "pytest", TORCH], check=True)
    packages = [name for code in CODES for name in (code.package, *code.beside)]
    subprocess.run([*pip, *packages, TORCH], check=True)


def clone(place: Path) -> Path:
    """The harness with no baseline and no optimization in it."""
    shutil.rmtree(place, ignore_errors=True)
    skip = shutil.ignore_patterns("__pycache__")
    for package in ("tools", "validation"):
        shutil.copytree(ROOT / package, place / package, ignore=skip)
    for package in ("baselines", "optimizations"):
        (place / package).mkdir()
        for file in (ROOT / package).glob("*.py"):
            shutil.copy(file, place / package)
    shutil.copytree(ROOT / "baselines" / "foreign", place / "baselines" / "foreign")
    return place


def groundspeed(root: Path, *words: str) -> subprocess.CompletedProcess:
    environment = os.environ | {"PYTHONPATH": str(root)}
    return subprocess.run([str(INSTALLED), "-W", "ignore", "-m", "groundspeed", *words], cwd=root,
                          env=environment, capture_output=True, text=True, check=False)  # fmt: skip


def tried(code: Code) -> Row:
    """One program through create, profile, new and validate."""
    row, began = Row(asdict(code)), time.monotonic()
    row.versions = versions(code.package)
    row.made, row.commit = time.strftime("%Y-%m-%d", time.gmtime()), commit()
    root = clone(HOME / "work" / code.program)
    project = HOME / "projects" / code.program  # a project of its own, as a user has
    project.mkdir(parents=True, exist_ok=True)
    (project / "pytest.ini").touch()  # says that the project begins here
    shutil.copy(HERE / "programs" / f"{code.program}.py", project)
    before = sorted(project.rglob("*"))
    program, name = project / f"{code.program}.py", f"{code.program}_v1"
    done = groundspeed(root, "create", str(program), *code.options)
    row.words, row.verdict = one_line(done), "NOT MADE"
    if done.returncode == 0:
        describe(row, root / "baselines" / name)
        row.hot = hot_line(root, name, code)
        groundspeed(root, "new", f"{code.program}_null", "--baseline", name)
        done = groundspeed(root, "validate", f"{code.program}_null")
        row.words, row.verdict = one_line(done), "VERIFIED" if done.returncode == 0 else "REFUSED"
    if sorted(project.rglob("*")) != before:
        row.verdict, row.words = "WROTE", "something was written into the user's project"
    row.seconds = time.monotonic() - began
    return row


def versions(package: str) -> dict[str, str]:
    """Of what it ran with."""
    code = (
        "import json, platform, sys; from importlib.metadata import version; "
        "print(json.dumps({'Python': platform.python_version()} "
        "| {name: version(name) for name in ('torch', 'numpy', *sys.argv[1:])}))"
    )
    words = [str(INSTALLED), "-c", code, package]
    return json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)


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


HEAD = """# Public codes, made baselines

Written by `make test-foreign` from reports/foreign.json: each program of tests/foreign/programs, as
a user would have it, through `create`, `profile`, `new` (the null optimization) and `validate`.
A hot line is the hottest that `profile` found among the lines that must be hot by the algorithm.

| program | package | kind | engine | frozen | state | null optimization | hot line | tried |
|---|---|---|---|---|---|---|---|---|
"""


def page(known: dict[str, dict]) -> str:
    """reports/foreign.md: what the record says, and which program it says nothing of."""
    lines = [told(code, known.get(code.program)) for code in CODES]
    good = sum(passed(known[c.program]) for c in CODES if c.program in known)
    end = f"{good} of {len(CODES)}: frozen, null optimization VERIFIED, and the right line hot."
    return HEAD + "\n".join(lines) + f"\n\n{end}\n"


def told(code: Code, row: dict | None) -> str:
    """A row of the page."""
    if row is None:
        return f"| {code.program} | {code.package} | {code.what} | | | | NOT TRIED | | |"
    options = " ".join(row["code"]["options"])
    steps = f", {row['steps']} steps" if "--step" in options else ", whole run"
    held = row["versions"]
    package = row["code"]["package"]
    with_what = ", ".join(f"{name} {v}" for name, v in held.items() if name != package)
    cells = (
        row["code"]["program"],
        f"{package} {held[package]}",
        row["code"]["what"],
        f"`{options}`{steps}",
        f"{row['files']} files, {row['lines']} lines",
        ", ".join(row["fields"]),
        f"{row['verdict']}: {row['words']}",
        row["hot"],
        f"{row['made']}, {row['commit']}; {with_what}",
    )
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
