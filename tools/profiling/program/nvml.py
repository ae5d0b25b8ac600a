"""GPU load and memory while a program runs, by NVML."""

from __future__ import annotations

import platform
from pathlib import Path
from time import perf_counter

EVERY_S = 0.1


class Graphics:
    """Samples of the first device: (time, utilisation in percent, bytes in use)."""

    reason = ""

    def __enter__(self) -> Graphics:
        self.samples, self.next = [], 0.0
        self.handle, self.reason = first_device()
        return self

    def __exit__(self, *_) -> None:
        if self.handle is not None:
            import pynvml

            pynvml.nvmlShutdown()

    def sample(self) -> None:
        now = perf_counter()
        if self.handle is None or now < self.next:
            return
        import pynvml

        self.next = now + EVERY_S
        busy = pynvml.nvmlDeviceGetUtilizationRates(self.handle).gpu
        used = pynvml.nvmlDeviceGetMemoryInfo(self.handle).used
        self.samples.append((now, busy, used))


def first_device() -> tuple[object | None, str]:
    """Its handle, or the reason why there is none."""
    if platform.system() == "Linux" and not Path("/dev/nvidiactl").exists():
        return None, "no NVIDIA driver here (no /dev/nvidiactl)"
    try:
        import pynvml
    except ImportError:
        return None, "the GPU's library for Python is missing; pip install nvidia-ml-py"
    try:
        pynvml.nvmlInit()
        return pynvml.nvmlDeviceGetHandleByIndex(0), ""
    except pynvml.NVMLError as error:
        return None, f"no NVIDIA driver: {error}"
