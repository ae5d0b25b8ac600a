"""States in files: safetensors, with complex numbers as pairs; written whole or not at all."""

from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from groundspeed.validation.records.atomic import replacing

PAIR = "~complex"  # a name that ends so holds pairs (real, imaginary) in its last axis


def save(path: Path, tensors: dict[str, torch.Tensor], metadata: dict[str, str] | None = None):
    """Write the whole file or nothing."""
    flat = {}
    for name, tensor in tensors.items():
        tensor = tensor.detach().cpu().resolve_conj().resolve_neg()
        if tensor.is_complex():
            name, tensor = name + PAIR, torch.view_as_real(tensor)
        flat[name] = tensor.contiguous().clone()
    with replacing(path) as partial:
        save_file(flat, partial, metadata)


def load(path: Path) -> dict[str, torch.Tensor]:
    """Every tensor of the file by name."""
    with safe_open(path, "pt") as file:
        flat = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    return {
        # the file keeps numbers at multiples of 8 bytes; complex128 at any but 16 crashes torch
        name.removesuffix(PAIR): torch.view_as_complex(t.clone()) if name.endswith(PAIR) else t
        for name, t in flat.items()
    }


def metadata(path: Path) -> dict[str, str]:
    """What the writer noted about itself."""
    with safe_open(path, "pt") as file:
        return file.metadata() or {}
