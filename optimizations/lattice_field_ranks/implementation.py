"""The field in slabs over two processes, with halos that last for two steps."""

from optimizations.ranks.crew import over_ranks

from .field import decomposition

engine = over_ranks(decomposition, 2)
