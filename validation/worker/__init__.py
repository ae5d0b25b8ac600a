"""The candidate's process, which knows no answers."""
