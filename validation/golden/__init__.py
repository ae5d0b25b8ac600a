"""Frozen answers of baselines, and cached baseline runs."""
