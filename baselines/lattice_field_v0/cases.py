"""The named sizes and scenarios of the lattice field as found."""

from __future__ import annotations

from dataclasses import replace

from baselines.lattice_field_v1 import Gaussian, Packet

from .state import FoundCase

PACKET = FoundCase(
    steps=100, shape=(64, 64, 64), start=Packet(0.01, 6.0, 16.0), dt=0.05, timed=True
)
PLANE = FoundCase(
    steps=50, shape=(256, 256), start=Packet(0.01, 20.0, 16.0), dt=0.05, order=4, timed=True
)
ODD = FoundCase(steps=40, shape=(17, 13), start=Packet(1.0, 3.0, 6.5), dt=0.3, stored=True)

CASES = {
    "odd_2d": ODD,
    "odd_3d": replace(ODD, shape=(7, 9, 11), start=Packet(1.0, 2.5, 5.5), dt=0.25, chi=0.4),
    "order_4": replace(ODD, shape=(16, 11), start=Packet(1.0, 3.0, 5.5), order=4),
    "order_4_massive": replace(ODD, start=Gaussian(1.0, 3.0), order=4, chi=0.7),
    "reflective": replace(ODD, shape=(19, 14), start=Packet(1.0, 3.0, 7.0), boundary="reflective"),
    "wall": replace(ODD, shape=(18, 13), boundary="absorbing", absorb_width=2),
    "absorbing": replace(ODD, boundary="absorbing", absorb_width=3, absorb_factor=0.9, gamma=0.01),
    "plane_256": PLANE,
    "packet_64": PACKET,
    "packet_128": replace(
        PACKET, steps=30, shape=(128, 128, 128), start=Packet(0.01, 8.0, 16.0), timed=False
    ),
}
