"""Every product and sum rounds as in the frozen expression: bit for bit, and on another device."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    quick=False,
    level="exact",
    because="a cell sees the same products and sums in the same order, none of them contracted",
    # bodies are left out: the exponentials and roots of their mass are the device's own
    cases=tuple(name for name, case in engine.cases.items() if case.bodies is None),
)
