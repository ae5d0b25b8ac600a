"""Counted work of a step: operators, bytes, arithmetic; nothing is timed."""
