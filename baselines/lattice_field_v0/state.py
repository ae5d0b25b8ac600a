"""A lattice run as found: what it takes and what it refuses."""

from __future__ import annotations

from dataclasses import dataclass, fields

from baselines.lattice_field_v1 import LatticeCase


@dataclass(frozen=True, kw_only=True)
class FoundCase(LatticeCase):
    """A lattice run of version 0: order 2, or 4 in two dimensions, and no bodies."""

    absorb_factor: float = 1.0  # what the layer leaves of the field, except that 1 leaves 0

    def __post_init__(self):
        if not 0 < self.absorb_factor <= 1:
            raise ValueError(
                f"absorb_factor is {self.absorb_factor}; allowed: above 0 and at most 1"
            )
        mended(self)
        if self.order == 6 or (self.order == 4 and self.d != 2):
            raise ValueError(
                f"order is {self.order} in {self.d} dimensions; allowed: 2, or 4 in two dimensions"
            )
        if self.bodies is not None:
            raise ValueError("bodies are given; allowed: None, they are in lattice_field_v1")


def mended(case: FoundCase) -> LatticeCase:
    """The case as version 1 has it, the factor 1 written as the 0 that it stands for.

    Raises:
        ValueError: what version 1 refuses.
    """
    values = {f.name: getattr(case, f.name) for f in fields(LatticeCase)}
    values["absorb_factor"] %= 1
    return LatticeCase(**values)
