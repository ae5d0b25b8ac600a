"""Incremental checkpoints: both time levels, written behind the run's back, whole or not at all.

A leapfrog resumes bit for bit only from E *and* E_prev. A checkpoint is a file of its own, written
to a temporary name and renamed, by a thread that works while the run goes on; a run killed at any
moment loses at most the steps since the last one that was asked for and the one still being
written.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from baselines.lattice_field_v1 import LatticeState

KEPT = 2  # the newest may be in the writing when the run dies


class Checkpoints:
    """Checkpoints of one run in a folder of their own."""

    def __init__(self, folder: Path):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.pool = ThreadPoolExecutor(1)
        self.pending: Future | None = None

    def save(self, step: int, state: LatticeState) -> None:
        """Write the state after that many steps; waits only for the one before.

        Raises:
            OSError: the one before could not be written (a full disk).
        """
        if self.pending:
            self.pending.result()
        held = {name: x.clone() for name, x in state._asdict().items()}
        self.pending = self.pool.submit(self.write, step, held)

    def write(self, step: int, held: dict) -> None:
        path = self.folder / f"{step:09d}.safetensors"
        partial = path.with_suffix(".tmp")
        save_file(held, partial)
        partial.replace(path)
        for old in self.paths()[:-KEPT]:
            old.unlink(missing_ok=True)

    def paths(self) -> list[Path]:
        """Whole checkpoints, oldest first."""
        return sorted(self.folder.glob("*.safetensors"))

    def newest(self) -> tuple[int, LatticeState] | None:
        """Step and state to resume from; none where there is no whole checkpoint."""
        for path in reversed(self.paths()):
            try:
                return int(path.stem), LatticeState(**load_file(path))
            except (SafetensorError, TypeError, OSError):
                continue  # not ours, or damaged: the one before it still stands
        return None

    def close(self) -> None:
        """Wait until everything that was asked for is on disk."""
        if self.pending:
            self.pending.result()
        self.pool.shutdown()
