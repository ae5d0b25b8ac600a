"""Allowance: what the fields of one state may be off, the cheapest knowledge first.

An error that the sealed tolerance explains needs no run of the baseline. Beyond it the envelope
that is measured on this machine counts, and never less than one unit in the last place of one
cell. In a field of a few numbers the sealed error may be small by luck: a floor of rounding is
then measured anew.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from groundspeed.validation.reference.distance import ZERO, Distance, least, widest

FEW = 32  # numbers of a field, of which all sealed errors may be small by luck; and so many times
LUCK = 4.0  # what is allowed luck can explain

ByField = Callable[[str], Distance]


def nothing(_: str) -> Distance:
    return ZERO


@dataclass(frozen=True)
class Allowance:
    """What the fields of one state may be off.

    Attributes:
        measured: by field; may take runs of the baseline.
        origin: of what is measured, in words; as expensive to know.
        sealed: the part of it that the manifest holds.
        sealed_origin: of that part.
        floor: of rounding alone, measured anew.
        floor_origin: of the floor.
    """

    measured: ByField
    origin: Callable[[], str] = str
    sealed: ByField = nothing
    sealed_origin: str = ""
    floor: ByField = nothing
    floor_origin: str = ""

    def of(self, field: str, off: Distance, theirs: torch.Tensor) -> tuple[Distance, str]:
        """What a field that is ``off`` may be off, and where that comes from.

        Args:
            theirs: the baseline's field, of any shape and type.
        """
        allowed, origin = self.sealed(field), self.sealed_origin
        if off.over(allowed) > 1:
            allowed, origin = widest(self.measured(field), least(theirs)), self.origin()
        if theirs.numel() <= FEW and 1 < off.over(allowed) <= LUCK:
            floor = self.floor(field)
            if off.over(allowed) > off.over(floor):
                allowed, origin = widest(allowed, floor), self.floor_origin
        return allowed, origin
