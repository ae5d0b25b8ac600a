"""tensor_field_v1 against itself: what the judge must accept."""

from baselines.tensor_field_v1 import engine

__all__ = ["engine"]
