"""Engines over ranks without the judge: runs under torchrun, and their checkpoints."""
