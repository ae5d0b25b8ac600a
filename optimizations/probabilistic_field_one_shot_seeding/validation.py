"""Which cells still take a gift is decided before the first one: other physics."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    level="rounding",
    expected="rejected",
    because="all branches read the field before the first gift, and of several gifts to one "
    "cell one arrives while every node pays",
    cases=("cold_62x48", "seeding_48x40", "seeding_128x120"),
)
