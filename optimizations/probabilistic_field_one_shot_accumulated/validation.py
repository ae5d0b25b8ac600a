"""A lit cell goes on taking: other physics."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    quick=False,
    level="rounding",
    expected="rejected",
    because="a cell should take no more once it is lit, and takes what all 24 neighbours offer",
    cases=("seeding_48x40", "seeding_128x120"),
)
