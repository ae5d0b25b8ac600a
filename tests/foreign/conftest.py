"""Programs and optimizations here are run by foreign.py, in an environment of their own."""

collect_ignore = ["programs", "optimizations"]
