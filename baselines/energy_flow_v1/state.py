"""Structure of arrays: one row per flow, as many rows as the capacity."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from .case import FlowCase
from .geometry import UNKNOWN, nearer
from .given import symmetric

ROW = (  # fields that the reviewed engine keeps for each flow
    "position",
    "energy",
    "hidden",
    "sample",
    "parent",
    "age",
    "steps",
    "distance",
    "plane",
    "active",
    "completed",
)
TRACE = ("active", "terminated", "reflected", "projected", "spawned", "finished", "created")


class FlowState(NamedTuple):
    """Flows and counters. Shapes and units in the package docstring."""

    id: Int[Tensor, " m"]
    sample: Int[Tensor, " m"]
    parent: Int[Tensor, " m"]
    position: Float[Tensor, "m 3"]
    energy: Float[Tensor, " m"]
    hidden: Float[Tensor, "m layers h"]
    age: Int[Tensor, " m"]
    steps: Int[Tensor, " m"]
    distance: Float[Tensor, " m"]
    plane: Int[Tensor, " m"]
    active: Bool[Tensor, " m"]
    completed: Bool[Tensor, " m"]
    listed: Bool[Tensor, " m"]
    group: Int[Tensor, " m"]
    inputs: Float[Tensor, "b e"]
    forward: Int[Tensor, ""]
    step: Int[Tensor, ""]
    clock: Int[Tensor, ""]
    next_id: Int[Tensor, ""]
    created: Int[Tensor, ""]
    finished: Int[Tensor, ""]
    refused: Int[Tensor, ""]
    stopped: Int[Tensor, ""]
    trace: Int[Tensor, "t 7"]
    rows: Int[Tensor, ""]
    output: Float[Tensor, "b cells"]


def row_bytes(state: FlowState) -> int:
    """Bytes that each flow takes in storage."""
    return sum(
        field[0].numel() * field.element_size() for field in map(state.__getattribute__, ROW)
    )


def shapes(case: FlowCase) -> dict[str, tuple[int, ...]]:
    """The shape of each field; those not named here are single numbers."""
    m = case.capacity
    rows = dict.fromkeys(("id", *ROW, "listed", "group"), (m,))
    return rows | {
        "position": (m, 3),
        "hidden": (m, case.layers, case.hidden),
        "inputs": (case.batch, case.embedding),
        "trace": (case.loop, len(TRACE)),
        "output": (case.batch, case.cells),
    }


def kinds(case: FlowCase) -> dict[str, torch.dtype]:
    """The dtype of each field; those not named here are int64."""
    floating = ("position", "energy", "hidden", "distance", "inputs", "output")
    return dict.fromkeys(floating, case.dtype) | dict.fromkeys(
        ("active", "completed", "listed"), torch.bool
    )


def empty(case: FlowCase) -> FlowState:
    """No flows, counters at zero, zero output, on the CPU."""
    shape, kind = shapes(case), kinds(case)
    zeros = FlowState(
        *(
            torch.zeros(shape.get(name, ()), dtype=kind.get(name, torch.int64))
            for name in FlowState._fields
        )
    )
    return zeros._replace(
        id=zeros.id - 1, parent=zeros.parent - 1, group=zeros.group - 1, trace=zeros.trace - 1
    )


def start(case: FlowCase) -> FlowState:
    """Embeddings drawn, and no flows but those that the case gives.

    Raises:
        ValueError: more given flows than rows.
    """
    state = empty(case)
    inputs = symmetric(case.stream("inputs"), case.batch, case.embedding)
    state = state._replace(inputs=(3**0.5 * inputs).to(case.dtype))
    if case.given is not None:
        state = given(case, state)
    return admitted(case, FlowState(*(field.to(case.device) for field in state)))


def given(case: FlowCase, state: FlowState) -> FlowState:
    """The case's given flows in the first rows of an empty state."""
    flows = case.given.flows(case, case.stream("flows"))
    n = len(flows.sample)
    if n > case.capacity:
        raise ValueError(f"{n} flows given; allowed: at most the capacity, {case.capacity}")
    columns = {
        "id": torch.arange(n),
        "sample": flows.sample,
        "position": flows.position.to(case.dtype),
        "energy": flows.energy.to(case.dtype),
        "steps": flows.steps,
        "plane": torch.where(flows.active, UNKNOWN, nearer(flows.position[:, 2])),
        "active": flows.active,
        "completed": ~flows.active,
        "listed": flows.active,
    }
    for name, column in columns.items():
        getattr(state, name)[:n] = column
    count = torch.tensor(n)
    return state._replace(next_id=count, created=count.clone(), finished=(~flows.active).sum())


def admitted(case: FlowCase, state: FlowState) -> FlowState:
    """The state itself.

    Raises:
        ValueError: a field of another shape, dtype or device than the case says, or that
            is not finite; samples or planes that do not exist.
    """
    shape, kind = shapes(case), kinds(case)
    for name, field in zip(FlowState._fields, state, strict=True):
        refuse_bad_field(name, field, shape.get(name, ()), kind.get(name, torch.int64), case)
    for name, end in (("sample", case.batch), ("plane", 3)):
        values = getattr(state, name)
        if int(values.min()) < 0 or int(values.max()) >= end:
            raise ValueError(
                f"{name} runs from {int(values.min())} to {int(values.max())}; "
                f"allowed: 0 to {end - 1}"
            )
    return state


def refuse_bad_field(
    name: str, field: Tensor, shape: tuple[int, ...], kind: torch.dtype, case: FlowCase
) -> None:
    if tuple(field.shape) != shape:
        raise ValueError(f"{name} has shape {tuple(field.shape)}; allowed: {shape}")
    if field.dtype != kind:
        raise ValueError(f"{name} is {field.dtype}; allowed: {kind}")
    if field.device.type != torch.device(case.device).type:
        raise ValueError(f"{name} is on {field.device}; allowed: {case.device}, as the case says")
    if kind.is_floating_point and not torch.isfinite(field).all():
        raise ValueError(f"{name} holds a value that is not finite; allowed: finite values")
