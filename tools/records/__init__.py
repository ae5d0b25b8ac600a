"""Measurements: their conditions, and whether they are current."""
