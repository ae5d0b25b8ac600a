"""Argon under Lennard-Jones forces, velocity Verlet: molecular dynamics, package ase, numpy."""

import numpy as np
from ase import units
from ase.build import bulk
from ase.calculators.lj import LennardJones
from ase.md.velocitydistribution import MaxwellBoltzmannDistribution
from ase.md.verlet import VelocityVerlet

atoms = bulk("Ar", "fcc", a=5.26, cubic=True) * (3, 3, 3)
atoms.calc = LennardJones(sigma=3.4, epsilon=0.0104, rc=14.0)
MaxwellBoltzmannDistribution(atoms, temperature_K=40, rng=np.random.default_rng(0))
dynamics = VelocityVerlet(atoms, timestep=2 * units.fs)
dynamics.run(20)
positions, momenta = atoms.positions, atoms.get_momenta()
