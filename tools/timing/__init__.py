"""Paired timing: session, workers, rounds, statistics, output checks."""
