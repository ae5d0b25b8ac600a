"""A run of the field whose step is one stage alone."""

from __future__ import annotations

from dataclasses import dataclass

from baselines.probabilistic_field_v0.case import FieldCase

PARTS = {  # which stages such a step makes
    "seeding": ("push_and_seed",),
    "diffusion": ("diffuse",),
}


@dataclass(frozen=True, kw_only=True)
class PartCase(FieldCase):
    """A run of one stage: its records are the ones made, all else of the state is untouched.

    ``part`` "seeding": nodes push, and where most cells are dark, seed. "diffusion": the
    field decays in Fourier space, if it holds enough energy. No image is shown.

    Raises:
        ValueError: as a whole run's case, or another part, or images.
    """

    part: str

    def __post_init__(self):
        super().__post_init__()
        if self.part not in PARTS:
            raise ValueError(f"part is {self.part!r}; allowed: {sorted(PARTS)}")
        if self.images is not None:
            raise ValueError(f"part {self.part!r} has images; allowed: none, no stage shows them")


def part(case: FieldCase) -> str:
    """Which part of a step the case makes: "step" is all of it."""
    return case.part if isinstance(case, PartCase) else "step"


def runs(case: FieldCase, stage: str) -> bool:
    """Whether a step of the case includes that stage."""
    return part(case) == "step" or stage in PARTS[case.part]
