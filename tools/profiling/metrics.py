"""Metrics of a whole run, or why this machine cannot give them."""

import os
from statistics import mean, median

from groundspeed.tools.profiling.profile_record import Metric, Profile
from groundspeed.tools.profiling.program.profile_target import ProfileTarget
from groundspeed.tools.profiling.tables import summed
from groundspeed.tools.records.accelerator import driver

ENOUGH = 10  # samples for an average
PROC = "/proc/self/io of the process"
NONE = "no /proc on this system"


def told_target(target: ProfileTarget) -> str:
    """What was profiled, without the folders of this machine."""
    what = os.path.relpath(target.what, target.root) if target.what.endswith(".py") else target.what
    return "::".join(filter(None, (what, target.member)))


def given(value: float | None, unit: str, source: str, reason: str = "") -> Metric:
    return Metric(value=value, unit=unit, source=source, reason="" if value is not None else reason)


def within(blocks: list[dict], samples: list[tuple]) -> list[tuple]:
    """The samples that were taken while a block ran."""
    return [s for s in samples if any(b["start"] <= s[0] <= b["end"] for b in blocks)]


def of(bare) -> dict[str, Metric]:
    """From the bare runs alone: what clocks and counters outside say."""
    blocks = bare.blocks
    wall = median(b["wall_s"] for b in blocks)
    cpu = median(b["cpu_s"] + b["children_cpu_s"] for b in blocks)
    inside = [rss for _, rss in within(blocks, bare.samples)]
    many = len(inside) >= ENOUGH
    found = {
        "wall": given(wall, "s", f"perf_counter, median of {len(blocks)}"),
        "wall_per_step": given(wall / bare.steps, "s", "perf_counter"),
        "fastest": given(min(b["wall_s"] for b in blocks), "s", "perf_counter"),
        "cpu": given(cpu, "s", "process_time and children"),
        "cpu_utilisation": given(cpu / wall, "share", "CPU time / wall clock; 100% is one core"),
        "threads": given(max(b["threads"] for b in blocks), "count", "/proc/self/task at the end"),
        "memory_peak": given(
            max((b["peak_rss"] for b in blocks if b["peak_rss"]), default=None),
            "B", "VmHWM after a reset at the start", NONE,
        ),
        "memory_average": given(
            mean(inside) if many else None, "B", f"{len(inside)} samples of RSS from outside",
            f"the run is too short for an average ({len(inside)} samples)",
        ),
    }  # fmt: skip
    return found | counters(bare) | graphics_of(bare)


def counters(bare) -> dict[str, Metric]:
    """What the system counted: waiting, faults, reading and writing."""

    def each(key: str, unit: str = "count", source: str = PROC) -> Metric:
        values = [b[key] for b in bare.blocks if key in b]
        value = median(values) if values else None
        return given(value, unit, source, NONE)

    return {
        "run_queue": each("run_queue_s", "s", "/proc/self/schedstat: ready, but no core was free"),
        "blocked": given(
            bare.blocked_s, "s", "wall clock less on-CPU less run queue, main thread", NONE
        ),
        "page_faults": each("minor_faults", source="getrusage"),
        "io_reads": each("io_syscr"),
        "io_writes": each("io_syscw"),
        "io_read_bytes": each("io_rchar", "B"),
        "io_written_bytes": each("io_wchar", "B"),
        "disk_read_bytes": each("io_read_bytes", "B"),
        "disk_written_bytes": each("io_write_bytes", "B"),
        "context_switches": each("voluntary_switches", source="getrusage: gave up the core"),
    }


def graphics_of(bare) -> dict[str, Metric]:
    """What NVML said between the beginning and the end of the blocks."""
    reason, seen = "" if bare.graphics else driver()[1], within(bare.blocks, bare.graphics)
    if not reason and not seen:
        reason = "the run is too short for the GPU's own samples"
    busy = mean(busy for _, busy, _ in seen) / 100 if seen else None
    used = max((used for _, _, used in seen), default=None)
    idle = reason or "the program puts nothing on the GPU"
    peak = bare.first.get("cuda_peak")
    return {
        "gpu_utilisation": given(busy, "share", "NVML, mean over the run", reason),
        "gpu_memory": given(used, "B", "NVML, peak in use on the device", reason),
        "gpu_memory_program": given(peak, "B", "torch.cuda.max_memory_allocated", idle),
    }


def complete(profile: Profile, raw: dict, bare) -> None:
    """What the instruments add, per step; each that did not work gives its reason."""
    known, refused = profile.metrics, profile.unavailable
    heap = raw.get("heap")
    reason = refused.get("heap", "memray did not run")
    for key in ("peak", "average"):
        known[f"heap_{key}"] = given(heap and heap[key], "B", "memray", reason)
    steps = heap["calls"] * bare.stride if heap else 1
    each = heap["allocations"] / steps if heap else None
    known["allocations"] = given(each, "count", "memray, a step", reason)
    counts(profile, raw, bare)
    rates = raw.get("caches", {})
    reason = refused.get("caches", "perf did not count")
    for level, name in (("first level", "cache_l1"), ("last level", "cache_last")):
        known[name] = given(rates.get(level), "share", f"perf stat, {level}, hit rate", reason)
    least = bare.first.get("least_bytes")
    if least and profile.ceilings:  # moving them at the speed of the in-place stream is the limit
        shortest = least / profile.ceilings.bandwidth(least, profile.conditions.threads)
        source = f"{least:,} bytes a step at the measured stream / CPU time"
        known["of_the_limit"] = given(shortest / profile.busy_s, "share", source)
    else:
        reason = "the program does not say how many bytes a step must move"
        known["of_the_limit"] = Metric(reason=reason)
    trace = raw.get("timeline")
    if trace and bare.first.get("cuda"):
        known["gpu_busy"] = given(
            trace["kernel_s"] / max(trace["wall_s"], 1e-9), "share", "kernels in the trace / wall"
        )


def counts(profile: Profile, raw: dict, bare) -> None:
    """Operators, tensors, synchronisations, transfers: exact, a step."""
    found = summed(raw, bare.stride, lambda row: "")[""]
    reason = profile.unavailable.get("operators", "the operators were not counted")
    where = "" if bare.first.get("cuda") else "; a run without a GPU has none by construction"
    here = "operators counted, a step"
    for name, key, unit, source in (
        ("operators", "launches", "count", here),
        ("tensor_bytes_read", "read", "B", here),
        ("tensor_bytes_written", "written", "B", here),
        ("tensor_allocations", "allocations", "count", here),
        ("tensor_bytes_allocated", "allocated", "B", here),
        ("operations", "flops", "count", here),
        ("synchronisations", "syncs", "count",
         "counted, a step; on a CPU: operators that would synchronise a GPU"),
        ("transfers", "transfers", "count", f"operators between devices, a step{where}"),
    ):  # fmt: skip
        value = found[key] if "operators" in raw else None
        profile.metrics[name] = given(value, unit, source, reason)
