"""GPU load and memory while a program runs, by NVML."""

from __future__ import annotations

from time import perf_counter

from groundspeed.tools.records.accelerator import driver

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
