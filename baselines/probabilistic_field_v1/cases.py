"""The named sizes of single stages; whole steps have those of `probabilistic_field_v0`."""

from __future__ import annotations

from baselines.probabilistic_field_v0.case import Patch, Region, Scatter

from .case import PartCase

DIM = 0.35  # energy: a cell of two turns light half-way through the first gifts, by 1e-4 at least


def seeding_only(shape: tuple[int, int], workspace: tuple[int, int], **others) -> PartCase:
    """Dim energy under the whole workspace; most cells stay dark for three steps."""
    (H, W), h = shape, workspace[0]
    below = Region(H - h - 7, H, 0, W)
    dim = Scatter(below, count=4 * (h + 7) * W // 5, energy=DIM)
    return PartCase(
        part="seeding",
        steps=3,
        shape=shape,
        workspace=workspace,
        start=(dim,),
        timed=True,
        **others,
    )


def diffusion_only(shape: tuple[int, int], **others) -> PartCase:
    """Noise of every wavelength, 50 a cell: far above the energy from which a field diffuses."""
    noise = Patch(Region(0, shape[0], 0, shape[1]), (0.0, 100.0), (1.0, 3.0))
    return PartCase(
        part="diffusion",
        steps=3,
        shape=shape,
        workspace=(8, 8),
        start=(noise,),
        timed=True,
        **others,
    )


CASES = {
    "seeding_only_128x120": seeding_only((128, 120), (100, 100)),
    "seeding_only_544x528": seeding_only((544, 528), (512, 512), quick=False),
    "diffusion_only_512x384": diffusion_only((512, 384)),
    "diffusion_only_2560x1920": diffusion_only((2560, 1920), quick=False),
}
