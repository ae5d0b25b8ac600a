"""A user's program as an engine: what created baselines call is `external_engine`'s.

It is loaded when it is asked for: a process that only runs the program has no need of it.
"""

import importlib


def __getattr__(name: str):
    if name.startswith("__"):
        raise AttributeError(name)
    return getattr(importlib.import_module("baselines.foreign.external_engine"), name)
