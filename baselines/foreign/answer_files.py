"""Numbers in the files that a program writes, for those whose answer is a file."""

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

from groundspeed.baselines.foreign.sandbox import Broken

KINDS = (".npz", ".npy", ".pt", ".pth", ".json", ".csv", ".tsv", ".txt", ".dat")


def named(wanted: Iterable[str]) -> list[str]:
    """Those of the names asked for that are files."""
    return [name for name in wanted if name.endswith(KINDS)]


class AnswerFiles:
    """The files asked for, in the folder where a program runs, from before its run."""

    def __init__(self, folder: Path, wanted: Iterable[str]):
        self.files = {name: folder / name for name in named(wanted)}
        self.before = {name: written(path) for name, path in self.files.items()}

    def read(self) -> dict[str, Any]:
        """What the run wrote into them, by name.

        Raises:
            Broken: it did not write one, or there are no numbers in it.
        """
        for name, path in self.files.items():
            if written(path) in (0, self.before[name]):
                raise Broken(f"the run does not write {name}; allowed: a file that it writes, "
                             "by its path from where it runs")  # fmt: skip
        return {name: contents(path) for name, path in self.files.items()}


def in_folder(folder: Path) -> dict[str, int]:
    """Files that may hold numbers, by their path from the folder, and when they were written."""
    found = (path for kind in KINDS for path in folder.rglob(f"*{kind}"))
    return {str(path.relative_to(folder)): written(path) for path in found}


def written(path: Path) -> int:
    """When, in nanoseconds; 0 where there is no such file."""
    return path.stat().st_mtime_ns if path.is_file() else 0


def contents(path: Path) -> Any:
    """The numbers in a file."""
    try:
        if path.suffix in (".npz", ".npy"):
            held = sys.modules["numpy"].load(path, allow_pickle=False)  # whose program wrote it
            return dict(held) if path.suffix == ".npz" else held
        if path.suffix in (".pt", ".pth"):
            return torch.load(path, weights_only=True)
        text = path.read_text()
        return json.loads(text) if path.suffix == ".json" else table(text)
    except Exception as error:
        raise Broken(f"{path.name} holds no numbers that can be read ({error})") from None


def table(text: str) -> Any:
    """Rows of numbers, whatever stands between them; lines that are none are passed over."""
    rows = [numbers for line in text.splitlines() if (numbers := row(line))]
    widths = {len(numbers) for numbers in rows}
    if len(widths) == 1:
        return torch.tensor(rows, dtype=torch.float64)
    return [number for numbers in rows for number in numbers]


def row(line: str) -> list[float]:
    words = line.replace(",", " ").replace(";", " ").split()
    try:
        return [float(word) for word in words]
    except ValueError:
        return []
