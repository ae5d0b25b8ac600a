"""A tensor field in an anisotropic metric: the project Liorhybrid of one of our users."""

import torch
from kernels.hamiltonian import hamiltonian_evolution_with_metric


def evolve(field, metric, potential, dt):
    """A step of Schrödinger's equation by Heun's method."""
    first = -1j * hamiltonian_evolution_with_metric(field, 0.1, 1.0, metric, potential)
    ahead = field + dt * first
    second = -1j * hamiltonian_evolution_with_metric(ahead, 0.1, 1.0, metric, potential)
    return field + 0.5 * dt * (first + second)


if __name__ == "__main__":
    torch.manual_seed(5)
    field = torch.randn(40, 40, 4, 4, dtype=torch.complex128)
    metric = torch.tensor([1.3, 0.7], dtype=torch.float64)
    potential = torch.cos(torch.arange(40.0, dtype=torch.float64)).reshape(40, 1, 1, 1) * 0.2
    for _ in range(10):
        field = evolve(field, metric, potential, 0.1)
