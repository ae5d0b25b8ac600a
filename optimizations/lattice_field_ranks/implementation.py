"""The field in slabs over two processes, with halos that last for two steps."""

from optimizations.ranks.crew import over_ranks

from .field import decomposition

__all__ = ["decomposition", "engine"]  # the first is what torchrun's ranks work by

engine = over_ranks(decomposition, 2)
