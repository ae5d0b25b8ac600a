"""The defects of the reviewed engine that its dictionary has, each a named switch."""

from __future__ import annotations

from dataclasses import dataclass

from baselines.energy_flow_v1.rules import AS_FOUND, REPAIRED, Switches


@dataclass(frozen=True)
class Rules(Switches):
    """For each defect, whether it is kept; numbers as in the package docstring.

    Attributes:
        reflection: (5) as found the update of the same step overwrites the reflection
            (aging twice), and a terminated flow gets its z from before the plane back.
        projection: (6) as found at s ≥ ⌊D/2⌋. Repaired: at the ⌊D/2⌋-th step.
        noise: (7) as found keyed by the place in the batch. Repaired: by the flow's id.
        rows: (8) as found the result has as many rows as the last completed sample
            says; repaired, as many as there are samples. Both are padded to B rows.
        counting: as found s stays 0; repaired, one more at every update.
        distance: as found the aggregation reads the value cached by the last update;
            repaired, that of the position.
        zdepth: as found normalised z is compared with D, so a flow that reaches zdepth is
            not marked complete and tries again; repaired, it is.
        marking: of active flows after the last step. As found: z ≤ 0 completes on z0,
            the other half is lost. Repaired: only |z| ≥ 1 completes.
    """

    reflection: str = AS_FOUND
    projection: str = AS_FOUND
    noise: str = REPAIRED
    rows: str = AS_FOUND
    counting: str = AS_FOUND
    distance: str = AS_FOUND
    zdepth: str = AS_FOUND
    marking: str = AS_FOUND
