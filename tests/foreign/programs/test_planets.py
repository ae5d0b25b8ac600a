"""A planetary system over a hundred years keeps its energy: package rebound, C."""

import numpy as np
import rebound


def system():
    simulation = rebound.Simulation()
    simulation.units = ("yr", "AU", "Msun")
    simulation.integrator = "whfast"
    simulation.dt = 0.02
    simulation.add(m=1.0)
    for mass, axis, shape, phase in (
        (9.5e-4, 5.2, 0.05, 0.3), (2.9e-4, 9.6, 0.06, 2.1),
        (4.4e-5, 19.2, 0.05, 4.0), (5.2e-5, 30.1, 0.01, 5.2),
    ):  # fmt: skip
        simulation.add(m=mass, a=axis, e=shape, f=phase)
    simulation.move_to_com()
    return simulation


def fly(simulation, times):
    path = np.empty((len(times), simulation.N, 3))
    for n, time in enumerate(times):
        simulation.integrate(time, exact_finish_time=0)
        path[n] = [particle.xyz for particle in simulation.particles]
    return path


def test_energy_is_kept():
    simulation = system()
    before = simulation.energy()
    path = fly(simulation, np.linspace(0.0, 2000.0, 21))
    drift = simulation.energy() / before - 1
    assert abs(drift) < 1e-5
    assert np.isfinite(path).all()
