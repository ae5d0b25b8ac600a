"""The frozen order of offsets on the frozen values."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    quick=False,
    level="exact",
    because="each cell and each node sees the frozen sums in the frozen order",
    cases=tuple(
        name
        for name, case in engine.cases.items()
        if (case.stored or case.timed) and getattr(case, "part", "step") == "step"
    ),
)
