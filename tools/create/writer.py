"""Writes the files of a baseline made from a user's program."""

import ast
import json
import platform
import shutil
from dataclasses import dataclass
from pathlib import Path

import torch

from baselines.foreign.external_engine import COPIES
from tools.create.recording import NotABaseline, Recording
from tools.create.request import Request
from tools.records.conditions import conditions
from tools.rendering.templates import PAGES
from validation.records import digests
from validation.reference.distance import widened

FROZEN_BYTES = 64 << 20
STORED = 1 << 20  # bytes of an end state that is kept whole
ORDINARY = {"torch", "numpy"}


@dataclass(frozen=True)
class Baseline:
    """A new baseline, in a repository that holds the engine's contract and nothing else.

    Attributes:
        expected: file of the fields with which its recorded run must end.
    """

    request: Request
    repository: Path
    expected: Path

    @property
    def folder(self) -> Path:
        return self.repository / "baselines" / self.request.name


def write(request: Request, recording: Recording, plain: Recording, repository: Path) -> Baseline:
    """The new baseline, from one recording; ``plain`` says what a run takes that is not watched.

    Raises:
        NotABaseline: it would say nothing, or it is too large.
    """
    made = Baseline(request, repository, repository / "expected")
    made.folder.mkdir(parents=True)
    for part in (digests.ROOT / "baselines").iterdir():
        if part.suffix == ".py" or part.name == "foreign":
            (made.folder.parent / part.name).symlink_to(part)
    start, end, fixed = states(request, recording)
    copy_sources(request, recording, made.folder / COPIES)
    torch.save(start, made.folder / "start.pt")
    if recording.tables:
        torch.save(recording.tables, made.folder / "schedule.pt")
    torch.save(end, made.expected)
    record = origin(request, recording, made.folder, start, fixed)
    text = json.dumps(record, indent=1)
    (made.folder / "origin.json").write_text(text)
    state = {name: shape_and_type(tensor) for name, tensor in start.items()}
    page(made, record, "__init__.py", state=state, digest=digests.of_bytes(text.encode()))
    page(made, record, "profile.py")
    page(made, record, "report.md", **metrics(request, record, recording, plain))
    return made


def states(request: Request, recording: Recording) -> tuple[dict, dict, list[str]]:
    """Start, expected end, and the fields that stay as they are."""
    start, end, step = dict(recording.start), dict(recording.fields), recording.step
    if step:
        if step["random"] or step["scheduled"]:
            start["calls"], end["calls"] = torch.tensor(0), torch.tensor(step["steps"])
        return start, end, step["fixed"]
    if not any(t.any() for t in end.values()):
        raise NotABaseline(f"{request.target.text}: all of {', '.join(list(end)[:5])} are zero, so "
                     "zeros would pass; name others with --output or --watch")  # fmt: skip
    start = {n: torch.zeros_like(t) for n, t in end.items()} | {"runs": torch.tensor(0)}
    return start, end, [n for n, t in end.items() if not t.any()]


def copy_sources(request: Request, recording: Recording, copies: Path) -> None:
    """The files that were used, where they are found again."""
    total = 0
    for place, source in recording.files.items():
        total += Path(source).stat().st_size
        if total > FROZEN_BYTES:
            raise NotABaseline(
                f"{request.target.text} reads more than {FROZEN_BYTES >> 20} MB of files (now "
                f"{place}); give it a smaller problem to be frozen"
            )
        (copies / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, copies / place)


def origin(
    request: Request, recording: Recording, folder: Path, start: dict, fixed: list[str]
) -> dict:
    """Everything that says what was frozen and how it runs."""
    imported, text = imports(folder / COPIES), request.target.text
    return {
        "from": text if not Path(text).is_absolute() else
                str(request.target.file.relative_to(request.target.project)),
        "program": recording.program,
        "step": recording.step,
        "watch": request.watch,
        "outputs": request.outputs,
        "fixed": fixed,
        "cases": cases(request, recording, "torch" in imported, start),
        "opaque": "" if "torch" in imported else "numpy inside: operators are not seen",
        "files": {str(p.relative_to(folder)): digests.of_file(p)
                  for p in sorted(folder.rglob("*")) if p.is_file()},
        "packages": {k: v for k, v in recording.packages.items() if k in imported | ORDINARY},
        "native": recording.native,
        "python": platform.python_version(),
        "notes": recording.notes,
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


def cases(request: Request, recording: Recording, has_torch: bool, start: dict) -> dict:
    """The recorded run; where it draws random numbers, another seed too."""
    size = sum(t.numel() * t.element_size() for t in start.values())
    case = {
        "steps": recording.step["steps"] if recording.step else 1,
        "seed": request.seed,
        "timed": True,
        "stored": size <= STORED,
        "truth_is": truth_is(bool(recording.step), has_torch),
    }
    another = case | {"seed": request.seed + 1, "timed": False, "stored": False}
    random = recording.step and recording.step["random"]
    return {"recorded": case} | ({"another_seed": another} if random else {})


def truth_is(stepping: bool, has_torch: bool) -> str:
    """What a claim of rounding is held to, and whether it means anything here."""
    if has_torch:
        return "the frozen run, under random rounding of torch's operators; every level of claim"
    if stepping:
        return ("the frozen run, its state moved at random by one unit in the last place at each "
                "checkpoint; every level of claim")  # fmt: skip
    return "the frozen run; nothing inside can be rounded at random: claim exact or approximate"


def page(made: Baseline, record: dict, file: str, **values) -> None:
    """Write one of its files from the template of that name."""
    text = PAGES.get_template(f"baseline/{file}.jinja").render(
        name=made.request.name, origin=record, step=record["step"], **values
    )
    (made.folder / file).write_text(text)


def shape_and_type(tensor: torch.Tensor) -> dict:
    return {"shape": tuple(tensor.shape), "type": str(tensor.dtype).removeprefix("torch.")}


def metrics(request: Request, record: dict, recording: Recording, plain: Recording) -> dict:
    """What report.md says of the baseline."""
    fields = {
        name: shape_and_type(t)
        | {
            "low": float(widened(t).abs().min()) if t.numel() else 0.0,
            "high": float(widened(t).abs().max()) if t.numel() else 0.0,
            "role": role(record, name),
        }
        for name, t in recording.fields.items()
    }
    return {"stem": request.stem, "case": record["cases"]["recorded"], "fields": fields,
            "run": plain, "here": conditions(), "not_finite": recording.not_finite}  # fmt: skip


def role(record: dict, name: str) -> str:
    """What the field is to the step."""
    if name in record["fixed"]:
        return "stays as it is"
    if not record["step"]:
        return "output"
    how = next(f["how"] for f in record["step"]["fields"] if f["name"] == name)
    return {"kept": "changed in place", "returned": "returned and handed on",
            "output": "returned"}[how]  # fmt: skip
