"""Optimizations, one folder each; nothing lists them."""
