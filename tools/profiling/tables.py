"""Tables of a profile, by line and by operator, from raw instrument data."""

import linecache
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable

from groundspeed.tools.profiling.profile_record import (
    FunctionLines,
    HotLine,
    Operator,
    Place,
    Profile,
    Repeat,
)
from groundspeed.tools.profiling.program import stacks
from groundspeed.tools.profiling.program.source_scope import Own
from groundspeed.tools.roofline.model import limit

KEPT = 25  # rows of a table
PRODUCTS = {"mm", "bmm", "addmm", "addmv", "mv", "baddbmm", "convolution", "dot", "einsum"}
COUNTS = (
    "launches", "flops", "read", "written", "allocations", "allocated", "syncs", "transfers",
)  # fmt: skip
TINY = 1e-9


def fill(profile: Profile, raw: dict, own: Own, bare) -> None:
    """Every table for which there is something."""
    if raw.get("stacks"):
        lines(profile, raw, own, bare)
    if raw.get("operators"):
        operators(profile, raw, own, bare)
    if raw.get("calls"):
        library_calls(profile, raw["calls"], own)
    repeated(profile, raw, own)
    for row in raw.get("heap", {}).get("lines", []):
        profile.heap.append(Place(**at(row, own), count=row["count"], bytes=row["bytes"]))
    for row in raw.get("line_times", {}).get("functions", []):
        profile.functions.append(function(row, own))


def source(file: str, line: int) -> str:
    return linecache.getline(file, line).strip() if file else ""


def at(row: dict, own: Own, key: str = "file") -> dict:
    file, line = row[key], row["line"]
    name = own.short(file) if file else "(no own line)"
    return {"file": name, "line": line, "source": source(file, line)}


def summed(raw: dict, stride: int, key: Callable[[dict], Hashable]) -> dict[Hashable, Counter]:
    """What operators were counted to do in a step, added up by what the key says of a row."""
    found = raw.get("operators", {"rows": []})
    sums: dict[Hashable, Counter] = defaultdict(Counter)
    for row in found["rows"]:
        each = Counter({c: row[c] / (found["calls"] * stride) for c in COUNTS})
        sums[key(row)].update(each, bytes=each["read"] + each["written"])
    return sums


def lines(profile: Profile, raw: dict, own: Own, bare) -> None:
    """Lines by share of the samples, with what was counted at the same line."""
    leaf, within, imports = stacks.by_line(raw["stacks"], own)
    total = sum(leaf.values())  # imports are told apart
    profile.samples = total
    everything = max(total + sum(imports.values()), 1)
    if total < stacks.FEW:
        profile.unavailable["hot lines"] = f"too few samples ({total}); the run is too short"
        return
    profile.importing = 1 - total / everything
    step_s = bare.call_busy_s * total / everything / bare.stride
    profile.outside = leaf[("", 0)] / total
    profile.imports = [
        Place(**at({"file": f, "line": n}, own), count=c / everything * bare.call_s)
        for (f, n), c in imports.most_common(8)
    ]
    counted = summed(raw, bare.stride, place)
    rows = raw.get("operators", {"rows": []})["rows"]
    products = {place(row) for row in rows if row["operator"] in PRODUCTS}
    timed = raw.get("line_times", {"functions": [], "calls": 1})
    hits = {(f["file"], n): times for f in timed["functions"] for n, times, _ in f["lines"]}
    busy = stacks.by_line(raw["busy"], own)[0] if "busy" in raw else None
    for here, count in leaf.most_common(KEPT):
        file, number = here
        if not file:
            continue
        _, name, loop = stacks.enclosing(file, number)
        share, row = count / total, counted[here]  # empty where no operator was seen
        bound, part = limit(
            profile.ceilings, share * step_s, row["launches"], row["bytes"], row["flops"],
            here in products,
        )  # fmt: skip
        profile.lines.append(
            HotLine(
                **at({"file": file, "line": number}, own), function=name, share=share,
                half_width=stacks.half_width(share, total), inclusive=within[here] / total,
                # samples with waiting less those without
                waiting=None if busy is None else max(0.0, (count - busy[here]) / total),
                seconds=share * step_s, in_loop=loop, bound=bound, ceiling=part,
                hits=hits[here] / timed["calls"] / bare.stride if here in hits else None,
                **{k: row[k] for k in ("launches", "bytes", "flops", "allocated") if row},
            )
        )  # fmt: skip


def place(row: dict) -> tuple[str, int]:
    return row["file"], row["line"]


def operators(profile: Profile, raw: dict, own: Own, bare) -> None:
    """One row an operator, with its share of the traced run; and what would make a GPU wait.

    The traced run is slower, by what the trace costs and by whoever else was there: an operator's
    seconds are its share of that run's time with a core, of the bare run's.
    """
    found, trace = raw["operators"], raw.get("timeline")
    rows = sorted(found["rows"], key=lambda r: -(r["read"] + r["written"]))
    spent, traced = {}, 0  # seconds of an operator in the traced steps, if all were traced
    if trace:
        pace = bare.call_busy_s * trace["calls"] / trace["region"]["wall_s"]
        spent = {name: seconds * pace for name, (_, seconds) in trace["operators"].items()}
        traced = trace["calls"] * bare.stride if trace["whole"] else 0
    whole = sum(spent.values())
    profile.operators_s = whole / traced if traced else None
    for name, n in summed(raw, bare.stride, lambda row: row["operator"]).items():
        if not n["launches"]:
            continue
        own_rows = [r for r in rows if r["operator"] == name and r["file"]]
        operator = Operator(
            name=name, calls=n["launches"], bytes=n["bytes"], flops=n["flops"],
            allocated=n["allocated"],
            lines=[f"{own.short(r['file'])}:{r['line']}" for r in own_rows[:3]],
        )  # fmt: skip
        if spent.get(name):
            operator.share = spent[name] / whole
            operator.seconds = spent[name] / traced if traced else None
            calls = trace["operators"][name][0]
            part = calls / n["launches"]  # steps of which the trace saw this one
            operator.bound, operator.ceiling = limit(
                profile.ceilings, spent[name], calls, n["bytes"] * part, n["flops"] * part,
                name in PRODUCTS,
            )  # fmt: skip
        profile.operators.append(operator)
    profile.operators.sort(key=lambda o: (-(o.share or 0), -o.bytes))
    for kind in ("syncs", "transfers"):
        places = [
            Place(**at(r, own), count=r[kind] / found["calls"] / bare.stride, what=r["operator"])
            for r in rows if r[kind]
        ]  # fmt: skip
        setattr(profile, kind, sorted(places, key=lambda p: -p.count)[:KEPT])


def library_calls(profile: Profile, found: dict, own: Own) -> None:
    """Calls of library functions, where operators cannot be counted."""
    rows = [r for r in found["rows"] if not r["own"]]
    for row in sorted(rows, key=lambda r: -r["inclusive_s"])[:12]:
        if row["inclusive_s"] / max(found["wall_s"], TINY) >= 0.01:
            where = at(row, own, "caller")
            profile.library_calls.append(Place(**where, count=row["calls"], what=row["function"]))


def repeated(profile: Profile, raw: dict, own: Own) -> None:
    """Operators and functions that were given the same again and gave the same."""
    found: list[Repeat] = []

    def add(row: dict, what: str, where: dict, calls: int, share: float | None) -> None:
        each = row["repeated_bytes"] / row["repeated"]
        counts = {"calls": calls, "repeated": row["repeated"], "bytes": each, "share": share}
        found.append(Repeat(what=what, **where, **counts))

    counted = raw.get("operators", {"rows": []})["rows"]
    for row in counted:
        if row["repeated"] and row["file"]:  # restarting a trajectory is the harness's doing
            where = at(row, own)
            share = worth(profile, where, row, counted)
            add(row, f"operator {row['operator']}", where, row["launches"], share)
    calls = raw.get("calls", {"rows": []})
    for row in calls["rows"]:
        if row["repeated"] and row["repeated_bytes"] >= 4096 * row["repeated"]:
            share = min(1.0, row["repeated_s"] / max(calls["wall_s"], TINY))
            add(row, f"{row['function']}()", at(row, own, "caller"), row["calls"], share)
    found.sort(key=lambda r: (-(r.share or 0), -r.repeated * r.bytes))
    profile.repeated = found[:KEPT]


def worth(profile: Profile, place: dict, row: dict, rows: list[dict]) -> float | None:
    """Of the run, that an operator's repeats take: its part of what bounds its line."""
    if not profile.lines:
        return None
    where = (place["file"], place["line"])
    line = next((one for one in profile.lines if (one.file, one.line) == where), None)
    if line is None:
        return 0.0  # no sample fell there
    near = [r for r in rows if (r["file"], r["line"]) == (row["file"], row["line"])]
    if line.bound == "bandwidth":  # at most two inputs of the size of the result, and the result
        part = 3 * row["repeated_bytes"] / max(sum(r["read"] + r["written"] for r in near), 1)
    else:
        part = row["repeated"] / max(sum(r["launches"] for r in near), 1)
    return line.share * min(part, 1.0)


def function(found: dict, own: Own) -> FunctionLines:
    whole = sum(seconds for _, _, seconds in found["lines"]) or TINY
    rows = [
        (n, hits, round(seconds / whole, 4), source(found["file"], n))
        for n, hits, seconds in found["lines"]
    ]
    return FunctionLines(file=own.short(found["file"]), function=found["function"], rows=rows)
