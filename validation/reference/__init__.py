"""Baseline runs, distances between states, tolerances."""
