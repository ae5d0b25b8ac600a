"""A profile with hardly anything in it but what a test says."""

from groundspeed.tools.profiling.profile_record import Profile
from groundspeed.tools.records.conditions import conditions


def recorded(**told) -> Profile:
    return Profile(
        name="x", kind="engine", what="x", case="", steps=1, conditions=conditions(), metrics={},
        repeats_s=[0.5], busy_s=0.5, **told,
    )  # fmt: skip
