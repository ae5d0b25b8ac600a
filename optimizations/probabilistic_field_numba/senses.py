"""Images shown to the field in place: only their own region is touched."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numba import njit
from torch import Tensor
from torch.nn.functional import interpolate

from baselines.probabilistic_field_v1 import FieldCase

from .loops import clamped


@njit(cache=True, nogil=True)
def show(E, R, image, zero, unit, gain, top, half, density, most):
    """E becomes half the energy of the image, R takes its part of it, capped."""
    for y in range(image.shape[0]):
        cells, nodes, bright = E[y], R[y], image[y]
        for x in range(bright.size):
            e = clamped(gain * ((zero + bright[x]) / unit), zero, top)
            cells[x] = half * e
            nodes[x] = clamped(nodes[x] + density * e, zero, most)


def inject(case: FieldCase) -> Callable[[Tensor, Tensor, Tensor], None]:
    """The function that shows an image to E and R, in place."""
    kind = np.dtype(str(case.dtype).removeprefix("torch.")).type
    numbers = [kind(x) for x in (200.0, 1000.0, 0.5, 0.01, 100.0)]
    region, zero = case.images.region, kind(0)

    def run(E: Tensor, R: Tensor, image: Tensor) -> None:
        whole = image.dtype == torch.uint8
        image = image if whole else image.to(case.dtype)
        if tuple(image.shape) != region.shape:
            wide = image.to(case.dtype)[None, None]
            image = interpolate(wide, size=region.shape, mode="bilinear")[0, 0]
        unit = kind(255 if whole or float(image.max()) > 1 else 1)
        at = region.slices
        show(E[at].numpy(), R[at].numpy(), image.numpy(), zero, unit, *numbers)

    return run
