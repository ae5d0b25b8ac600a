"""Writes the files of a baseline made from a user's program."""

from __future__ import annotations

import ast
import hashlib
import json
import platform
import shutil
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import torch

from baselines import foreign
from baselines.foreign import numeric_leaves
from baselines.foreign.sandbox import Program
from tools.create.request import FROZEN_BYTES, HARNESS, Request, program
from tools.create.runner import NotABaseline, Observed
from tools.records.conditions import conditions
from tools.rendering.templates import PAGES
from validation.records import digests
from validation.reference.distance import distance, widened

STORED = 1 << 20  # bytes of an end state that is kept whole
QUICK_S = 1.0  # a whole run below this is made twice, where it draws random numbers
ORDINARY = "torch", "numpy"

ENGINE = '''"""{title}, frozen from ``{text}``.

{kind}

State:
{told}

Optimizations: `baselines.foreign.substitute(engine, {{"module:function": faster}})` replaces a
function of the program; `baselines.foreign.over_state(engine, stepper)` replaces all of it by a
step from state to state.
"""

from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from baselines import foreign


class State(NamedTuple):
{fields}


engine = foreign.engine(
    "{name}",
    Path(__file__).parent,
    State,
    # of origin.json, which says what was frozen
    "{digest}",
)
'''
PROFILE = '''"""Steps of {name} and nothing else, to be looked at by any profiler.

py-spy record -o flame.svg -- python -m baselines.{name}.profile 100
"""

import sys

import torch

from baselines.{name} import engine


def main(steps: int) -> None:
    torch.set_num_threads(1)
    case = next(iter(engine.cases.values()))
    step, state = engine.prepare(case), engine.adopt(case, engine.initial(case))
    for _ in range(steps):
        state = step(state)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
'''


def refuse_nothing(where: str, seen: Observed) -> None:
    """Raise where a run left nothing that could be compared."""
    if seen.numbers["fields"]:
        return
    left = seen.answer.get("left", {})
    if left.get("not_finite"):
        raise NotABaseline(
            f"{where}: {left['not_finite'][0]} is not finite; allowed: finite numbers; "
            "name others with --output NAME"
        )
    others = left.get("others", [])
    hint = "keep one in a variable, return it, or watch a function: --watch module:function"
    if others:
        hint = f"it leaves {others}: name one with --output"
    raise NotABaseline(f"{where}: no outputs found: no array or tensor is left at the end; {hint}")


def refuse_difference(where: str, first: Observed, second: Observed) -> None:
    """Raise where two runs with one seed did not give the same; says which and how far apart."""
    one, other = first.numbers["fields"], second.numbers["fields"]
    wrong = [n for n in one if n not in other or not numeric_leaves.same(one[n], other[n])]
    if wrong:
        good = [n for n in one if n not in wrong]
        keep = (
            f" or keep only what is: {' '.join(f'--output {n}' for n in good[:3])}" if good else ""
        )
        raise NotABaseline(
            f"{where}: not deterministic under a fixed seed: {gap(wrong[0], one, other)}"
            f"{' and ' + str(len(wrong) - 1) + ' more' if len(wrong) > 1 else ''}; seed what has a "
            f"generator of its own (numpy.random.default_rng(0)){keep}"
        )


def gap(name: str, one: dict, other: dict) -> str:
    """How far apart an output is between two runs."""
    a, b = one[name], other.get(name)
    if b is None or a.shape != b.shape or a.dtype != b.dtype:
        return f"{name} has another shape in each run"
    if not (a.is_floating_point() or a.is_complex()):
        return f"{name} differs in {int((a != b).sum())} of {a.numel()} values"
    return f"{name} is {distance(a, b).largest:.3g} apart"


def write(request: Request, seen: Observed, repository: Path) -> Path:
    """The new baseline, in a repository that holds the harness and nothing else."""
    for package in HARNESS:
        shutil.copytree(digests.ROOT / package, repository / package,
                        ignore=shutil.ignore_patterns("__pycache__"))  # fmt: skip
    (repository / "baselines").mkdir()
    shutil.copytree(digests.ROOT / "baselines" / "foreign", repository / "baselines" / "foreign",
                    ignore=shutil.ignore_patterns("__pycache__"))  # fmt: skip
    for file in (digests.ROOT / "baselines").glob("*.py"):
        shutil.copy(file, repository / "baselines" / file.name)
    folder = repository / "baselines" / request.name
    folder.mkdir()
    start, end, fixed = states(request, seen)
    copy_sources(request, seen, folder)
    torch.save(start, folder / "start.pt")
    if seen.numbers.get("tables"):
        torch.save(seen.numbers["tables"], folder / "schedule.pt")
    torch.save(end, repository.parent / "seen")
    told = origin(request, seen, folder, start, fixed)
    text = json.dumps(told, indent=1)
    (folder / "origin.json").write_text(text)
    digest = hashlib.sha256(text.encode()).hexdigest()
    (folder / "__init__.py").write_text(engine_text(request, told, start, digest))
    (folder / "profile.py").write_text(PROFILE.format(name=request.name))
    tidy(folder / "__init__.py")
    return folder


def states(request: Request, seen: Observed) -> tuple[dict, dict, list[str]]:
    """Start, expected end, and the fields that stay as they are."""
    end = dict(seen.numbers["fields"])
    if request.step:
        start, step = dict(seen.numbers["start"]), seen.answer["step"]
        if step["random"] or step["scheduled"]:
            start["calls"], end["calls"] = torch.tensor(0), torch.tensor(step["steps"])
        return start, end, step["fixed"]
    if not any(t.any() for t in end.values()):
        raise NotABaseline(f"{request.target.text}: all of {', '.join(list(end)[:5])} are zero, so "
                     "zeros would pass; name others with --output or --watch")  # fmt: skip
    start = {n: torch.zeros_like(t) for n, t in end.items()} | {"runs": torch.tensor(0)}
    return start, end, [n for n, t in end.items() if not t.any()]


def copy_sources(request: Request, seen: Observed, folder: Path) -> None:
    """The files that were used, where they are found again."""
    files = dict(seen.answer["files"])
    for path in request.extra:
        full = path.resolve()
        if request.target.project not in full.parents:
            raise NotABaseline(f"--with {path} is not in the project {request.target.project}")
        files[f"project/{full.relative_to(request.target.project)}"] = str(full)
    total = 0
    for place, source in files.items():
        total += Path(source).stat().st_size
        if total > FROZEN_BYTES:
            raise NotABaseline(
                f"{request.target.text} reads more than {FROZEN_BYTES >> 20} MB of files (now "
                f"{place}); give it a smaller problem to be frozen"
            )
        copy = folder / foreign.COPIES / place
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, copy)
    seen.answer["files"] = files


def origin(request: Request, seen: Observed, folder: Path, start: dict, fixed: list[str]) -> dict:
    """Everything that says what was frozen and how it runs."""

    answer, step = seen.answer, seen.answer.get("step")
    runs = program(request) | {
        "names": answer["names"],
        "paths": [*answer["paths"], *answer["roots"]],
        "writes": answer["writes"],
    }
    imported = imports(folder / foreign.COPIES)
    random = bool(step and step["random"])
    return {
        "from": request.target.text if not Path(request.target.text).is_absolute() else
                str(request.target.file.relative_to(request.target.project)),
        "program": asdict(foreign.from_json(Program, runs)),
        "step": step,
        "watch": request.watch,
        "outputs": request.outputs,
        "fixed": fixed,
        "cases": cases(request, seen, imported, random, start),
        "opaque": "" if "torch" in imported else "numpy inside: operators are not seen",
        "files": {str(p.relative_to(folder)): digests.of_file(p)
                  for p in sorted(folder.rglob("*")) if p.is_file()},
        "packages": {k: v for k, v in answer["packages"].items() if k in imported | set(ORDINARY)},
        "native": answer["native"],
        "python": platform.python_version(),
        "notes": answer["notes"],
    }  # fmt: skip


def imports(folder: Path) -> set[str]:
    """Top-level names that the frozen sources import."""
    found: set[str] = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                found.add(node.module.split(".")[0])
    return found


def cases(request: Request, seen: Observed, imported: set[str], random: bool, start: dict) -> dict:
    """The recorded run; where it draws random numbers, another seed too."""
    size = sum(t.numel() * t.element_size() for t in start.values())
    case = {
        "steps": seen.answer["step"]["steps"] if request.step else 1,
        "seed": request.seed,
        "timed": True,
        "stored": size <= STORED,
        "truth_is": truth_is(bool(request.step), "torch" in imported),
    }
    another = case | {"seed": request.seed + 1, "timed": False, "stored": False}
    return {"recorded": case} | ({"another_seed": another} if random else {})


def truth_is(stepping: bool, has_torch: bool) -> str:
    """What a claim of rounding is held to, and whether it means anything here."""
    if has_torch:
        return "the frozen run, under random rounding of torch's operators; every level of claim"
    if stepping:
        return ("the frozen run, its state moved at random by one unit in the last place at each "
                "checkpoint; every level of claim")  # fmt: skip
    return "the frozen run; nothing inside can be rounded at random: claim exact or approximate"


def engine_text(request: Request, told: dict, start: dict, digest: str) -> str:
    """The baseline's ``__init__.py``."""
    step = told["step"]
    kind = (
        f"A step is one call of {step['name']}; the program runs up to its first call, which is\n"
        "never timed, and is called on from there."
        if step
        else "A step is the whole run; the state is what it leaves."
    )
    rows = []
    for name, tensor in start.items():
        shape = tuple(tensor.shape) or "a number"
        rows.append(f"    {name}: {str(tensor.dtype).removeprefix('torch.')} {shape}")
    return ENGINE.format(
        title=request.name,
        text=told["from"],
        kind=kind,
        told="\n".join(rows),
        fields="\n".join(f"    {name}: Tensor" for name in start),
        name=request.name,
        digest=digest,
    )


def tidy(path: Path) -> None:
    """As the repository's own formatter has it, where it is installed."""
    ruff = Path(sys.executable).with_name("ruff")
    if ruff.exists():
        words = [str(ruff), "format", "-q", "--no-cache", "--config", "line-length=100", str(path)]
        subprocess.run(words, capture_output=True, check=False)


def report(request: Request, folder: Path, first: Observed, plain: Observed) -> None:
    """report.md: the baseline's own metrics."""
    told = json.loads((folder / "origin.json").read_text())
    fields = {
        name: {"shape": tuple(t.shape), "type": str(t.dtype).removeprefix("torch."),
               "low": float(widened(t).abs().min()) if t.numel() else 0.0,
               "high": float(widened(t).abs().max()) if t.numel() else 0.0,
               "role": role(told, name)}
        for name, t in first.numbers["fields"].items()
    }  # fmt: skip
    page = PAGES.get_template("baseline.md").render(
        name=request.name,
        stem=request.name.rpartition("_v")[0] or request.name,
        origin=told,
        step=told["step"],
        case=told["cases"]["recorded"],
        fields=fields,
        run=plain,
        here=conditions(),
        left=first.answer.get("left", {}),
    )
    (folder / "report.md").write_text(page)


def role(told: dict, name: str) -> str:
    """What the field is to the step."""
    if name in told["fixed"]:
        return "stays as it is"
    if not told["step"]:
        return "output"
    how = next(f["how"] for f in told["step"]["fields"] if f["name"] == name)
    return {"kept": "changed in place", "returned": "returned and handed on",
            "output": "returned"}[how]  # fmt: skip
