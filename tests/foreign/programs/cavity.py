"""A pulse in a closed cavity: finite differences in time domain, package fdtd, numpy."""

import fdtd

fdtd.set_backend("numpy")
grid = fdtd.Grid(shape=(96, 96, 1), grid_spacing=50e-9, permittivity=1.0)
grid[48, 48, 0] = fdtd.PointSource(period=1000e-9 / 299792458, name="source")
grid.run(total_time=60, progress_bar=False)
E, H = grid.E, grid.H
