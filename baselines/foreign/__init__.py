"""A user's program as an engine: what created baselines call."""

from baselines.foreign.external_engine import engine, over_state, read_origin, substitute

__all__ = ["engine", "over_state", "read_origin", "substitute"]
