"""The collection under `jax.jit`: `segment_max` and `segment_sum` over all rows.

A yardstick, not a proposal: the other compiler that one would try. Compiled shapes are fixed, so
rows that are not collected go to a segment after the last, which is cut off.
"""

import torch

from baselines.energy_flow_v1 import FlowCase, FlowState
from baselines.energy_flow_v1 import engine as baseline
from baselines.energy_flow_v1.collect import STEP_GAIN
from baselines.energy_flow_v1.geometry import UNKNOWN
from baselines.engine import Step, replace, replace_stage, same
from optimizations.lattice_field_jax.implementation import one_threaded_jax

FLOWS = ("sample", "position", "energy", "steps", "plane", "completed", "listed")


def collect(case: FlowCase) -> Step:
    """Stage: output [B, S], the group of each flow, and the flows struck off the list."""
    if not case.runs("collect"):
        return lambda state: same(case, state)
    jax, run = one_threaded_jax(), compiled(case)

    def gather(state: FlowState) -> FlowState:
        arrays = (jax.dlpack.from_dlpack(getattr(state, name)) for name in FLOWS)
        after = jax.block_until_ready(run(*arrays))
        output, group, listed, rows = (torch.from_dlpack(array) for array in after)
        return state._replace(output=output, group=group, listed=listed, rows=rows)

    return gather


def compiled(case: FlowCase):
    """The compiled function from the fields of all rows to output, group, listed and rows."""
    jax, bins = one_threaded_jax(), case.batch * case.cells
    jnp, sides = jax.numpy, (case.width - 1, case.height - 1)
    as_found = case.rules.keeps("rows")

    def softened(key, energy, strength):
        """Σ ω e with ω = softmax(strength) inside each key, [bins]; sums in float64."""
        highest = jax.ops.segment_max(strength, key, bins + 1)
        weight = jnp.exp(strength - highest[key]).astype(jnp.float64)
        total = jax.ops.segment_sum(weight, key, bins + 1)
        weighted = jax.ops.segment_sum(weight * energy, key, bins + 1)
        return (weighted / jnp.maximum(total, 1))[:bins].astype(energy.dtype)

    @jax.jit
    def run(sample, position, energy, steps, plane, completed, listed):
        taken = completed & (plane != UNKNOWN)
        indices = (
            jnp.round((position[:, a] + 1) * 0.5 * n).clip(0, n) for a, n in enumerate(sides)
        )
        x, y = (index.astype(jnp.int64) for index in indices)
        key = jnp.where(taken, sample * case.cells + y * case.width + x, bins)
        near = jnp.abs(energy) / (1 + jnp.abs(1 - jnp.abs(position[:, 2])))
        strength = near * (1 + STEP_GAIN * steps.astype(energy.dtype))
        output = softened(key, energy, strength).reshape(case.batch, case.cells)
        last = jnp.where(taken, sample, 0).max() if as_found else case.batch - 1
        return output, jnp.where(taken, key, -1), listed & ~taken, jnp.asarray(last + 1, jnp.int64)

    return run


engine = replace(replace_stage(baseline, collect=collect), needs=("jax",), opaque="XLA compiles it")
