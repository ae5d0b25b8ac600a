"""Commands, timing, costs, profiling and reports."""
