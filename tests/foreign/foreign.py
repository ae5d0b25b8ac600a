"""Public simulation codes of different make, each made a baseline as a new user would.

`make test-foreign` installs them into an environment of their own (.foreign/, some minutes and
2 GB the first time), makes a baseline of each program in programs/, profiles it, adds a null
optimization, has it judged, and writes reports/foreign.md. Not part of `make test`: it needs
the package index. Words on the command line choose programs.
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
HOT = 0.1  # share of a run
NONE = "no hot line in"


@dataclass
class Code:
    """A program, the package that it uses, and how it is made a baseline.

    ``hot`` is known from the algorithm and was confirmed by cProfile, which counts calls and
    does not sample: file, functions and a word of the line in which a tenth of the run or more
    must be found.
    """

    program: str
    package: str
    what: str
    options: list[str]
    hot: tuple[str, tuple[str, ...], str]


MAIN = ("<module>",)
CODES = [
    Code(
        "cavity", "fdtd", "2-D FDTD", ["--step", "fdtd.grid:Grid.step"],
        ("grid.py", ("curl_E", "curl_H", "update_E", "update_H"), "curl"),
    ),
    Code(
        "argon", "ase", "molecular dynamics", ["--step", "ase.md.verlet:VelocityVerlet.step"],
        ("calculator.py", ("equal",), "np.allclose("),
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
]  # fmt: skip


@dataclass
class Row:
    """What came out."""

    code: dict
    version: str = ""
    words: str = ""
    files: int = 0
    lines: int = 0
    fields: list[str] = field(default_factory=list)
    steps: int = 0
    truth: str = ""
    verdict: str = ""
    hot: str = ""
    seconds: float = 0.0


def main(names: list[str]) -> int:
    install()
    results = HOME / "results"
    results.mkdir(parents=True, exist_ok=True)
    for code in CODES:
        if not names or code.program in names:
            row = tried(code)
            (results / f"{code.program}.json").write_text(json.dumps(asdict(row)))
            print(
                f"{code.program:12} {row.verdict:10} {row.seconds:6.0f} s  {row.words}; {row.hot}",
                flush=True,
            )
    found = [results / f"{c.program}.json" for c in CODES]
    rows = [json.loads(path.read_text()) for path in found if path.exists()]
    (ROOT / "reports" / "foreign.md").write_text(page(rows))
    return int(not all(passed(row) for row in rows))


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
    subprocess.run([*pip, *(code.package for code in CODES), TORCH], check=True)


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
    return place


def groundspeed(root: Path, *words: str) -> subprocess.CompletedProcess:
    environment = os.environ | {"PYTHONPATH": str(root)}
    return subprocess.run([str(INSTALLED), "-W", "ignore", "-m", "tools", *words], cwd=root,
                          env=environment, capture_output=True, text=True, check=False)  # fmt: skip


def tried(code: Code) -> Row:
    """One program through create, profile, new and validate."""
    row, began = Row(asdict(code)), time.monotonic()
    row.version = version(code.package)
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


def version(package: str) -> str:
    code = f"from importlib.metadata import version; print(version({package!r}))"
    done = subprocess.run([str(INSTALLED), "-c", code], capture_output=True, text=True, check=False)
    return done.stdout.strip()


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
    record = root / "reports" / "profiles" / name / "profile.json"
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


def page(rows: list[dict]) -> str:
    """reports/foreign.md."""
    head = """# Public codes, made baselines

Written by `make test-foreign`: each program of tests/foreign/programs, as a user would have it,
through `create`, `profile`, `new` (the null optimization) and `validate`.

| program | package | kind | engine | frozen | state | null optimization | hot line |
|---|---|---|---|---|---|---|---|
"""
    lines = []
    for r in rows:
        code, options = r["code"], " ".join(r["code"]["options"])
        engine = f"`{options}`, {r['steps']} steps" if r["steps"] else f"`{options}`"
        frozen = f"{r['files']} files, {r['lines']} lines"
        fields = ", ".join(r["fields"])
        lines.append(
            f"| {code['program']} | {code['package']} {r['version']} | {code['what']} | {engine} | "
            f"{frozen} | {fields} | {r['verdict']}: {r['words']} | {r['hot']} |"
        )
    return head + "\n".join(lines) + f"\n\n{versions()}\n"


def versions() -> str:
    code = (
        "import platform, torch, numpy; "
        "print(f'Python {platform.python_version()}, torch {torch.__version__}, '"
        "f'numpy {numpy.__version__}, {platform.system()} {platform.machine()}, one thread.')"
    )
    done = subprocess.run([str(INSTALLED), "-c", code], capture_output=True, text=True, check=False)
    return done.stdout.strip()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
