"""The field in slabs of rows over two processes: diffusion transposes, flow exchanges edges."""

from optimizations.ranks.crew import over_ranks

from .rows import decomposition

__all__ = ["decomposition", "engine"]  # the first is what torchrun's ranks work by

engine = over_ranks(decomposition, 2)
