"""One rounded coefficient near 2 is wrong the same way at every step: it drifts from the truth."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    quick=False,
    level="rounding",
    expected="rejected",
    because="the rounding of the centre coefficient is coherent: it grows with the square of the "
    "number of steps, where independent roundings grow with its root",
    cases=("slab", "well", "packet_64"),  # long enough for the drift to leave the noise
)
