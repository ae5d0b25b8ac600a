"""Another predicate, and an old one: other physics."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    quick=False,
    level="rounding",
    expected="rejected",
    because="a hundredth of active cells is another condition than an energy above 10 000",
    cases=("cold_62x48", "sparse", "seeding_48x40"),
)
