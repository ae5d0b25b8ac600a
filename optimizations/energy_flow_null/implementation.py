"""energy_flow_v1 against itself: what the judge must accept."""

from baselines.energy_flow_v1 import engine

__all__ = ["engine"]
