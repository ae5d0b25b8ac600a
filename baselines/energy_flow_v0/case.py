"""A run of the flow engine with the dictionary's own switches."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

from baselines.energy_flow_v1.case import FlowCase

from .rules import Rules


@dataclass(frozen=True, kw_only=True)
class CellCase(FlowCase):
    """As `FlowCase`, with the rules of this version."""

    rules: Rules = field(default_factory=Rules)


def by_cell(case: FlowCase, **changes) -> CellCase:
    """The same lattice, flows and networks under this version's default rules."""
    inherited = {f.name: getattr(case, f.name) for f in fields(case) if f.name != "rules"}
    return CellCase(**inherited | changes)
