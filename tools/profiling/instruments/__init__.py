"""Instruments: one a module."""
