"""What reaches the field from outside: images, and nodes that are added to it."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor
from torch.nn.functional import interpolate

from baselines.engine import Step

from .case import FieldCase, Region
from .cells import cells
from .rules import (
    ENERGY_CAP,
    IMAGE_DENSITY,
    IMAGE_ENERGY,
    IMAGE_GAIN,
    SENSED_DENSITY_CAP,
    Rules,
)
from .state import Working


def inject(rules: Rules, case: FieldCase) -> Step:
    """Stage: the next image of the stack replaces the energy of its region."""
    if case.images is None:
        return lambda state: state
    region, count = case.images.region, case.images.count

    def run(state: Working) -> Working:
        image = state.frames[int(state.frame) % count]
        E, R = expose(state.E, state.R, image, region)
        return state._replace(E=E, R=R)

    return run


def inject_image(
    E: Float[Tensor, "H W"],
    R: Float[Tensor, "H W"],
    image: Shaped[Tensor, "rows cols"],
    region: Region,
) -> tuple[Float[Tensor, "H W"], Float[Tensor, "H W"]]:
    """Energy and density with the image shown to a region; the inputs stay as they are.

    uint8 brightness counts in 255ths; so does a floating one, if it exceeds 1 anywhere.
    With b the brightness, bilinearly resized, e = clamp(200 b, 0, 1000):
    E ← e/2 and R ← min(R + e/100, 100) in the region.

    Raises:
        ValueError: fields that do not match, an image that is not two-dimensional, not
            finite, on another device or of another type, or a region off the grid.
    """
    refuse_bad_fields(E, R)
    if image.ndim != 2 or 0 in image.shape:
        raise ValueError(f"image has shape {tuple(image.shape)}; allowed: rows and columns")
    if image.dtype != torch.uint8 and not image.is_floating_point():
        raise ValueError(f"image is {image.dtype}; allowed: torch.uint8 or a floating-point type")
    if image.device != E.device:
        raise ValueError(f"image is on {image.device}; allowed: {E.device}, where the field is")
    if not torch.isfinite(image).all():
        raise ValueError("image holds values that are not finite; allowed: finite brightness")
    region.refuse_outside(tuple(E.shape))
    return expose(E, R, image, region)


def expose(E: Tensor, R: Tensor, image: Tensor, region: Region) -> tuple[Tensor, Tensor]:
    """`inject_image` without its checks."""
    whole = image.dtype == torch.uint8
    image = image.to(E.dtype)
    if tuple(image.shape) != region.shape:
        image = interpolate(image[None, None], size=region.shape, mode="bilinear")[0, 0]
    if whole or float(image.max()) > 1:
        image = image / 255
    e = torch.clamp(IMAGE_GAIN * image, 0, ENERGY_CAP)
    E, R, at = E.clone(), R.clone(), region.slices
    E[at] = IMAGE_ENERGY * e
    R[at] = torch.clamp(R[at] + IMAGE_DENSITY * e, max=SENSED_DENSITY_CAP)
    return E, R


def add_nodes(
    rules: Rules,
    E: Float[Tensor, "H W"],
    R: Float[Tensor, "H W"],
    y: Int[Tensor, " nodes"],
    x: Int[Tensor, " nodes"],
    energy: Float[Tensor, " nodes"],
) -> tuple[Float[Tensor, "H W"], Float[Tensor, "H W"]]:
    """Fields with nodes added: energy in each node's cell and density 1; inputs untouched.

    Nodes in the same cell add up or not, as the rules say. Results are bounded by ±10⁶.

    Raises:
        ValueError: fields that do not match, nodes off the grid, or energies that are not
            finite, negative or above the cap.
    """
    refuse_bad_fields(E, R)
    refuse_bad_nodes(E, y, x, energy)
    there = cells(rules, y, x, E.shape[1])
    E, R = E.clone(), R.clone()
    there.give_(E, energy)
    there.give_(R, torch.ones_like(energy))
    return E, R


def refuse_bad_fields(E: Tensor, R: Tensor) -> None:
    """Raise a ValueError where two fields are not of one shape, type and device."""
    for name, field in (("E", E), ("R", R)):
        if field.ndim != 2 or field.dtype not in (torch.float32, torch.float64):
            raise ValueError(
                f"{name} is {field.dtype} of shape {tuple(field.shape)}; "
                "allowed: torch.float32 or torch.float64 of two axes"
            )
    if (E.shape, E.dtype, E.device) != (R.shape, R.dtype, R.device):
        raise ValueError(
            f"E is {E.dtype} of {tuple(E.shape)} on {E.device}, R is {R.dtype} of "
            f"{tuple(R.shape)} on {R.device}; allowed: the same of both"
        )
    for name, field in (("E", E), ("R", R)):
        if not torch.isfinite(field).all():
            raise ValueError(f"{name} holds values that are not finite; allowed: finite values")


def refuse_bad_nodes(E: Tensor, y: Tensor, x: Tensor, energy: Tensor) -> None:
    """Raise a ValueError where nodes do not fit into the field."""
    for name, axis, size in (("y", y, E.shape[0]), ("x", x, E.shape[1])):
        if axis.dtype != torch.int64 or axis.ndim != 1 or axis.device != E.device:
            raise ValueError(
                f"{name} is {axis.dtype} of shape {tuple(axis.shape)} on {axis.device}; "
                f"allowed: torch.int64 of one axis on {E.device}"
            )
        if axis.numel() and not (int(axis.min()) >= 0 and int(axis.max()) < size):
            raise ValueError(
                f"{name} runs from {int(axis.min())} to {int(axis.max())}; allowed: 0 to {size - 1}"
            )
    if not y.shape == x.shape == energy.shape:
        raise ValueError(
            f"{tuple(y.shape)} rows, {tuple(x.shape)} columns, {tuple(energy.shape)} energies; "
            "allowed: as many of each"
        )
    if (energy.dtype, energy.device) != (E.dtype, E.device):
        raise ValueError(
            f"energy is {energy.dtype} on {energy.device}; allowed: {E.dtype} on {E.device}"
        )
    if not bool(((energy >= 0) & (energy <= ENERGY_CAP)).all()):
        raise ValueError(f"energy holds values outside the caps; allowed: 0 to {ENERGY_CAP:g}")
