"""The same decision of the same frame, made elsewhere: bit for bit."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    quick=False,
    level="exact",
    because="sum, comparison and choice are those of this frame",
    cases=tuple(
        name
        for name, case in engine.cases.items()
        if (case.stored or case.timed) and getattr(case, "part", "step") == "step"
    ),
)
