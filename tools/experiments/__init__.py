"""Experiments: sweeps, comparison of commits, error rates of the clock."""
