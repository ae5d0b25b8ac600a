"""Every accepted stage together: native field, walls in place, moving mass without its tables.

The frozen engine builds the coordinates of all cells anew for every body and step; here they are
made once. Walls change the fresh field in place of a copy of it.
"""

from dataclasses import replace

from baselines.engine import Step, replace_stage
from baselines.lattice_field_v1 import LatticeCase, LatticeState
from baselines.lattice_field_v1 import engine as baseline
from baselines.lattice_field_v1.scheme import absorb, reflect
from optimizations.lattice_field_numba.implementation import frozen
from optimizations.lattice_field_numba.loops import native

from .bodies import move_bodies, place_sources


def walls(case: LatticeCase) -> Step:
    """The boundary stage on the new field itself."""
    if case.boundary == "periodic":
        return lambda state: state
    act = reflect if case.boundary == "reflective" else absorb

    def boundary(state: LatticeState) -> LatticeState:
        act(case, state.E)
        return state

    return boundary


engine = replace(
    replace_stage(
        baseline, sources=place_sources, field=native(frozen), boundary=walls, bodies=move_bodies
    ),
    in_place=True,
    needs=("numba",),
    opaque="the field is one native kernel a step",
)
