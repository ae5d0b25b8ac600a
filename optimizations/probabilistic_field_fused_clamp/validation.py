"""For finite values the order of clamp and test is free: bit for bit."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    quick=False,
    level="exact",
    because="where all values are finite, clamping first or last is the same",
    cases=tuple(
        name
        for name, case in engine.cases.items()
        if (case.stored or case.timed) and getattr(case, "part", "step") == "step"
    ),
)
