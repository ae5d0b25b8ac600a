"""probabilistic_field_v1 against itself: what the judge must accept."""

from baselines.probabilistic_field_v1 import engine

__all__ = ["engine"]
