"""The public codes, and how each is made a baseline."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Source:
    """A repository that is in no package index, at one commit; ``part`` of it goes into the
    project."""

    repository: str
    commit: str
    part: str


@dataclass(frozen=True)
class Code:
    """A program, the package that it uses, and how it is made a baseline.

    ``hot`` is known from the algorithm and was confirmed by cProfile or line_profiler, which
    count and do not sample: file, functions and a word of the line in which a tenth of the run or
    more must be found. ``level`` is what a right and a wrong optimization of it claim, where there
    are such in optimizations/.
    """

    program: str
    package: str
    what: str
    options: list[str]
    hot: tuple[str, tuple[str, ...], str]
    beside: tuple[str, ...] = ()  # packages that it needs and does not bring
    level: str = ""
    source: Source | None = None

    @property
    def stem(self) -> str:
        """Of the names of its baseline and its optimizations."""
        return self.program.removeprefix("test_")


LFM = Source("gpartin/LFM", "43193a01e72ca8c8c1eb1d3dcbd475b0c13dbc5b", "workspace/src/core")
LIORHYBRID = Source("JewJitsu11B/Liorhybrid", "9450d005bfe1cf6a4621a56e998c3e3d4b38668b", "kernels")

MAIN = ("<module>",)
CODES = [
    Code(
        "cavity", "fdtd", "2-D FDTD", ["--step", "fdtd.grid:Grid.step"],
        ("grid.py", ("curl_E", "curl_H", "update_E", "update_H"), "curl"), level="exact",
    ),
    Code(
        "argon", "ase", "molecular dynamics", ["--step", "ase.md.verlet:VelocityVerlet.step"],
        ("lj.py", ("calculate",), "distance_vectors ="),
    ),
    Code(
        "plummer", "pytreegrav", "N-body, direct sum", ["--step", "plummer:leap"],
        ("plummer.py", ("leap",), "Accel("), level="rounding",
    ),
    Code(
        "turbulence", "torch-cfd", "spectral Navier-Stokes",
        ["--step", "torch_cfd.spectral:NavierStokes2DSpectral.step"],
        ("spectral.py", ("_explicit_terms",), "fft"),
    ),
    Code(
        "spots", "py-pde", "Cahn-Hilliard, finite differences", ["--output", "phase"],
        ("spots.py", MAIN, ".solve("),
    ),
    Code(
        "spiral", "torchdiffeq", "neural ODE", ["--output", "path"],
        ("spiral.py", ("forward",), "self.net("),
    ),
    Code(
        "stochastic", "torchsde", "stochastic ODE", ["--output", "paths"],
        ("stochastic.py", MAIN, "sdeint("),
    ),
    Code(
        "heat", "fipy", "finite volumes, implicit", ["--output", "temperature"],
        ("heat.py", MAIN, "equation.solve("),
    ),
    Code(
        "vortices", "pylbm", "lattice Boltzmann", ["--output", "density", "--output", "momentum"],
        ("vortices.py", MAIN, "one_time_step("), beside=("mpich",),
    ),
    Code(
        "test_planets", "rebound", "planets, symplectic, C", ["--output", "path"],
        ("test_planets.py", ("fly",), "integrate("),
    ),
    Code(
        "test_membrane", "scikit-fem", "finite elements", ["--step", "test_membrane:advance"],
        ("test_membrane.py", ("advance",), "spsolve("), level="rounding",
    ),
    Code(
        "test_automaton", "cellpylib", "cellular automaton",
        ["--output", "cells", "--output", "crowd"],
        ("test_automaton.py", ("alive",), "np.sum"), level="exact",
    ),
    Code(
        "test_flock", "mesa", "agents", ["--output", "places", "--output", "angles"],
        ("test_flock.py", ("heading",), "zip("), level="exact",
    ),
    Code(
        "bodies", "pymunk", "rigid bodies, C", ["--output", "path"],
        ("bodies.py", MAIN, "space.step("),
    ),
    Code(
        "qubits", "qutip", "open quantum system", ["--output", "population"],
        ("qubits.py", MAIN, "qutip.mesolve("),
    ),
    Code(
        "lattice", "LFM", "waves on a lattice", ["--step", "core.lfm_equation:lattice_step"],
        ("lfm_equation.py", ("laplacian",), "roll"), level="exact", source=LFM,
    ),
    Code(
        "metric", "Liorhybrid", "tensor field, torch", ["--step", "metric:evolve"],
        ("hamiltonian.py", ("spatial_laplacian_x", "spatial_laplacian_y"), "conv2d"),
        level="rounding", source=LIORHYBRID,
    ),
]  # fmt: skip
