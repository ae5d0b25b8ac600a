"""This machine: the kind that evidence is filed under, and its abilities.

A *kind* is a readable class of machines: processor model, instruction set and cores, or the model
of the GPU for what works on one. Evidence is kept, and shown side by side, by kind. What differs
between two machines of one kind (kernel, memory, driver, load) is recorded and never compared; an
*instance* says whether two results come from the same box.
"""

import hashlib
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sysconfig
from functools import cache
from importlib.metadata import version
from pathlib import Path

from groundspeed import project


@cache
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


# Of a processor's name: what says nothing about its kind.
NOISE = r"\((r|tm)\)|@.*|\b\d+-core\b|\b(processor|cpu|with|radeon|graphics)\b"


def slug(text: str) -> str:
    """Lower-case words and digits joined by hyphens: a folder's name on any system."""
    return re.sub(r"[^a-z0-9]+", "-", re.sub(NOISE, " ", text.lower())).strip("-")


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def accelerator() -> tuple[str, str]:
    """(model, driver) of the first GPU, asked without torch; two "" where there is none."""
    if not shutil.which("nvidia-smi"):
        return "", ""
    asked = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    name, _, driver = (done.stdout.splitlines() or [""])[0].partition(",")
    return (name.strip(), driver.strip()) if driver else ("", "")


def kind(device: str = "cpu") -> str:
    """Kind of this machine for what works on that device.

    GROUNDSPEED_MACHINE, or ``machine`` in groundspeed.toml, names it otherwise, for machines that
    their owner can tell apart better.
    """
    named = os.environ.get("GROUNDSPEED_MACHINE") or project.SETTING.machine
    if named:
        if slug(named) != named:
            raise ValueError(
                f"this kind of machine is named {named!r}; allowed: lower-case letters, digits and "
                f"hyphens, such as {slug(named) or 'my-machine'!r}"
            )
        return named
    gpu = accelerator()[0] if device == "cuda" else ""
    return slug(gpu) if gpu else f"{slug(processor())}-{slug(capability())}-{cores()}"


def description(of: str) -> dict[str, str | int]:
    """What `machine.json` says of a kind, seen from a machine of it."""
    return {
        "machine": of,
        "processor": processor(),
        "capability": capability(),
        "cores": cores(),
        "accelerator": accelerator()[0] if of == kind("cuda") else "",
        "system": f"{platform.system()} {platform.machine()}",
    }


@cache
def instance() -> str:
    """Tells boxes of one kind apart without naming them."""
    try:
        own = Path("/etc/machine-id").read_text()
    except OSError:
        own = platform.node()
    return hashlib.sha256(own.encode()).hexdigest()[:12]


def machine() -> dict[str, str]:
    """What decides the bits of a result besides the code: processor, vector width, torch."""
    return {
        "processor": processor(),
        "capability": capability(),
        "system": f"{platform.system()} {platform.machine()}",
        "torch": torch_version(),
    }


# Variables that switch a compiler off or change what it makes; not those of caches and threads.
SWITCH = re.compile(
    r"(TORCHDYNAMO|TORCHINDUCTOR|TORCH_COMPILE|PYTORCH_JIT|NUMBA|TRITON_INTERPRET|JAX_DISABLE_JIT|"
    r"XLA_FLAGS)(?!\w*(_CACHE_DIR|_THREADS|_THREADING_LAYER\w*|_VEC_ISA_OK)$)"
)


def compiler_switches() -> list[str]:
    """Variables of the environment under which compilers would make other code than without."""
    return [name for name in os.environ if SWITCH.match(name)]


def unset_compiler_switches() -> None:
    """Of this process and those that it starts: one that was forgotten in a shell changes nothing
    that is judged or timed."""
    for name in compiler_switches():
        del os.environ[name]


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


RANKS = re.compile(r"ranks:([1-9]\d*)$")  # a process each, on a processor of its own


def missing(needs: tuple[str, ...]) -> list[str]:
    """What an engine needs and this machine has not, in words.

    A need is one of those above, "ranks:N", or the name of a package.
    """
    ranks = [int(found[1]) for n in needs if (found := RANKS.match(n))]
    few = [f"{n} processors, one for each rank; here: {cores()}" for n in ranks if n > cores()]
    lacking = [words for able, words in (ABLE[n] for n in needs if n in ABLE) if not able()]
    others = [n for n in needs if n not in ABLE and not RANKS.match(n)]
    packages = [n for n in others if importlib.util.find_spec(n) is None]
    return few + lacking + [f"{name}: pip install {name}" for name in packages]
