"""The named sizes and scenarios of the field."""

from __future__ import annotations

from .case import FieldCase, Images, Patch, Region, Scatter


def charge(shape: tuple[int, int], workspace: tuple[int, int]) -> Patch:
    """The cells under the workspace charged with energy 10 and density 1."""
    (H, W), (h, columns) = shape, workspace
    return Patch(Region(H - h, H, 0, min(columns, W)), (10.0, 10.0), (1.0, 1.0))


def shipped(shape: tuple[int, int], workspace: tuple[int, int], **others) -> FieldCase:
    """The shipped start at any size: one node in 25 cells, charged workspace, images on top.

    At 2560×1920: 200 000 nodes at rows 1120 to 2391, images of 1080×1920.
    """
    H, W = shape
    nodes = Scatter(Region(7 * H // 16, 299 * H // 320, 0, W), round(H * W / 24.576), 100.0)
    screen = Region(0, 27 * H // 64, 0, W)
    defaults = {"images": Images(screen, count=3, shape=screen.shape, levels=(0, 250))}
    return FieldCase(
        shape=shape,
        workspace=workspace,
        start=(nodes, charge(shape, workspace)),
        **{**defaults, **others},
    )


def seeding(shape: tuple[int, int], workspace: tuple[int, int], **others) -> FieldCase:
    """Dim images under the whole workspace, which therefore seeds at every step."""
    (H, W), h = shape, workspace[0]
    below = Region(H - h - 7, H, 0, W)
    dim = Images(below, count=2, shape=below.shape, levels=(0, 3))
    return FieldCase(shape=shape, workspace=workspace, images=dim, **others)


NEST = Patch(Region(4, 9, 20, 26), (60.0, 100.0), (1.0, 3.0))

CASES = {
    "cold_62x48": FieldCase(
        steps=12, shape=(62, 48), workspace=(12, 10), start=(NEST,), stored=True
    ),
    "cold_wide": FieldCase(steps=12, shape=(40, 32), workspace=(9, 32), start=(NEST,), stored=True),
    "shallow": FieldCase(
        steps=12,
        shape=(20, 33),
        workspace=(17, 33),
        start=(Patch(Region(0, 20, 0, 33), (0.5, 12.0), (4.0, 40.0)),),
        stored=True,
    ),
    "shipped_64x48": shipped(
        (64, 48),
        (8, 8),
        steps=40,
        images=Images(Region(0, 38, 0, 48), 3, (38, 48), (0, 250)),
        stored=True,
    ),
    "odd_63x47": shipped(
        (63, 47),
        (15, 7),
        steps=8,
        images=Images(Region(0, 26, 0, 47), 2, (17, 31), (0, 240), "float"),
        stored=True,
    ),
    "power_of_two_64x64": shipped(
        (64, 64),
        (16, 16),
        steps=12,
        images=Images(Region(0, 27, 8, 64), 2, (13, 28), (0, 1), "float"),
        stored=True,
    ),
    "sparse": FieldCase(
        steps=12,
        shape=(64, 48),
        workspace=(8, 8),
        start=(NEST, charge((64, 48), (8, 8))),
        stored=True,
    ),
    "flow_dense": FieldCase(
        steps=12,
        shape=(64, 48),
        workspace=(8, 8),
        start=(
            Patch(Region(0, 64, 0, 48), (4.0, 6.0), (0.0, 0.0)),
            Patch(Region(10, 22, 0, 48), (20.0, 60.0), (2.0, 6.0)),
        ),
        stored=True,
    ),
    "dense": FieldCase(
        steps=12,
        shape=(64, 48),
        workspace=(8, 8),
        start=(Patch(Region(0, 64, 0, 48), (0.0, 20.0), (20.0, 60.0)),),
        stored=True,
    ),
    "peaks": FieldCase(
        steps=6,
        shape=(64, 48),
        workspace=(8, 8),
        start=(
            Patch(Region(0, 64, 0, 48), (5.0, 40.0), (10.0, 20.0)),
            Patch(Region(0, 32, 0, 48), (200.0, 500.0), (400.0, 600.0)),
        ),
        stored=True,
    ),
    "seeding_48x40": seeding((48, 40), (20, 24), steps=6, stored=True),
    "shipped_256x192": shipped((256, 192), (32, 32), steps=8),
    "shipped_512x384": shipped((512, 384), (64, 64), steps=4, timed=True),
    "seeding_128x120": seeding((128, 120), (100, 100), steps=6, timed=True),
    "seeding_544x528": seeding((544, 528), (512, 512), steps=3, timed=True, quick=False),
    "shipped_2560x1920": shipped((2560, 1920), (128, 128), steps=3, timed=True, quick=False),
}
