"""Writes the files of a baseline made from a user's program."""

import ast
import json
import platform
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch

from groundspeed.baselines.foreign.external_engine import COPIES
from groundspeed.tools.create.recording import NotABaseline, Recording
from groundspeed.tools.create.request import Request
from groundspeed.tools.records.conditions import conditions
from groundspeed.tools.rendering.templates import PAGES
from groundspeed.validation.records import digests
from groundspeed.validation.records.codes import Code
from groundspeed.validation.reference.distance import widened

FROZEN_BYTES = 64 << 20
STORED = 1 << 20  # bytes of an end state that is kept whole
ORDINARY = {"torch", "numpy"}


@dataclass(frozen=True)
class Findings:
    """What was found out by running a new baseline.

    Attributes:
        rounds: whether it runs under random rounding.
        dropped: cases that do not run from their start alone, and why.
        moved_by: of each field, the functions of the program that move it; None: not tried.
    """

    rounds: bool = True
    dropped: dict[str, str] = field(default_factory=dict)
    moved_by: dict[str, list[str]] | None = None

    @property
    def unmoved(self) -> list[str]:
        """Fields that no function moves."""
        return [name for name, by in (self.moved_by or {}).items() if not by]


@dataclass(frozen=True)
class Baseline:
    """A new baseline, in a repository that holds the engine's contract and nothing else.

    Attributes:
        recordings: of each named run, the first of them the one that is timed.
        plain: what a run takes that is not watched.
    """

    request: Request
    repository: Path
    recordings: dict[str, Recording]
    plain: Recording

    @property
    def folder(self) -> Path:
        return self.repository / "baselines" / self.request.name


def write(
    request: Request, recordings: dict[str, Recording], plain: Recording, repository: Path
) -> Baseline:
    """The new baseline, as it is tried; `finish` writes what is found out by that.

    Raises:
        NotABaseline: it would say nothing, or it is too large.
    """
    made = Baseline(request, repository, recordings, plain)
    made.folder.mkdir(parents=True)
    (made.folder.parent / "__init__.py").write_text("import groundspeed\n")
    for recording in recordings.values():
        refuse_zeros(request, recording)
        copy_sources(request, recording, made.folder / COPIES)
    held = starts(made)
    torch.save(
        {"starts": {name: one["start"] for name, one in held.items()},
         "seen": {name: one["seen"] for name, one in held.items()}},
        made.folder / "start.pt",
    )  # fmt: skip
    if any(one["tables"] for one in held.values()):
        torch.save({n: one["tables"] for n, one in held.items()}, made.folder / "schedule.pt")
    return made


def finish(made: Baseline, findings: Findings) -> str:
    """Write what says how it runs, as it is known by now; the digest of that."""
    record = origin(made, findings)
    text = json.dumps(record, indent=1)
    (made.folder / "origin.json").write_text(text)
    digest = digests.of_bytes(text.encode())
    state = {n: shape_and_type(t) for n, t in starts(made)[made.request.case]["start"].items()}
    page(made, record, "__init__.py", state=state, digest=digest)
    page(made, record, "profile.py")
    page(made, record, "report.md", **metrics(made, record, findings))
    return digest


def starts(made: Baseline) -> dict[str, dict]:
    """Of each start by name: its numbers, what is set from there on, and how long it runs."""
    found = {}
    for name, recording in made.recordings.items():
        step = recording.step
        if not step:
            start = {n: torch.zeros_like(t) for n, t in recording.fields.items()}
            found[name] = {"start": start | {"runs": torch.tensor(0)}, "fields": recording.fields,
                           "seen": {}, "tables": {}, "first": 0, "steps": 1}  # fmt: skip
            continue
        own = {"first": step["skip"], "steps": step["steps"], "start": recording.start,
               "fields": recording.fields, "seen": recording.seen,
               "tables": recording.tables}  # fmt: skip
        pieces = {name: own} | (recording.windows if name == made.request.case else {})
        for piece, one in pieces.items():
            found[piece] = one | {"start": counted(step, one["start"], one["first"]),
                                  "fields": counted(step, one["fields"],
                                                    one["first"] + one["steps"])}  # fmt: skip
    return found


def counted(step: dict, numbers: Mapping[str, torch.Tensor], calls: int) -> dict:
    """With the number of the call, where that decides what the next one does."""
    given = any(f["how"] in ("input", "table") for f in step["fields"])
    return numbers | ({"calls": torch.tensor(calls)} if step["random"] or given else {})


def refuse_zeros(request: Request, recording: Recording) -> None:
    if not recording.step and not any(t.any() for t in recording.fields.values()):
        names = ", ".join(list(recording.fields)[:5])
        raise NotABaseline(f"{request.target.text}: all of {names} are zero, so zeros would pass; "
                           "name others with --output or --watch", Code.NOTHING)  # fmt: skip


def fixed(made: Baseline) -> list[str]:
    """Fields that stay as they are in some case."""
    found = set()
    for recording in made.recordings.values():
        found |= set(recording.step["fixed"] if recording.step else
                     (n for n, t in recording.fields.items() if not t.any()))  # fmt: skip
    return sorted(found)


def copy_sources(request: Request, recording: Recording, copies: Path) -> None:
    """The files that were used, where they are found again."""
    total = 0
    for place, source in recording.files.items():
        total += Path(source).stat().st_size
        if total > FROZEN_BYTES:
            raise NotABaseline(
                f"{request.target.text} reads more than {FROZEN_BYTES >> 20} MB of files (now "
                f"{place}); give it a smaller problem to be frozen",
                Code.LARGE,
            )
        (copies / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, copies / place)


def origin(made: Baseline, findings: Findings) -> dict:
    """Everything that says what was frozen and how it runs."""
    request, folder, recording = made.request, made.folder, made.recordings[made.request.case]
    imported, text = imports(folder / COPIES), request.target.text
    files = (p for part in (COPIES, "start.pt", "schedule.pt") for p in
             [folder / part, *(folder / part).rglob("*")] if p.is_file())  # fmt: skip
    return {
        "from": text if not Path(text).is_absolute() else
                str(request.target.file.relative_to(request.target.project)),
        "program": recording.program,
        "step": recording.step,
        "watch": request.watch,
        "outputs": request.outputs,
        "fixed": fixed(made),
        "rounds": findings.rounds,
        "cases": cases(made, findings, "torch" in imported),
        "left_out": recording.left_out,
        "opaque": "" if "torch" in imported else "numpy inside: operators are not seen",
        "files": {str(p.relative_to(folder)): digests.of_file(p) for p in sorted(files)},
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


def cases(made: Baseline, findings: Findings, has_torch: bool) -> dict:
    """The recorded runs, and windows of the first; where that draws random numbers, another seed
    too."""
    request, found = made.request, {}
    arguments = dict(request.more) | {request.case: request.arguments}
    stepping = bool(made.recordings[request.case].step)
    for name, one in starts(made).items():
        if name in findings.dropped:
            continue
        size = sum(t.numel() * t.element_size() for t in one["start"].values())
        found[name] = {
            "steps": one["steps"],
            "seed": request.seed,
            "timed": name in made.recordings,
            "stored": size <= STORED,
            "truth_is": truth_is(stepping, has_torch, findings.rounds),
            "start": name,
            "recorded_seed": request.seed,
            "arguments": arguments.get(name, request.arguments),
            "first": one["first"],
        }
    step, seed = made.recordings[request.case].step, request.seed + 1
    another = {"seed": seed, "recorded_seed": seed, "timed": False, "stored": False}
    more = {"another_seed": found[request.case] | another}
    return found | (more if step and step["random"] else {})


def truth_is(stepping: bool, has_torch: bool, rounds: bool) -> str:
    """What a claim of rounding is held to, and whether it means anything here."""
    if not rounds:
        return ("the frozen run; under random rounding it does not come to its end (a test asserts "
                "bits, say): claim exact or approximate")  # fmt: skip
    if has_torch:
        return "the frozen run, under random rounding of torch's operators; every level of claim"
    if stepping:
        return ("the frozen run, its state, what its caller sets and its results moved at random "
                "by one unit in the last place; every level of claim")  # fmt: skip
    return "the frozen run; nothing inside can be rounded at random: claim exact or approximate"


def page(made: Baseline, record: dict, file: str, **values) -> None:
    """Write one of its files from the template of that name."""
    text = PAGES.get_template(f"baseline/{file}.jinja").render(
        name=made.request.name, origin=record, step=record["step"], **values
    )
    (made.folder / file).write_text(text)


def shape_and_type(tensor: torch.Tensor) -> dict:
    return {"shape": tuple(tensor.shape), "type": str(tensor.dtype).removeprefix("torch.")}


def metrics(made: Baseline, record: dict, findings: Findings) -> dict:
    """What report.md says of the baseline."""
    recording, case = made.recordings[made.request.case], made.request.case
    fields = {
        name: shape_and_type(t)
        | {
            "low": float(widened(t).abs().min()) if t.numel() else 0.0,
            "high": float(widened(t).abs().max()) if t.numel() else 0.0,
            "role": role(record, name),
            "moved_by": (findings.moved_by or {}).get(name, []),
        }
        for name, t in recording.fields.items()
    }
    return {"stem": made.request.stem, "case": record["cases"][case], "fields": fields,
            "run": made.plain, "here": conditions(), "findings": findings}  # fmt: skip


def role(record: dict, name: str) -> str:
    """What the field is to the step."""
    if name in record["fixed"]:
        return "stays as it is"
    if not record["step"]:
        return "output"
    how = next((f["how"] for f in record["step"]["fields"] if f["name"] == name), "marks")
    return ROLES[how]


ROLES = {
    "kept": "changed in place",
    "returned": "returned and handed on",
    "carried": "handed on from another place",
    "input": "set by the caller before each call",
    "changed": "what a call leaves where its caller sets it anew",
    "output": "returned",
    "marks": "where the other is not finite: 1 NaN, 2 infinite, 3 minus infinite",
}
