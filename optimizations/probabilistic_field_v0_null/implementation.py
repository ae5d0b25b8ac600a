"""probabilistic_field_v0 against itself: what the judge must accept."""

from baselines.probabilistic_field_v0 import engine

__all__ = ["engine"]
