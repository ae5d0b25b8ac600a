"""Performance: one module a verb."""
