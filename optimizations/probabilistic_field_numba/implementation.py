"""The sweeps as native loops, in place, between torch's own FFTs.

The frozen step writes a new array for every operation; here a value stays in
a register from one count that the step must wait for to the next.
"""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from baselines.probabilistic_field_v1 import FieldCase
from baselines.probabilistic_field_v1 import engine as baseline
from optimizations.probabilistic_field_blocked.diffusion import by_axes
from optimizations.probabilistic_field_blocked.stepping import (
    Sweeps,
    canonical,
    frozen_workspace,
    plain,
    stepping,
    strip,
)

from . import loops, nodes
from .senses import inject


def native(case: FieldCase) -> Sweeps:
    """All sweeps as loops over rows."""
    k, rates = loops.Numbers.of(case), nodes.rates(case)

    def on(kernel, constants=k):
        """The kernel, on tensors."""

        def run(*given):
            return kernel(*(x.numpy() if isinstance(x, Tensor) else x for x in given), constants)

        return run

    early = strip(case) if plain(case) else slice(0, case.shape[0])
    advance = on(loops.advance)
    return Sweeps(
        show=inject(case) if case.images is not None else None,
        net_flow=on(loops.net_flow),
        take=on(loops.take_rows),
        advance=lambda *given: advance(*given, early.start, early.stop),
        populated=on(loops.populated_rows),
        decay=on(loops.decay_rows),
        workspace=nodes.workspace(case) if plain(case) else frozen_workspace(case),
        metabolize=on(nodes.metabolize, rates),
        early=early,
    )


engine = replace(
    baseline,
    stepper=stepping(native, by_axes),
    adopt=canonical,
    observe=canonical,
    in_place=True,
    needs=("numba",),
    opaque="native sweeps",
)
