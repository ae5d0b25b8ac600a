"""Frames are copied out, nothing is read back: bit for bit."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    quick=False,
    level="exact",
    because="the step is the blocked one, and a frame only copies E",
    cases=("odd_2d", "odd_3d", "damped", "slab", "packet_64", "packet_128"),
)
