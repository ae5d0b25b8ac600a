"""A chain of spins that loses its excitation: Lindblad's equation, package qutip."""

import numpy as np
import qutip

COUNT = 4


def at(place, operator):
    """The operator of one spin, in the space of all."""
    return qutip.tensor([operator if n == place else qutip.qeye(2) for n in range(COUNT)])


energy = sum(at(n, qutip.sigmaz()) for n in range(COUNT))
for n in range(COUNT - 1):
    energy += 0.4 * (at(n, qutip.sigmap()) * at(n + 1, qutip.sigmam())
                     + at(n, qutip.sigmam()) * at(n + 1, qutip.sigmap()))  # fmt: skip
start = qutip.tensor([qutip.basis(2, 0 if n == 0 else 1) for n in range(COUNT)])
found = qutip.mesolve(
    energy, start, np.linspace(0, 20, 101),
    c_ops=[0.1 * at(n, qutip.sigmam()) for n in range(COUNT)],
    e_ops=[at(n, qutip.num(2)) for n in range(COUNT)],
)  # fmt: skip
population = np.array(found.expect)
