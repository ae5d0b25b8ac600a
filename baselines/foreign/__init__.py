"""A user's program as an engine: what created baselines call is `external_engine`'s.

It is loaded when it is asked for: a process that only runs the program needs no torch.
"""

import importlib

__all__ = ["engine", "over_state", "read_origin", "substitute"]


def __getattr__(name: str):
    if name not in __all__:
        raise AttributeError(name)
    return getattr(importlib.import_module("groundspeed.baselines.foreign.external_engine"), name)
