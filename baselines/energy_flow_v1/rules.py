"""The defects of the reviewed engine, each a named switch."""

from __future__ import annotations

from dataclasses import dataclass, fields

AS_FOUND, REPAIRED = "as found", "repaired"


@dataclass(frozen=True)
class Switches:
    """Defects by name; each is kept ("as found") or not ("repaired")."""

    def __post_init__(self):
        for field in fields(self):
            value = getattr(self, field.name)
            if value not in (AS_FOUND, REPAIRED):
                raise ValueError(
                    f"rule {field.name} is {value!r}; allowed: {AS_FOUND!r}, {REPAIRED!r}"
                )

    @classmethod
    def all(cls, value: str) -> Switches:
        """Every switch at the same value."""
        return cls(*[value] * len(fields(cls)))

    def keeps(self, name: str) -> bool:
        """Whether the defect of that name is kept."""
        return getattr(self, name) == AS_FOUND


@dataclass(frozen=True)
class Rules(Switches):
    """For each defect, whether it is kept; numbers as in the package docstring.

    Attributes:
        mask: (1) which flows of the batch are updated. As found: a boolean mask is used
            as indices 0 and 1, so only the flows at those places of the batch are.
        release: (2) which rows a reset frees. As found: those whose flow is still listed;
            collected and cleaned ones never. Repaired: all.
        clearing: (3) as found a freed row keeps its completed flag, plane and sample.
        graph: (4) as found the storage carries autograd's graph into the next forward.
        reflection: (5) as found the update of the same step overwrites the reflection
            (aging twice), and a terminated flow gets its z from before the plane back.
        projection: (6) as found at s ≥ ⌊D/2⌋, always to z0. Repaired: at the ⌊D/2⌋-th
            step, to the nearer plane.
        noise: (7) as found keyed by the place in the batch. Repaired: by the flow's id.
        rows: (8) as found the result has as many rows as the last completed sample
            says; repaired, as many as there are samples. Both are padded to B rows.
        marking: of active flows after the last step. As found: z ≤ 0 completes on z0,
            the other half is lost. Repaired: only |z| ≥ 1 completes.
    """

    mask: str = REPAIRED
    release: str = REPAIRED
    clearing: str = REPAIRED
    graph: str = REPAIRED
    reflection: str = AS_FOUND
    projection: str = AS_FOUND
    noise: str = REPAIRED
    rows: str = AS_FOUND
    marking: str = AS_FOUND
