"""Digests of everything that a verdict depends on."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable
from functools import cache, wraps
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from groundspeed import project

if TYPE_CHECKING:
    import torch

T = TypeVar("T")
ROOT = project.ROOT
FOREIGN = "frozen_sources"  # somebody else's program: what it imports lies beside it
# Imports are read as text: `groundspeed list` asks for hundreds of files and cannot parse them.
DOTTED = re.compile(r"^\s*(?:from|import)\s+(baselines|optimizations)\.(\w+)", re.MULTILINE)
LISTED = re.compile(
    r"^\s*from\s+(baselines|optimizations)\s+import\s+(\([^)]*\)|[^\n]*)", re.MULTILINE
)


def of_bytes(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def of_file(path: Path) -> str:
    return of_bytes(path.read_bytes())


def per_version(read: Callable[..., T]) -> Callable[..., T]:
    """``read(path, ...)``, computed once for each version of the file, by its time and size."""

    @cache
    def of_version(path: Path, changed_ns: int, size: int, *more) -> T:
        return read(path, *more)

    @wraps(read)
    def now(path: Path, *more) -> T:
        found = path.stat()
        return of_version(path, found.st_mtime_ns, found.st_size, *more)

    return now


def of_plain(value: object) -> str:
    """Of anything JSON can say."""
    return of_bytes(json.dumps(value, sort_keys=True).encode())


def of_files(paths: Iterable[Path], root: Path = ROOT) -> str:
    """Of several files, by their place in the repository and their bytes."""
    return of_plain({str(p.relative_to(root)): of_file(p) for p in sorted(set(paths))})


def of_state(state) -> str:
    """Of a state: names, types, shapes and every bit of every field."""
    total = hashlib.sha256()
    for name, field in zip(state._fields, state, strict=True):
        total.update(f"{name} {field.dtype} {tuple(field.shape)}".encode())
        total.update(bits(field).numpy())
    return total.hexdigest()


def bits(tensor: torch.Tensor) -> torch.Tensor:
    """The bytes of a tensor as uint8, in C order; of a lazy conjugate or negative, of what it
    shows."""
    import torch  # late: most digests need none, and `groundspeed list` has no time for it

    shown = tensor.detach().cpu().resolve_conj().resolve_neg()
    flat = shown.contiguous().reshape(-1)
    if flat.is_complex():
        flat = torch.view_as_real(flat).reshape(-1)
    return flat.view(torch.uint8) if flat.numel() else torch.empty(0, dtype=torch.uint8)


def same_bits(one: Iterable[torch.Tensor], other: Iterable[torch.Tensor]) -> bool:
    """Whether all fields are equal, the sign of zero included."""
    import torch  # late, as above

    return all(
        a.dtype == b.dtype and a.shape == b.shape and torch.equal(bits(a), bits(b))
        for a, b in zip(one, other, strict=True)
    )


def sources(folder: Path, root: Path = ROOT, skip: tuple[str, ...] = ()) -> list[Path]:
    """Every Python file of a leaf folder, and of the leaves that it imports, in turn."""
    found: set[Path] = set()
    waiting = [folder]
    seen: set[Path] = set()
    while waiting:
        here = waiting.pop()
        seen.add(here)
        files = [p for p in here.rglob("*.py") if p.name not in skip]
        found.update(files)
        own = [p for p in files if FOREIGN not in p.parts]
        leaves = {leaf for path in own for leaf in imported_leaves(path, root)}
        waiting += [leaf for leaf in leaves if leaf not in seen]
    return sorted(found)


def imported_leaves(path: Path, root: Path) -> set[Path]:
    """Folders under baselines/ and optimizations/ that a file imports absolutely."""
    leaves = {root / package / leaf for package, leaf in named_imports(path)}
    return {leaf for leaf in leaves if leaf.is_dir()}


@per_version
def named_imports(path: Path) -> list[tuple[str, str]]:
    """(package, leaf) as the text of the file says."""
    text = path.read_text("utf-8")
    named = [*DOTTED.findall(text)]
    for package, names in LISTED.findall(text):
        named += [(package, name) for name in re.findall(r"\w+", names)]
    return named


@cache
def harness() -> str:
    """Of the judge itself: the contract, and all of validation/."""
    here = project.HARNESS
    contract = (here / "baselines").glob("*.py")
    return of_files([*contract, *(here / "validation").rglob("*.py")], here)
