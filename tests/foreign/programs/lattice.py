"""A wave packet on a lattice with a well in it: the project LFM of one of our users."""

import numpy as np
from core.lfm_equation import energy_total, lattice_step

axis = np.arange(96.0)
x, y = np.meshgrid(axis, axis, indexing="ij")
field = np.exp(-((x - 30) ** 2 + (y - 5) ** 2) / 40) * np.cos(0.7 * x)
before = field.copy()
well = 0.3 + 0.4 * np.exp(-((x - 60) ** 2 + (y - 48) ** 2) / 200)
settings = {"dt": 0.05, "dx": 0.1, "alpha": 1.0, "beta": 1.0, "chi": well}
for _ in range(40):
    field, before = lattice_step(field, before, settings), field
energy = energy_total(field, before, 0.05, 0.1, 1.0, well)
