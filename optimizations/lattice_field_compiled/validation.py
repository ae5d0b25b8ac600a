"""The compiler keeps every operation, and contracts none: bit for bit."""

from validation.claims import Agreement

from .implementation import engine

claim = Agreement(
    engine=engine,
    level="exact",
    because="fusing loops moves no rounding: the compiler is told not to contract a·b + c",
    # each shape is compiled anew, so this is a choice: odd, both precisions, moving mass,
    # and all that the clock measures
    cases=(
        "odd_2d",
        "odd_3d_float32",
        "ball",
        "packet_64",
        "packet_128",
        "plane_2048",
        "packet_256_float32",
    ),
)
