"""Runs checks, compares results, concludes a verdict."""
