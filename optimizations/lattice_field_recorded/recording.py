"""A field over time in one memory-mapped file, or compressed without loss.

Frames are cells of a preallocated array file that the system writes out when it likes; a frame
count behind each flush says how many of them are whole.
"""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
from torch import Tensor


class Recording:
    """Frames of one field, [frames, *shape], in ``folder``/frames.npy."""

    def __init__(self, folder: Path, shape: tuple[int, ...], dtype: np.dtype, frames: int):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.count = folder, 0
        path = folder / "frames.npy"
        self.frames = np.lib.format.open_memmap(path, "w+", dtype, (frames, *shape))

    def append(self, field: Tensor) -> None:
        """The next frame.

        Raises:
            ValueError: the file is full; it was made for so many frames.
        """
        if self.count == len(self.frames):
            raise ValueError(f"frame {self.count + 1} of a file made for {len(self.frames)}")
        self.frames[self.count] = field.numpy()
        self.count += 1

    def flush(self) -> None:
        """Everything so far on disk, then the count of what is whole."""
        self.frames.flush()
        partial = self.folder / "count.tmp"
        partial.write_text(str(self.count))
        partial.replace(self.folder / "count")


def whole(folder: Path) -> np.ndarray:
    """The frames that were flushed, mapped and not read: [count, *shape]."""
    count = int((folder / "count").read_text())
    return np.load(folder / "frames.npy", mmap_mode="r")[:count]


def compress(field: np.ndarray, level: int = 1) -> bytes:
    """Without loss: bytes of equal significance stand together, then deflate (RFC 1951)."""
    planes = field.reshape(-1, 1).view(np.uint8).reshape(-1, field.itemsize)
    return zlib.compress(np.ascontiguousarray(planes.T), level)


def expand(data: bytes, dtype: np.dtype, shape: tuple[int, ...]) -> np.ndarray:
    """The field that was compressed, every bit of it."""
    planes = np.frombuffer(zlib.decompress(data), np.uint8)
    planes = planes.reshape(np.dtype(dtype).itemsize, -1)
    return np.ascontiguousarray(planes.T).view(dtype).reshape(shape)
