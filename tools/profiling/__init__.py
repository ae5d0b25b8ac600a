"""Profiles of time, memory and waiting; each instrument runs in its own process."""
