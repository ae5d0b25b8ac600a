"""The same operations: bit for bit."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    quick=False,
    level="exact",
    because="TorchScript runs the same kernels one by one on a CPU",
    cases=tuple(
        name
        for name, case in engine.cases.items()
        if (case.stored or case.timed) and getattr(case, "part", "step") == "step"
    ),
)
