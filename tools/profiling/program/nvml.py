"""GPU load and memory while a program runs, by NVML."""

from __future__ import annotations

import platform
from pathlib import Path
from time import perf_counter
from types import ModuleType

EVERY_S = 0.1


class Graphics:
    """Samples of the first device: (time, utilisation in percent, bytes in use)."""

    def __enter__(self) -> Graphics:
        self.samples, self.next = [], 0.0
        self.library, _ = driver()
        if self.library:
            self.device = self.library.nvmlDeviceGetHandleByIndex(0)
        return self

    def __exit__(self, *_) -> None:
        if self.library:
            self.library.nvmlShutdown()

    def sample(self) -> None:
        now = perf_counter()
        if self.library and now >= self.next:
            self.next = now + EVERY_S
            busy = self.library.nvmlDeviceGetUtilizationRates(self.device).gpu
            self.samples.append((now, busy, self.library.nvmlDeviceGetMemoryInfo(self.device).used))


def driver() -> tuple[ModuleType | None, str]:
    """NVML, started, or the reason why it cannot be asked."""
    if platform.system() == "Linux" and not Path("/dev/nvidiactl").exists():
        return None, "no NVIDIA driver here (no /dev/nvidiactl)"
    try:
        import pynvml
    except ImportError:
        return None, "the GPU's library for Python is missing; pip install nvidia-ml-py"
    try:
        pynvml.nvmlInit()
        pynvml.nvmlDeviceGetHandleByIndex(0)
    except pynvml.NVMLError as error:
        return None, f"no NVIDIA driver: {error}"
    return pynvml, ""
