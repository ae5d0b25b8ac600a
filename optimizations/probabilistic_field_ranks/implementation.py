"""The field in slabs of rows over two processes: diffusion transposes, flow exchanges edges."""

from optimizations.ranks.crew import over_ranks

from .rows import decomposition

engine = over_ranks(decomposition, 2)
