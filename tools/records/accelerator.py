"""State of the GPU around a timing, by NVML: its clocks move with power and temperature."""

import platform
from pathlib import Path
from types import ModuleType

from groundspeed.validation.records.base import Part

REASONS = {  # bits of NVML's reasons for which clocks are held back, of those that slow work
    0x0000000000000004: "power cap",
    0x0000000000000008: "hardware slowdown",
    0x0000000000000020: "software thermal limit",
    0x0000000000000040: "hardware thermal limit",
    0x0000000000000080: "hardware power brake",
}


class AcceleratorState(Part):
    """What the first GPU did at a moment."""

    clock_mhz: int  # of the multiprocessors
    most_mhz: int  # that they reach at the most
    memory_mhz: int
    power_w: float
    temperature_c: int
    held_back: list[str] = []  # why its clocks were below what they could be

    def __str__(self) -> str:
        held = f", held back by {' and '.join(self.held_back)}" if self.held_back else ""
        return (
            f"{self.clock_mhz} of {self.most_mhz} MHz, memory {self.memory_mhz} MHz, "
            f"{self.power_w:.0f} W, {self.temperature_c} °C{held}"
        )


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


def accelerator_state() -> AcceleratorState | None:
    """As it is now; None where NVML cannot be asked or does not tell."""
    library, _ = driver()
    if library is None:
        return None
    try:
        return state(library)
    except library.NVMLError:  # a driver that does not tell all of it, as of a part of a GPU
        return None
    finally:
        library.nvmlShutdown()


def state(library: ModuleType) -> AcceleratorState:
    """What NVML says of the first GPU."""
    gpu = library.nvmlDeviceGetHandleByIndex(0)
    reasons = library.nvmlDeviceGetCurrentClocksThrottleReasons(gpu)
    return AcceleratorState(
        clock_mhz=library.nvmlDeviceGetClockInfo(gpu, library.NVML_CLOCK_SM),
        most_mhz=library.nvmlDeviceGetMaxClockInfo(gpu, library.NVML_CLOCK_SM),
        memory_mhz=library.nvmlDeviceGetClockInfo(gpu, library.NVML_CLOCK_MEM),
        power_w=library.nvmlDeviceGetPowerUsage(gpu) / 1000,
        temperature_c=library.nvmlDeviceGetTemperature(gpu, library.NVML_TEMPERATURE_GPU),
        held_back=[words for bit, words in REASONS.items() if reasons & bit],
    )
