"""Values of the frozen runs' ends that are kept, and whether another end lies within rounding."""

import json
from collections.abc import Iterator
from math import inf
from pathlib import Path

import torch

from groundspeed.baselines.engine import Case, Engine, State, describe, fields
from groundspeed.validation import machine
from groundspeed.validation.records import digests, tensor_files
from groundspeed.validation.records.errors import Sealed
from groundspeed.validation.reference.distance import distance, inexact

SAMPLE = 512  # values kept of each field where arrays are not


def excerpt(case: Case, state: State) -> dict[str, torch.Tensor]:
    """All of every field where the case is stored, else values at even distances."""
    if case.stored:
        return fields(state)
    flat = {name: tensor.reshape(-1) for name, tensor in fields(state).items()}
    return {n: t[:: max(1, t.numel() // SAMPLE)][:SAMPLE].clone() for n, t in flat.items()}


def golden_data(folder: Path, seal) -> dict[str, torch.Tensor]:
    """The kept arrays, after every way in which the file can be wrong was ruled out."""
    path = folder / "golden.safetensors"
    if fault := golden_fault(path, seal):
        shown = path.relative_to(folder.parents[2])
        raise Sealed(f"{shown} {fault}; restore it: git checkout -- {shown}")
    return tensor_files.load(path)


def golden_fault(path: Path, seal) -> str:
    """What is wrong with the file; "" where nothing is."""
    if not path.exists():
        return "is missing"
    size = path.stat().st_size
    if size < seal.golden_bytes:
        return f"is truncated: {size} bytes, sealed {seal.golden_bytes}"
    try:
        made = tensor_files.metadata(path).get("torch", "an unknown version")
    except Exception as error:
        return f"cannot be read ({error})"
    if made != seal.machine["torch"]:
        return f"was made by torch {made}, sealed with torch {seal.machine['torch']}"
    if digests.of_file(path) != seal.golden:
        return "was edited: its digest is not the sealed one"
    return ""


def described(case: Case) -> dict:
    """The case as a manifest has it: a file has words for infinity."""
    return json.loads(json.dumps(describe(case)), parse_constant=str)


def beyond_rounding(
    case: Case, sealed, now: dict[str, torch.Tensor], then: dict[str, torch.Tensor]
) -> Iterator[tuple[str, float, float]]:
    """(field, how far apart, allowed) of kept values that are further apart than two machines may
    be."""
    for field, values in now.items():
        if not inexact(values):
            continue
        # twice: both runs may lie as far as their own error from the truth, on either side
        limit = 2 * sealed.own_error[f"step {case.steps}"][field][1]
        same_shape = values.shape == then[field].shape
        apart = distance(values, then[field]).largest if same_shape else inf
        if not apart <= limit:
            yield field, apart, limit


def is_sealed_end(engine: Engine, seal, folder: Path, case: Case, start: State, end: State) -> bool:
    """Whether a run's end is the sealed one: bit for bit, or within rounding where the seal is of
    another machine, on which the start may have other bits too. True of runs that are not sealed.
    ``folder`` is where the seal lies.
    """
    asked = described(case)
    sealed = [(name, answer) for name, answer in seal.answers.items() if answer.case == asked]
    if not sealed:
        return True
    name, answer = sealed[0]
    elsewhere = seal.machine != machine.machine()
    if digests.of_state(start) != answer.start and not (
        elsewhere and digests.same_bits(start, engine.initial(case))
    ):
        return True
    if digests.of_state(end) == answer.end:
        return True
    if not elsewhere:
        return False
    kept, golden = excerpt(case, end), golden_data(folder, seal)
    then = {field: golden[f"{name}/{field}"] for field in kept}
    return not any(beyond_rounding(case, answer, kept, then))
