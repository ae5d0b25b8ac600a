"""The state of a GPU around a timing, as a library of NVML's shape tells it."""

from types import SimpleNamespace

import pytest

from groundspeed.tools.records import accelerator
from groundspeed.tools.records.conditions import conditions


class NVMLError(Exception):
    pass


def library(reasons: int = 0, power=lambda gpu: 312_400) -> SimpleNamespace:
    clocks = {"sm": 1755, "memory": 2619}
    return SimpleNamespace(
        NVMLError=NVMLError, NVML_CLOCK_SM="sm", NVML_CLOCK_MEM="memory", NVML_TEMPERATURE_GPU=0,
        nvmlDeviceGetHandleByIndex=lambda index: index,
        nvmlDeviceGetClockInfo=lambda gpu, which: clocks[which],
        nvmlDeviceGetMaxClockInfo=lambda gpu, which: 1980,
        nvmlDeviceGetPowerUsage=power,
        nvmlDeviceGetTemperature=lambda gpu, which: 61,
        nvmlDeviceGetCurrentClocksThrottleReasons=lambda gpu: reasons,
        nvmlShutdown=lambda: None,
    )  # fmt: skip


def test_what_holds_its_clocks_back_is_named_and_what_does_not_is_not():
    idle, cap, hot = 0x1, 0x4, 0x40
    found = accelerator.state(library(idle | cap | hot))
    assert found.held_back == ["power cap", "hardware thermal limit"]
    assert str(found) == (
        "1755 of 1980 MHz, memory 2619 MHz, 312 W, 61 °C, held back by power cap and hardware "
        "thermal limit"
    )
    assert accelerator.state(library(idle)).held_back == []


def test_a_gpu_that_does_not_tell_is_no_failure(monkeypatch):
    def refused(gpu):
        raise NVMLError("not supported")

    monkeypatch.setattr(accelerator, "driver", lambda: (library(power=refused), ""))
    assert accelerator.accelerator_state() is None
    monkeypatch.setattr(accelerator, "driver", lambda: (library(), ""))
    assert accelerator.accelerator_state().temperature_c == 61


@pytest.mark.skipif(accelerator.driver()[0] is not None, reason="there is a GPU here")
def test_where_there_is_none_nothing_is_recorded():
    assert accelerator.accelerator_state() is None
    assert conditions().accelerator_before is None
