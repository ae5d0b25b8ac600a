"""Checkpoints of a run over ranks: a file for each rank, and an index that makes them one.

The index is written last. A folder without one is no checkpoint, whatever was killed and when. Any
number of ranks resumes: each reads the planes that it needs from the files that have them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from groundspeed.baselines.engine import Case, State, describe, fields
from groundspeed.tools.ranks.this_rank import Ranks
from groundspeed.validation.records import digests, tensor_files
from groundspeed.validation.records.base import Part, Record
from groundspeed.validation.records.errors import BrokenRecord, Refused

INDEX = "checkpoint.json"


class Planes(Part):
    """What lies in the file of one rank."""

    file: str
    digest: str
    first: int
    last: int


class Checkpoint(Record):
    """The index of a checkpoint.

    Attributes:
        engine: of which the state is.
        case: as plain data, but for the number of steps.
        step: how many steps were made.
        pieces: files in the order of ranks; the first has the fields that are not split.
    """

    engine: str
    case: dict[str, Any]
    step: int
    pieces: list[Planes]


def described(case: Case) -> dict[str, Any]:
    """What must be the same in the run that goes on; it may be longer, on other devices."""
    return {k: v for k, v in describe(case).items() if k not in ("steps", "device")}


def save(folder: Path, ranks: Ranks, case: Case, state: State, step: int) -> Path:
    """Write the state of all ranks, each its own planes; every rank calls this together."""
    place = folder / f"step-{step:08d}"
    file, team = f"rank-{ranks.team.rank:04d}.safetensors", ranks.team
    slab, engine = ranks.slab(case), ranks.decomposition.engine.name
    own = {n: t for n, t in fields(state).items() if team.rank == 0 or ranks.cut(n, t)}
    (place / INDEX).unlink(missing_ok=True)
    tensor_files.save(place / file, own)
    digest = digests.of_file(place / file)
    pieces: list = [None] * team.size
    mine = Planes(file=file, digest=digest, first=slab.first, last=slab.last)
    dist.all_gather_object(pieces, mine)
    if team.rank == 0:
        index = Checkpoint(engine=engine, case=described(case), step=step, pieces=pieces)
        index.write(place / INDEX)
    dist.barrier()
    return place


def latest(folder: Path) -> Path:
    """The complete checkpoint with the most steps.

    Raises:
        FileNotFoundError: there is none.
    """
    found = sorted(path.parent for path in folder.glob(f"step-*/{INDEX}"))
    if not found:
        raise FileNotFoundError(
            f"no complete checkpoint in {folder}; allowed: a folder that --checkpoints has filled"
        )
    return found[-1]


def load(place: Path, ranks: Ranks, case: Case) -> tuple[State, int]:
    """The state as this rank holds it, and how many steps were made.

    Raises:
        Refused: it is of another engine or case.
        BrokenRecord: a file is not what the index says.
    """
    index, engine = Checkpoint.read(place / INDEX), ranks.decomposition.engine.name
    refuse_other(index, engine, described(case), place)
    slab, found = ranks.slab(case), fields_of(place, index.pieces[0])
    split = {name for name, tensor in found.items() if ranks.cut(name, tensor)}
    parts = [*overlaps(index.pieces, slab.first, slab.last)]
    read = [fields_of(place, piece) for piece, _, _ in parts]
    for name in split:
        blocks = [own[name][a:b] for own, (_, a, b) in zip(read, parts, strict=True)]
        found[name] = torch.cat(blocks) if blocks else found[name][:0]
    there = {name: tensor.to(ranks.team.device) for name, tensor in found.items()}
    return ranks.decomposition.kind(**there), index.step


def overlaps(pieces: Iterable[Planes], first: int, last: int) -> Iterator[tuple[Planes, int, int]]:
    """Files that have some of these planes, with where in the file they lie."""
    for piece in pieces:
        a, b = max(first, piece.first), min(last, piece.last)
        if a < b:
            yield piece, a - piece.first, b - piece.first


def fields_of(place: Path, piece: Planes) -> dict[str, torch.Tensor]:
    """What the file holds, if it is the one that was written."""
    path = place / piece.file
    if not path.exists() or digests.of_file(path) != piece.digest:
        raise BrokenRecord(f"{path} is missing or not what was written; take an earlier checkpoint")
    return tensor_files.load(path)


def refuse_other(index: Checkpoint, engine: str, case: dict[str, Any], place: Path) -> None:
    """Raise where the checkpoint is of another run."""
    if index.engine != engine:
        raise Refused(f"{place} is of {index.engine}; allowed: {engine}; name its optimization")
    keys = index.case.keys() | case.keys()
    differ = sorted(key for key in keys if index.case.get(key) != case.get(key))
    if differ:
        key = differ[0]
        raise Refused(
            f"{place} has {key} {index.case.get(key)}, the case has {case.get(key)}; allowed: the "
            "same; name the case and shape that it was made with"
        )
