"""A drum that is struck: finite elements in space, Newmark in time, package scikit-fem."""

import numpy as np
from scipy.sparse.linalg import spsolve
from skfem import Basis, ElementTriP1, MeshTri, enforce
from skfem.models.poisson import laplace, mass


def advance(place, speed, pull, inner, matrix, stiffness, dt):
    """One step of Newmark's method with the average acceleration."""
    ahead = place + dt * speed + 0.25 * dt**2 * pull
    load = np.where(inner, -(stiffness @ ahead), 0.0)
    new = spsolve(matrix, load)
    return ahead + 0.25 * dt**2 * new, speed + 0.5 * dt * (pull + new), new


def drum(refined, dt):
    basis = Basis(MeshTri.init_circle(refined), ElementTriP1())
    inner = np.ones(basis.N, dtype=bool)
    inner[basis.get_dofs().all()] = False
    stiffness, weight = laplace.assemble(basis), mass.assemble(basis)
    matrix = enforce(weight + 0.25 * dt**2 * stiffness, D=np.flatnonzero(~inner)).tocsc()
    x, y = basis.doflocs
    place = np.where(inner, np.exp(-20 * ((x - 0.3) ** 2 + y**2)), 0.0)
    pull = spsolve(matrix, np.where(inner, -(stiffness @ place), 0.0))
    return place, np.zeros(basis.N), pull, inner, matrix, stiffness


def test_the_rim_is_at_rest():
    dt = 0.02
    place, speed, pull, inner, matrix, stiffness = drum(4, dt)
    for _ in range(15):
        place, speed, pull = advance(place, speed, pull, inner, matrix, stiffness, dt)
    assert not place[~inner].any()
    assert 0.05 < abs(place).max() < 1.5
