"""Frozen baselines from a user's program: resolve, copy, record twice, write, verify, install."""
