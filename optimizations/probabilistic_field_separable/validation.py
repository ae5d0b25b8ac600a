"""Another order of the same sums: no further from the truth than torch's own FFT."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    quick=False,
    level="rounding",
    because="a separable factor is applied axis by axis, by transforms of the same lengths with "
    "turns rounded once from double precision; logarithmic growth of errors, as in any FFT",
    cases=tuple(
        name for name, case in engine.cases.items() if getattr(case, "part", "step") != "seeding"
    ),
)
