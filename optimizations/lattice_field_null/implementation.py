"""The baseline against itself: the harness's own noise, and the control beside every number."""

from baselines.lattice_field_v1 import engine

__all__ = ["engine"]
