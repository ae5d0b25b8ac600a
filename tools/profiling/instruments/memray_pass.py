"""memray: live memory at the peak, by line."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import memray

from groundspeed.tools.profiling.program.source_scope import Own


@contextmanager
def tracked(file: Path, brief: bool) -> Iterator[None]:
    """Under memray; ``brief`` keeps sums only, for runs that allocate without end."""
    kinds = memray.FileFormat
    kind = kinds.AGGREGATED_ALLOCATIONS if brief else kinds.ALL_ALLOCATIONS
    with memray.Tracker(destination=memray.FileDestination(file, overwrite=True), file_format=kind):
        yield


def read(file: Path, own: Own) -> dict:
    """Peak, average, number, and bytes alive at the peak by own line."""
    reader = memray.FileReader(file)
    snapshots = [s.heap for s in reader.get_memory_snapshots()]
    lines: dict[tuple[str, int], list[int]] = defaultdict(lambda: [0, 0])
    for record in reader.get_high_watermark_allocation_records(merge_threads=True):
        stack = record.stack_trace()
        place = next(((f, n) for _, f, n in stack if own.is_own(f)), None)
        if place is None or any(f.startswith("<frozen importlib") for _, f, _ in stack):
            continue
        lines[place][0] += record.size
        lines[place][1] += record.n_allocations
    rows = [{"file": f, "line": n, "bytes": b, "count": c} for (f, n), (b, c) in lines.items()]
    return {
        "peak": reader.metadata.peak_memory,
        "allocations": reader.metadata.total_allocations,
        "average": sum(snapshots) / len(snapshots) if snapshots else None,
        "lines": sorted(rows, key=lambda r: -r["bytes"])[:20],
    }
