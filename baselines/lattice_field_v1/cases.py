"""The named sizes and scenarios of the lattice field."""

from __future__ import annotations

import math
from dataclasses import replace

import torch

from .state import Bodies, Gaussian, LatticeCase, Packet, Spot, Trap, Well

PACKET = LatticeCase(
    steps=100, shape=(64, 64, 64), start=Packet(0.01, 6.0, 16.0), dt=0.05, timed=True
)
LARGE = replace(PACKET, steps=30, shape=(128, 128, 128), start=Packet(0.01, 8.0, 16.0))
PLANE = LatticeCase(steps=200, shape=(256, 256), start=Packet(0.01, 20.0, 16.0), dt=0.05)

TRAP = Trap(chi0=1.0, kappa=0.05)
WIDTH = math.sqrt(1 / TRAP.kappa)  # of the trapped Gaussian, c = 1
ORBIT = Bodies(
    # radius 3.37 lies inside 2 × 3.74, twice the width of the Gaussian potential: stable
    position=((24 + 3.367, 24.0),),
    velocity=((0.0, 0.4924),),
    strength=-0.01,
    width=2.0,
    mass=0.1,
)
BALL = Bodies(((12.0, 12.0, 9.0),), ((0.0, 0.3, 0.5),), 0.64, 3.0, math.inf, "ball")

CASES = {
    "odd_2d": LatticeCase(
        steps=40, shape=(17, 13), start=Packet(1.0, 3.0, 6.5), dt=0.3, stored=True
    ),
    "odd_3d": LatticeCase(
        steps=40, shape=(7, 9, 11), start=Packet(1.0, 2.5, 5.5), dt=0.25, chi=0.4, stored=True
    ),
    "odd_3d_float32": LatticeCase(
        steps=40,
        shape=(9, 7, 13),
        start=Packet(1.0, 2.5, 6.5),
        dt=0.25,
        chi=0.4,
        dtype=torch.float32,
        stored=True,
    ),
    "damped": LatticeCase(
        steps=60, shape=(15, 10), start=Packet(1.0, 3.0, 5.0), dt=0.2, gamma=0.02, stored=True
    ),
    "reflective": LatticeCase(
        steps=80,
        shape=(19, 14),
        start=Packet(1.0, 3.0, 7.0),
        dt=0.3,
        boundary="reflective",
        stored=True,
    ),
    "absorbing": LatticeCase(
        steps=40,
        shape=(12, 11, 10),
        start=Packet(1.0, 2.5, 5.0),
        dt=0.2,
        boundary="absorbing",
        absorb_width=2,
        absorb_factor=0.9,
        stored=True,
    ),
    "order_4": LatticeCase(
        steps=40, shape=(16, 11), start=Packet(1.0, 3.0, 5.5), dt=0.3, order=4, stored=True
    ),
    "order_6": LatticeCase(
        steps=40, shape=(9, 8, 11), start=Packet(1.0, 2.5, 5.5), dt=0.2, order=6, stored=True
    ),
    "slab": LatticeCase(steps=60, shape=(32, 32, 48), start=Packet(0.01, 6.0, 12.0), dt=0.05),
    "ball": LatticeCase(
        steps=60, shape=(24, 24, 24), start=Packet(0.1, 4.0, 8.0), dt=0.1, bodies=BALL
    ),
    "orbit": LatticeCase(
        steps=480,
        shape=(48, 48),
        start=Gaussian(1.0, WIDTH, math.sqrt(TRAP.chi0**2 + 2 * TRAP.kappa)),
        dt=0.1,
        chi=TRAP,
        bodies=ORBIT,
        stored=True,
    ),
    "well": LatticeCase(
        steps=1000,
        shape=(32, 32, 32),
        start=Gaussian(0.01, 4.0),
        dt=0.1,
        chi=Well(outside=0.5, inside=0.1, sigma=6.0),
    ),
    "plane_256": PLANE,
    "compact_128": replace(LARGE, steps=16, start=Spot(0.01, 6.0)),
    "packet_64": PACKET,
    "packet_128": LARGE,
    "packet_128_float32": replace(LARGE, steps=8, dtype=torch.float32),
    "plane_2048": replace(
        PLANE, steps=4, shape=(2048, 2048), start=Packet(0.01, 160.0, 64.0), timed=True, quick=False
    ),
    "packet_256_float32": replace(
        PACKET,
        steps=3,
        shape=(256, 256, 256),
        start=Packet(0.01, 24.0, 32.0),
        dtype=torch.float32,
        quick=False,
    ),
}
