"""Small systems with known answers, to calibrate the judge.

Lorenz-96 is chaotic: right answers part from one another exponentially. The heat equation
contracts: everything that a start got wrong is forgotten, and only the rounding of the last
steps is left. A rule that is right on both is not tuned to either.
"""
