"""Nothing is dropped: bit for bit."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    quick=False,
    level="exact",
    because="to_sparse keeps every cell that is not zero",
    cases=tuple(
        name
        for name, case in engine.cases.items()
        if (case.stored or case.timed) and getattr(case, "part", "step") == "step"
    ),
)
