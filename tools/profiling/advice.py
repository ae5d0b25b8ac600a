"""Advice from a profile: where to look, which remedy, and the largest possible gain.

The bound is G. M. Amdahl's (AFIPS Conference Proceedings 30, 483 (1967),
doi:10.1145/1465482.1465560): a part that takes the share p of the run, made free, makes the
whole 1/(1 − p) times as fast.
"""

from groundspeed.tools.profiling.profile_record import Advice, HotLine, Place, Profile, Repeat
from groundspeed.tools.records.quantities import duration, size

IN_PLACE = "Memory: in-place operations, memory pooling"
PRECISION = "Memory: reduced precision where safe"
LAZY = "Memory: lazy evaluation (compute once, keep)"
VECTORS = "Parallelization: vectorization (SIMD)"
PIPELINE = "Parallelization: CPU-GPU pipeline overlap"
POOL = "Parallelization: thread pool optimization"
WRITES = "I/O: deferred file writes, compressed formats, incremental checkpointing"
ALGORITHM = "Algorithmic: sparse storage, adaptive refinement, FFT-based convolutions"
WORTH = 0.02  # of the run; less is not worth a finding
WORTH_KEEPING = 0.03  # of the run: what a kept result must save before it is worth keeping


def amdahl(share: float | None) -> float | None:
    return None if share is None else 1 / max(1 - share, 1e-6)


def of(profile: Profile) -> list[Advice]:
    """Findings by the share of the run that they are about, largest first."""
    found = [hot(line, profile) for line in profile.hot]
    for look in (scattered, again, allocating, waiting, started, crossing):
        found += look(profile)
    return sorted(found, key=lambda f: -(f.share or 0))


def made(
    kind: str, title: str, text: str, category: str, share: float | None, gain: str = ""
) -> Advice:
    return Advice(
        kind=kind, title=title, text=text, category=category, share=share, amdahl=amdahl(share),
        gain=gain,
    )  # fmt: skip


def number(count: float, one: str, more: str) -> str:
    """1 operation, 2,000 operations, 0.33 operations."""
    text = f"{count:,.0f}" if count >= 1 else f"{count:.2g}"
    return f"{text} {one if text == '1' else more}"


def hot(line: HotLine, profile: Profile) -> Advice:
    """A line above a tenth of the run: what bounds it decides what helps."""
    near = "" if line.share - line.half_width >= 0.1 else "about "
    title = f"{line.where} takes {near}{line.share:.0%} of the run"
    why, category = reason(line, profile)
    text = f"`{line.source}` takes {duration(line.seconds)} a step, ± {line.half_width:.0%} of all."
    kind = "hot loop" if line.in_loop else "hot line"
    return made(kind, title, f"{text} {why}", category, line.share)


def reason(line: HotLine, profile: Profile) -> tuple[str, str]:
    if line.waiting and line.waiting > line.share / 2:
        return "Most of that is waiting.", WRITES
    if line.bound == "launches":
        text = (
            f"It starts {operations(line)} a step, each on "
            f"{size(line.bytes / line.launches)}. Starting one costs more than what it computes."
        )
        return text, VECTORS
    if line.bound == "bandwidth":
        text = (
            f"It moves {size(line.bytes)} a step in {operations(line)}, at "
            f"{percent(line.ceiling)}, and makes {size(line.allocated)} of new arrays."
        )
        return text, IN_PLACE
    if line.bound == "products":
        return f"It multiplies matrices at {percent(line.ceiling)}.", ALGORITHM
    if line.in_loop and (line.hits or 0) >= 1000:
        return f"It runs {line.hits:,.0f} times a step, in Python.", VECTORS
    if line.in_loop:
        return "It stands in a loop.", VECTORS
    return "No operation of torch was seen there, so what limits it is not known.", ALGORITHM


def operations(line: HotLine) -> str:
    return number(line.launches, "operation", "operations")


def scattered(profile: Profile) -> list[Advice]:
    """Many small operators at many lines, of which none need be hot."""
    lines = [line for line in profile.lines if line.bound == "launches"]
    share = sum(line.share for line in lines)
    if len(lines) < 2 or share < 0.1:
        return []
    where = ", ".join(f"{line.where}" for line in lines[:3])
    count = sum(line.launches for line in lines)
    title = f"Many small operations take {share:.0%} of the run"
    text = (
        f"{len(lines)} lines start {count:,.0f} operations a step. Starting one costs more than "
        f"what it computes. Most time goes to {where}."
    )
    return [made("small operators", title, text, VECTORS, share)]


def percent(share: float | None) -> str:
    if share is None:
        return "an unknown share of what this machine can do"
    cached = " (more than all: the data stay in a cache)" * (share > 1)
    return f"{share:.0%} of what this machine can do{cached}"


def again(profile: Profile) -> list[Advice]:
    """Redundant computation, the largest few."""
    return [
        made(
            "redundant computation",
            f"{r.where} computes the same again",
            f"`{r.source}` calls {r.what} on inputs that it had before, {r.repeated} of {r.calls} "
            f"times watched, with the same result of {size(r.bytes)}. Once is enough where nobody "
            "changes the result.",
            LAZY,
            r.share,
        )
        for r in worth_keeping(profile)[:5]
    ]


def worth_keeping(profile: Profile) -> list[Repeat]:
    """Repeated work of which the saving is known, and large enough."""
    return [r for r in profile.repeated if (r.share or 0) >= WORTH_KEEPING]


def allocating(profile: Profile) -> list[Advice]:
    """The lines that hold most memory at the peak: what they cost is memory, not time."""
    peak = profile.metrics["heap_peak"].value or sum(p.bytes for p in profile.heap)
    large = [p for p in profile.heap if peak and p.bytes >= 0.2 * peak and p.bytes >= 2**20]
    return [
        made(
            "memory allocations",
            f"{p.where} holds {p.bytes / peak:.0%} of the memory at the peak",
            f"`{p.source}` holds {size(p.bytes)} of {size(peak)}, in "
            f"{number(p.count, 'piece', 'pieces')}.",
            IN_PLACE,
            None,
            f"This costs memory, not time: without it the peak would be "
            f"{1 - p.bytes / peak:.0%} of what it is, at best.",
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
    more = " With several threads, part of this is waiting for one another." * several
    text = (
        f"It waited {blocked:.3g} s of {wall:.3g} s, made {writes:,.0f} write calls and moved "
        f"{size(moved)}.{more}{' It waited at ' + where + '.' if where else ''}"
    )
    return [made("I/O waits", f"The main thread waits {share:.0%} of the run", text, WRITES, share)]


def started(profile: Profile) -> list[Advice]:
    """Imports of a whole run: paid once, but paid."""
    spent = sum(p.count for p in profile.imports)
    wall = profile.metrics["wall"].value
    if profile.kind == "engine" or not wall or spent / wall < 0.1:
        return []
    first, share = profile.imports[0], min(1.0, spent / wall)
    text = (
        f"Imports, and pytest's own work, take {spent:.2g} s of {wall:.2g} s, most at "
        f"{first.where}: `{first.source}`. Shares of lines are of the rest."
    )
    title = f"The start takes {share:.0%} of the run"
    return [made("start-up", title, text, "none: longer runs pay it once", share)]


def crossing(profile: Profile) -> list[Advice]:
    """Between CPU and GPU."""
    read = ("read of values by Python", "reads of values by Python")
    moved = ("transfer between devices", "transfers between devices")
    kinds = (
        ("synchronisation points", profile.syncs, read, "On a GPU each makes the host wait"),
        ("CPU-GPU transfers", profile.transfers, moved, "Each takes a trip"),
    )
    found = []
    for kind, places, what, why in kinds:
        if places:
            where = ", ".join(f"{p.where} ({p.what})" for p in places[:4])
            title = f"{number(sum(p.count for p in places), *what)} a step"
            text = f"{why}. Most are at {where}."
            found.append(made(kind, title, text, PIPELINE, None, of_their_lines(places, profile)))
    return found


def of_their_lines(places: list[Place], profile: Profile) -> str:
    """The most that can be gained at these places: all time of those of their lines that are no
    findings of their own.

    They are sorted by no share: what else their lines do is in it.
    """
    if not profile.lines:
        return "How much time that takes is not known: too few samples were taken."
    where = {place.where for place in places}
    told = where & {line.where for line in profile.hot}
    if told == where:
        return "These lines are findings of their own, above."
    first = "Some of these lines are findings of their own, above. " if told else ""
    which = "The others" if told else "These lines"
    share = sum(line.share for line in profile.lines if line.where in where - told)
    if not share:
        return f"{first}{which} take next to no time here: no sample fell on them."
    return (
        f"{first}{which} take {share:.1%} of the run, with all that they compute: if they took no "
        f"time, the run would be {amdahl(share):.2f}× as fast at most."
    )


def notes(profile: Profile, opaque: str) -> list[str]:
    """What a reader must know before the numbers: what could not be seen, and who disturbed."""
    found = [f"What torch and Python do not see: {opaque}."] if opaque else []
    queue, wall = profile.metrics["run_queue"].value, profile.metrics["wall"].value
    if queue and queue / wall > WORTH:
        found.append(
            f"The run was ready but had no core for {queue / wall:.0%} of the time, because others "
            "used the machine. Shares and counts hold, seconds do not: measure again when it is "
            "quiet."
        )
    return found
