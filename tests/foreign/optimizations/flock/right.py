"""Birds that are too far away in one direction are passed over before anything else is computed.

The others are added in the same order, so that every bit is the same.
"""

import math

from baselines.flock_v1 import engine as baseline
from groundspeed import substitute

WIDTH, SIGHT = 10.0, 1.0


def heading(here, places, headings):
    east = north = 0.0
    for place, angle in zip(places, headings, strict=True):
        across = abs(here[0] - place[0])
        across = min(across, WIDTH - across)
        if across >= SIGHT:
            continue
        along = abs(here[1] - place[1])
        along = min(along, WIDTH - along)
        if across**2 + along**2 < SIGHT**2:
            east += math.cos(angle)
            north += math.sin(angle)
    return math.atan2(north, east)


engine = substitute(baseline, {"test_flock:heading": heading})
