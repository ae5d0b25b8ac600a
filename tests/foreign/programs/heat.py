"""Diffusion through a plate by finite volumes, implicit in time: package fipy, numpy."""

from fipy import CellVariable, DiffusionTerm, Grid2D, TransientTerm

mesh = Grid2D(nx=32, ny=32, dx=1.0, dy=1.0)
phi = CellVariable(name="phi", mesh=mesh, value=0.0)
phi.constrain(1.0, mesh.facesLeft)
phi.constrain(0.0, mesh.facesRight)
equation = TransientTerm() == DiffusionTerm(coeff=1.0)
for _ in range(10):
    equation.solve(var=phi, dt=5.0)
temperature = phi.value.copy()
