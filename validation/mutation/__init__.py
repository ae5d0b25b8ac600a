"""Mutation operators and mutants."""
