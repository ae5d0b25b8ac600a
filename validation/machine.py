"""What decides the bits of a result besides the code, and what the machine can do."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import sysconfig
from functools import cache
from importlib.metadata import version
from pathlib import Path


def torch_version() -> str:
    """Release of torch without the build's local part."""
    return version("torch").split("+")[0]


@cache
def cpuinfo() -> dict[str, str]:
    """What the system says of its first processor; empty where it says nothing."""
    try:
        lines = Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines()
    except OSError:
        return {}
    pairs = (line.partition(":") for line in lines)
    return {key.strip(): value.strip() for key, _, value in pairs}


def processor() -> str:
    """Model of the processor, as the system names it."""
    return cpuinfo().get("model name") or platform.processor() or platform.machine()


def capability() -> str:
    """Vector width that torch's kernels take, without asking torch."""
    forced = os.environ.get("ATEN_CPU_CAPABILITY")
    flags = set(cpuinfo().get("flags", "").split())
    if forced:
        return forced.upper()
    if flags >= {"avx512f", "avx512bw", "avx512dq", "avx512vl", "fma"}:
        return "AVX512"
    return "AVX2" if flags >= {"avx2", "fma"} else "DEFAULT"


def machine() -> dict[str, str]:
    """What decides the bits of a result besides the code: processor, vector width, torch."""
    return {
        "processor": processor(),
        "capability": capability(),
        "system": f"{platform.system()} {platform.machine()}",
        "torch": torch_version(),
    }


def has_compiler() -> bool:
    """A C++ compiler, and the headers of this Python that its code includes."""
    headers = Path(sysconfig.get_path("include")) / "Python.h"
    compilers = (os.environ.get("CXX", "g++"), "clang++")
    return headers.exists() and any(shutil.which(name) for name in compilers)


def has_cuda() -> bool:
    if version("torch").endswith("+cpu"):
        return False
    import torch  # late: importing it takes seconds, and `list` asks this too

    return torch.cuda.is_available()


ABLE = {
    "compiler": (
        has_compiler,
        "a C++ compiler and Python's headers: apt-get install g++ python3-dev",
    ),
    "cuda": (has_cuda, "a CUDA device"),
}


def missing(needs: tuple[str, ...]) -> list[str]:
    """What an engine needs and this machine has not, in words.

    A need is one of those above, or the name of a package.
    """
    lacking = [words for able, words in (ABLE[n] for n in needs if n in ABLE) if not able()]
    packages = [n for n in needs if n not in ABLE and importlib.util.find_spec(n) is None]
    return lacking + [f"{name}: pip install {name}" for name in packages]
