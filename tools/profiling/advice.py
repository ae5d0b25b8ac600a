"""Advice from a profile: where to look, which remedy, and the largest possible gain.

The bound is G. M. Amdahl's (AFIPS Conference Proceedings 30, 483 (1967),
doi:10.1145/1465482.1465560): a part that takes the share p of the run, made free, makes the
whole 1/(1 − p) times as fast.
"""

from groundspeed.tools.profiling.profile_record import Advice, HotLine, Profile
from groundspeed.tools.records.quantities import size

IN_PLACE = "Memory: in-place operations, memory pooling"
PRECISION = "Memory: reduced precision where safe"
LAZY = "Memory: lazy evaluation (compute once, keep)"
VECTORS = "Parallelization: vectorization (SIMD)"
PIPELINE = "Parallelization: CPU-GPU pipeline overlap"
POOL = "Parallelization: thread pool optimization"
WRITES = "I/O: deferred file writes, compressed formats, incremental checkpointing"
ALGORITHM = "Algorithmic: sparse storage, adaptive refinement, FFT-based convolutions"
WORTH = 0.02  # of the run; less is not worth a finding


def amdahl(share: float | None) -> float | None:
    return None if share is None else 1 / max(1 - share, 1e-6)


def of(profile: Profile, opaque: str) -> list[Advice]:
    """Findings by the share of the run that they are about, largest first."""
    found = [hot(line, profile) for line in profile.hot]
    for look in (scattered, again, allocating, waiting, started, crossing, contended):
        found += look(profile)
    if opaque:
        found.append(made("what is not seen", f"{opaque}.", "", None))
    return sorted(found, key=lambda f: -(f.share or 0))


def made(kind: str, text: str, category: str, share: float | None) -> Advice:
    return Advice(kind=kind, text=text, category=category, share=share, amdahl=amdahl(share))


def hot(line: HotLine, profile: Profile) -> Advice:
    """A line above a tenth of the run: what bounds it decides what helps."""
    near = "" if line.share - line.half_width >= 0.1 else "about "
    text = (
        f"{line.where} takes {near}{line.share:.0%} (± {line.half_width:.0%}) of the "
        f"run, {line.seconds:.3g} s a step: `{line.source}`."
    )
    why, category = reason(line, profile)
    return made("hot loop" if line.in_loop else "hot line", f"{text} {why}", category, line.share)


def reason(line: HotLine, profile: Profile) -> tuple[str, str]:
    if line.waiting and line.waiting > line.share / 2:
        return "Most of that is waiting.", WRITES
    if line.bound == "launches":
        text = (
            f"{line.launches:.0f} operators a step of {size(line.bytes / line.launches)} each: "
            "starting them costs more than what they do."
        )
        return text, VECTORS
    if line.bound == "bandwidth":
        text = (
            f"It moves {size(line.bytes)} a step in {line.launches:.0f} operators, "
            f"{percent(line.ceiling)}, and makes {size(line.allocated)} of new arrays."
        )
        return text, IN_PLACE
    if line.bound == "products":
        return f"Matrix products at {percent(line.ceiling)}.", ALGORITHM
    if line.in_loop and (line.hits or 0) >= 1000:
        return f"It runs {line.hits:,.0f} times a step, in Python.", VECTORS
    if line.in_loop:
        return "It stands in a loop.", VECTORS
    return "What bounds it was not measured: no operator of torch was seen there.", ALGORITHM


def scattered(profile: Profile) -> list[Advice]:
    """Many small operators at many lines, of which none need be hot."""
    lines = [line for line in profile.lines if line.bound == "launches"]
    share = sum(line.share for line in lines)
    if len(lines) < 2 or share < 0.1:
        return []
    where = ", ".join(f"{line.where}" for line in lines[:3])
    count = sum(line.launches for line in lines)
    text = (
        f"{len(lines)} lines together take {share:.0%} of the run for {count:,.0f} operators a "
        f"step that cost more to start than what they do, most at {where}."
    )
    return [made("small operators", text, VECTORS, share)]


def percent(share: float | None) -> str:
    if share is None:
        return "its share of the machine's limit was not measured"
    resident = " (the data stay in a cache: the roof is not the one that holds)" * (share > 1)
    return f"{share:.0%} of the measured limit{resident}"


def again(profile: Profile) -> list[Advice]:
    """Redundant computation, the largest few."""
    worth = [r for r in profile.repeated if r.share is None or r.share >= WORTH]
    return [
        made(
            "redundant computation",
            f"{r.where} does {r.what} again on the same inputs, {r.repeated} of {r.calls} "
            f"times watched, {size(r.bytes)} each: `{r.source}`. "
            "Once would do where nobody changes the result.",
            LAZY,
            r.share,
        )
        for r in worth[:5]
    ]


def allocating(profile: Profile) -> list[Advice]:
    """The lines that hold most memory at the peak."""
    peak = profile.metrics["heap_peak"].value or sum(p.bytes for p in profile.heap)
    large = [p for p in profile.heap if peak and p.bytes >= 0.2 * peak and p.bytes >= 2**20]
    shares = {line.where: line.share for line in profile.lines}
    return [
        made(
            "memory allocations",
            f"{p.where} holds {size(p.bytes)} of the {size(peak)} heap at its peak, in "
            f"{p.count:.0f} pieces: `{p.source}`.",
            IN_PLACE,
            shares.get(p.where),
        )
        for p in large[:3]
    ]


def waiting(profile: Profile) -> list[Advice]:
    """I/O waits: blocked time, and the lines at which it was spent."""
    blocked, wall = profile.metrics["blocked"].value, profile.metrics["wall"].value
    if not blocked or blocked / wall < WORTH:
        return []
    share = min(1.0, blocked / wall)
    lines = sorted((li for li in profile.lines if li.waiting), key=lambda li: -li.waiting)[:3]
    where = ", ".join(f"{li.where} ({li.waiting:.0%} of the run)" for li in lines)
    writes = profile.metrics["io_writes"].value or 0
    moved = sum(profile.metrics[k].value or 0 for k in ("io_read_bytes", "io_written_bytes"))
    several = (profile.metrics["threads"].value or 1) > 2
    more = " (with several threads this is also waiting for one another)" * several
    text = (
        f"The main thread waited {blocked:.3g} s of {wall:.3g} s ({share:.0%})"
        f"{more}; it made {writes:,.0f} write calls and moved {size(moved)}."
        f"{' Waiting at ' + where + '.' if where else ''}"
    )
    return [made("I/O waits", text, WRITES, share)]


def started(profile: Profile) -> list[Advice]:
    """Imports of a whole run: paid once, but paid."""
    spent = sum(p.count for p in profile.imports)
    wall = profile.metrics["wall"].value
    if profile.kind == "engine" or not wall or spent / wall < 0.1:
        return []
    first = profile.imports[0]
    text = (
        f"Starting takes {spent:.2g} s of {wall:.2g} s (imports, and pytest's own), most at "
        f"{first.where}: `{first.source}`; shares of lines are of the rest."
    )
    return [made("start-up", text, "none: longer runs pay it once", min(1.0, spent / wall))]


def crossing(profile: Profile) -> list[Advice]:
    """Between CPU and GPU."""
    kinds = (
        ("synchronisation points", profile.syncs, "synchronisations", "a GPU would wait there"),
        ("CPU-GPU transfers", profile.transfers, "transfers", "from one device to another"),
    )
    found = []
    for kind, places, what, why in kinds:
        if places:
            where = ", ".join(f"{p.where} ({p.what})" for p in places[:4])
            text = f"{sum(p.count for p in places):.3g} {what} a step, {why}: {where}."
            found.append(made(kind, text, PIPELINE, None))
    return found


def contended(profile: Profile) -> list[Advice]:
    """Whether others had the cores."""
    queue, wall = profile.metrics["run_queue"].value, profile.metrics["wall"].value
    if not queue or queue / wall <= WORTH:
        return []
    text = (
        f"The run was ready but had no core for {queue / wall:.0%} of the time: others used the "
        "machine. Shares and counts hold; seconds do not."
    )
    return [made("contention", text, "none: measure again on a quiet machine", None)]
