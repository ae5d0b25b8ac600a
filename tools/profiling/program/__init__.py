"""The profiled program: target, launch, run."""
