"""The field of one rank: its rows of E, R and P, and a whole workspace.

Diffusion and flow move energy between rows, so there ranks talk. The other stages are made of the
baseline's functions on the rows that are here; what decides over the whole grid is counted over
all ranks. The workspace looks at a few rows at the bottom: every rank is given those and computes
the same.
"""

from __future__ import annotations

import torch
from torch import Tensor

from baselines.probabilistic_field_v0.cells import bounded
from baselines.probabilistic_field_v0.rules import (
    ACTIVITY,
    BOUND,
    CONSUMPTION,
    CONSUMPTION_DENSE,
    DENSITY_DENSE,
    DIFFUSION_GATE,
    ENERGY_CAP,
    FLOW_DENSE,
    FLOW_RATE,
    LOOK_UP,
    MOBILITY,
    PEAK,
    PEAK_RATE,
    PEAKS_DENSE,
    POPULATED,
    SEED_REACH,
)
from baselines.probabilistic_field_v0.senses import expose
from baselines.probabilistic_field_v0.state import Working, decide, measure
from baselines.probabilistic_field_v0.transport import take_flow
from baselines.probabilistic_field_v0.turnover import (
    metabolize,
    take_census,
    turn_over_all,
    turn_over_moving,
)
from baselines.probabilistic_field_v1 import FieldCase, FieldState, Region, runs
from baselines.probabilistic_field_v1 import engine as baseline
from optimizations.ranks.decomposition import Decomposition
from optimizations.ranks.slabs import Slab
from optimizations.ranks.team import Team

from .diffusion import Diffusion

WORKSPACE = ("pull", "push_and_seed")


class Rows:
    """The stages in their order, over ranks."""

    def __init__(self, case: FieldCase, team: Team, slab: Slab, state: FieldState):
        self.case, self.team, self.slab = case, team, slab
        self.cuts = decomposition.slabs(case, team.size)
        self.here = Working(*state, moving=torch.zeros_like(state.E, dtype=torch.bool))
        self.diffusion = Diffusion(case, team, self.cuts)
        self.top, self.band = self.workspace_band()
        stages = {s.name: s.build for s in baseline.stages}
        self.nodes = [stages[name](self.band) for name in WORKSPACE if runs(case, name)]
        own = (self.inject, self.diffuse, self.flow, self.workspace, self.density, self.consume)
        self.stages = [s for s in (*own, self.damp) if self.made(s.__name__)]

    def made(self, stage: str) -> bool:
        """Whether a step of the case includes it."""
        return bool(self.nodes) if stage == "workspace" else runs(self.case, stage)

    def workspace_band(self) -> tuple[int, FieldCase]:
        """The first row that nodes look at or seed, and the case of those rows alone."""
        H, W = self.case.shape
        top = max(0, H - self.case.workspace[0] - LOOK_UP - SEED_REACH)
        whole = {"steps": 1, "start": (), "dt": self.case.dt, "dtype": self.case.dtype}
        whole |= {"workspace": self.case.workspace, "device": self.team.device}
        return top, FieldCase(shape=(H - top, W), **whole)

    def step(self) -> None:
        for stage in self.stages:
            self.here = stage(self.here)

    def state(self) -> FieldState:
        return FieldState(*self.here[:-1])

    def total(self, values: list[Tensor]) -> list[Tensor]:
        """Sums over ranks, in their order."""
        return list(torch.stack(self.team.everyone(torch.stack(values))).sum(0))

    def share(self, mask: Tensor) -> float:
        """The part of all cells for which the mask holds."""
        return int(self.total([mask.sum()])[0]) / self.case.cells

    def all_rows(self, own: Tensor, top: int = 0) -> Tensor:
        """Rows from ``top`` on of all ranks, of a tensor of own rows."""
        parts = [(max(c.first, top), max(c.last, top)) for c in self.cuts]
        first, last = parts[self.team.rank]
        mine = own[first - self.slab.first : last - self.slab.first].contiguous()
        whole = own.new_empty((self.slab.n - top, *own.shape[1:]))
        self.team.trade(
            [(rank, mine) for rank in range(self.team.size)],
            [(rank, whole[a - top : b - top]) for rank, (a, b) in enumerate(parts)],
        )
        return whole

    def inject(self, state: Working) -> Working:
        """The next image, in those rows of its region that are here."""
        if self.case.images is None:
            return state
        region, count = self.case.images.region, self.case.images.count
        first, last = max(region.y0, self.slab.first), min(region.y1, self.slab.last)
        if first >= last:
            return state
        image = state.frames[int(state.frame) % count]
        lines, whole = slice(first - region.y0, last - region.y0), region.shape
        if tuple(image.shape) == whole and image.dtype == torch.uint8:
            image, lines, whole = image[lines], slice(None), (last - first, whole[1])
        here = slice(first - self.slab.first, last - self.slab.first), region.slices[1]
        E, R = state.E.clone(), state.R.clone()
        shown = R.new_zeros(whole)
        shown[lines] = R[here]
        lit, shown = expose(torch.zeros_like(shown), shown, image, Region(0, whole[0], 0, whole[1]))
        E[here], R[here] = lit[lines], shown[lines]
        return state._replace(E=E, R=R)

    def diffuse(self, state: Working) -> Working:
        """Each wave decays, if the whole field holds enough energy."""
        total = float(self.all_rows(state.E.sum(1, dtype=torch.float64)).sum())
        enough = total > DIFFUSION_GATE
        return state._replace(
            E=self.diffusion(state.E) if enough else state.E,
            sum_E=torch.full_like(state.sum_E, total),
            branches=decide(state, diffused=enough),
        )

    def around(self, field: Tensor) -> Tensor:
        """The mean of the eight neighbours of all but the outer two rows; the edges are a ring.

        Not a convolution: how that adds up depends on how many rows it is given.
        """
        beside = field[:-2] + field[2:]
        three = beside + field[1:-1]
        return (torch.roll(three, 1, 1) + torch.roll(three, -1, 1) + beside) / 8

    def neighbour_mean(self, sent: Tensor) -> Tensor:
        """The mean of what the eight neighbours send. Rows that need no other rank are computed
        while the edges travel."""
        if not len(sent):
            return sent
        rank, active = self.team.rank, self.slab.active
        below, above = (rank - 1) % active, (rank + 1) % active
        low, high = sent[:1].contiguous(), sent[-1:].contiguous()
        after, before = torch.empty_like(high), torch.empty_like(low)
        pending = self.team.post([(below, low), (above, high)], [(above, after), (below, before)])
        if len(sent) < 3:
            pending.wait()
            return self.around(torch.cat([before, sent, after]))
        inner = self.around(sent)
        pending.wait()
        first = self.around(torch.cat([before, sent[:2]]))
        last = self.around(torch.cat([sent[-2:], after]))
        return torch.cat([first, inner, last])

    def flow(self, state: Working) -> Working:
        """Every cell sends energy to its neighbours in proportion to its load R E."""
        rate = FLOW_RATE * self.case.dt
        load = bounded(state.R * state.E)
        mobility = torch.clamp(1 + state.P, *MOBILITY)
        inflow = bounded(bounded(self.neighbour_mean(load * mobility)) * rate)
        outflow = bounded(load * mobility * rate)
        net = bounded(inflow - outflow)
        moving = net.abs() > ACTIVITY
        self.active = self.share(moving)
        dense = self.active >= FLOW_DENSE
        return state._replace(
            E=take_flow(state.E, net, moving, dense),
            moving=moving,
            fractions=measure(state, active=self.active),
            branches=decide(state, flow_dense=dense),
        )

    def workspace(self, state: Working) -> Working:
        """Pull, push and seeding, on the rows that the nodes look at; every rank does the same."""
        band = state._replace(E=self.all_rows(state.E, self.top))
        for stage in self.nodes:
            band = stage(band)
        E, first = state.E, max(self.slab.first, self.top)
        if first < self.slab.last:
            E = E.clone()
            E[first - self.slab.first :] = band.E[first - self.top : self.slab.last - self.top]
        return band._replace(E=E)

    def density(self, state: Working) -> Working:
        """Births at high energy, deaths at low energy."""
        if not self.active:
            return state._replace(branches=decide(state, density_ran=False, density_dense=False))
        dense = self.active >= DENSITY_DENSE
        change = turn_over_all if dense else turn_over_moving
        E, R, spawn, death = change(state.E, state.R, state.moving, self.case.dt)
        zero = R.new_zeros(())
        limits = torch.stack([R.max(), -R.min()]) if R.numel() else torch.stack([zero, zero])
        most, least = torch.stack(self.team.everyone(limits)).amax(0).tolist()
        if most > 1.1 * BOUND or least > 0.1:
            R = torch.clamp(R, 0, BOUND)
        state = state._replace(
            E=E, R=R, branches=decide(state, density_ran=True, density_dense=dense)
        )
        return take_census(state, *self.total([spawn.sum(), death.sum()]), self.case.dt)

    def consume(self, state: Working) -> Working:
        """Density costs energy where it is; workspace nodes lose a little."""
        E, R = state.E, state.R
        populated = R > POPULATED
        g = self.share(populated)
        dense = g >= CONSUMPTION_DENSE
        if g:
            cost = CONSUMPTION * self.case.dt * R
            if not dense:
                cost = torch.where(populated, cost, torch.zeros_like(cost))
            E = bounded(E - cost, 0, ENERGY_CAP)
        return state._replace(
            E=E,
            w=metabolize(state.w, self.case.dt, self.case.dtype),
            fractions=measure(state, populated=g),
            branches=decide(state, consumed=g > 0, consumption_dense=dense),
        )

    def damp(self, state: Working) -> Working:
        """The excess over the peak energy decays; caps are kept; the frame ends."""
        E = state.E
        peaked = E > PEAK
        k = self.share(peaked)
        if k:
            loss = PEAK_RATE * self.case.dt * torch.clamp(E - PEAK, min=0)
            E = bounded(E - loss, 0, ENERGY_CAP)
        E = torch.where(torch.isfinite(E), E, torch.zeros_like(E))
        E = torch.clamp(torch.clamp(E, -BOUND, BOUND), 0, ENERGY_CAP)
        return state._replace(
            E=E,
            frame=state.frame + 1,
            fractions=measure(state, peaked=k),
            branches=decide(state, damped=k > 0, damping_dense=k >= PEAKS_DENSE),
        )


decomposition = Decomposition(
    module=__name__,
    engine=baseline,
    kind=FieldState,
    split=("E", "R", "P"),
    kept=("P", "frames"),
    least=lambda case: 1,
    begin=Rows,
)
