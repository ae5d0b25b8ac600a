"""Tables of a profile, by line and by operator, from raw instrument data."""

from __future__ import annotations

import linecache
from collections import Counter, defaultdict

from tools.profiling.instruments import py_spy_pass
from tools.profiling.profile_record import FunctionLines, HotLine, Operator, Place, Profile, Repeat
from tools.profiling.program.source_scope import Own
from tools.roofline.model import limit

KEPT = 25  # rows of a table
PRODUCTS = {"mm", "bmm", "addmm", "addmv", "mv", "baddbmm", "convolution", "dot", "einsum"}
COUNTS = ("launches", "flops", "read", "written", "allocated")
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
    if raw.get("heap"):
        profile.heap = [
            Place(**at(r, own), count=r["count"], bytes=r["bytes"]) for r in raw["heap"]["lines"]
        ]
    if raw.get("line_times"):
        profile.functions = [function(f, own) for f in raw["line_times"]["functions"]]


def source(file: str, line: int) -> str:
    return linecache.getline(file, line).strip() if file else ""


def at(row: dict, own: Own) -> dict:
    file, line = row["file"], row["line"]
    name = own.short(file) if file else "(no own line)"
    return {"file": name, "line": line, "source": source(file, line)}


def lines(profile: Profile, raw: dict, own: Own, bare) -> None:
    """Lines by share of the samples, with what was counted at the same line."""
    leaf, within, imports = py_spy_pass.by_line(raw["stacks"], own)
    total = sum(leaf.values())  # imports are told apart
    profile.samples = total
    importing = sum(imports.values())
    rest = total / max(total + importing, 1)  # of the run is not importing
    if total < py_spy_pass.FEW:
        profile.unavailable["hot lines"] = f"too few samples ({total}); the run is too short"
        return
    profile.importing = 1 - rest
    step_s = bare.call_busy_s * rest / bare.stride
    profile.outside = leaf[("", 0)] / total
    profile.imports = [
        Place(**at({"file": f, "line": n}, own), count=c / (total + importing) * bare.call_s)
        for (f, n), c in imports.most_common(8)
    ]
    counted, hits = by_line(raw, bare), line_hits(raw, bare)
    waits = waiting(raw, own, leaf, total)
    for (file, number), count in leaf.most_common(KEPT):
        if not file:
            continue
        _, name, loop = py_spy_pass.enclosing(file, number)
        share = count / total
        seconds = share * step_s
        row = counted.get((file, number), {})
        bound, part = limit(
            profile.ceilings, seconds, row.get("launches", 0),
            row.get("bytes", 0), row.get("flops", 0), row.get("product", False),
        )  # fmt: skip
        profile.lines.append(
            HotLine(
                **at({"file": file, "line": number}, own), function=name, share=share,
                half_width=py_spy_pass.half_width(share, total),
                inclusive=within[file, number] / total,
                waiting=waits.get((file, number)), seconds=seconds, in_loop=loop,
                hits=hits.get((file, number)), bound=bound, ceiling=part,
                **{k: row.get(k) for k in ("launches", "bytes", "flops", "allocated")},
            )
        )  # fmt: skip


def waiting(raw: dict, own: Own, leaf: Counter, total: int) -> dict:
    """Share of the run in which each line waited: samples with waiting less those without."""
    if "busy" not in raw:
        return {}
    busy, _, _ = py_spy_pass.by_line(raw["busy"], own)
    return {place: max(0.0, (count - busy[place]) / total) for place, count in leaf.items()}


def by_line(raw: dict, bare) -> dict[tuple[str, int], dict]:
    """Operators' counts at each line, a step."""
    found = raw.get("operators")
    sums: dict[tuple, Counter] = defaultdict(Counter)
    for row in found["rows"] if found else ():
        place = sums[row["file"], row["line"]]
        for key in COUNTS:
            place[key] += row[key] / (found["calls"] * bare.stride)
        place["product"] |= row["operator"] in PRODUCTS
    return {p: {**c, "bytes": c["read"] + c["written"]} for p, c in sums.items()}


def line_hits(raw: dict, bare) -> dict[tuple[str, int], float]:
    found = raw.get("line_times")
    if not found:
        return {}
    steps = found["calls"] * bare.stride
    return {(f["file"], n): hits / steps for f in found["functions"] for n, hits, _ in f["lines"]}


def operators(profile: Profile, raw: dict, own: Own, bare) -> None:
    """One row an operator, with its share of the traced run; and what would make a GPU wait.

    The traced run is slower, by what the trace costs and by whoever else was there: an operator's
    seconds are its share of that run's time with a core, of the bare run's.
    """
    found, trace = raw["operators"], raw.get("timeline")
    steps = found["calls"] * bare.stride
    grouped: dict[str, list[dict]] = defaultdict(list)
    for row in found["rows"]:
        if row["launches"]:
            grouped[row["operator"]].append(row)
    times = trace["operators"].items() if trace else ()
    pace = bare.call_busy_s * trace["calls"] / trace["region"]["wall_s"] if trace else 1.0
    spent = {name: seconds * pace for name, (_, seconds) in times}
    whole = sum(spent.values())
    traced = trace["calls"] * bare.stride if trace else 1
    if trace and trace["whole"]:
        profile.operators_s = whole / traced
    for name, rows in grouped.items():
        operator = counted(name, rows, steps, own)
        if spent.get(name):
            operator.share = spent[name] / whole
            operator.seconds = spent[name] / traced if trace["whole"] else None
            calls = trace["operators"][name][0]
            part = calls / max(operator.calls, TINY)  # steps of which the trace saw this one
            operator.bound, operator.ceiling = limit(
                profile.ceilings, spent[name], calls, operator.bytes * part,
                operator.flops * part, name in PRODUCTS,
            )  # fmt: skip
        profile.operators.append(operator)
    profile.operators.sort(key=lambda o: (-(o.share or 0), -o.bytes))
    for kind in ("syncs", "transfers"):
        places = [
            Place(**at(r, own), count=r[kind] / steps, what=r["operator"])
            for r in found["rows"] if r[kind]
        ]  # fmt: skip
        setattr(profile, kind, sorted(places, key=lambda p: -p.count)[:KEPT])


def counted(name: str, rows: list[dict], steps: int, own: Own) -> Operator:
    """An operator's counts a step, over all lines that ask for it."""
    n = {k: sum(r[k] for r in rows) / steps for k in COUNTS}
    most = sorted(rows, key=lambda r: -(r["read"] + r["written"]))[:3]
    return Operator(
        name=name, calls=n["launches"], bytes=n["read"] + n["written"], flops=n["flops"],
        allocated=n["allocated"],
        lines=[f"{own.short(r['file'])}:{r['line']}" for r in most if r["file"]],
    )  # fmt: skip


def library_calls(profile: Profile, found: dict, own: Own) -> None:
    """Calls of library functions, where operators cannot be counted."""
    rows = [r for r in found["rows"] if not r["own"]]
    whole = max(found["wall_s"], TINY)
    for row in sorted(rows, key=lambda r: -r["inclusive_s"])[:12]:
        if row["inclusive_s"] / whole >= 0.01:
            place = at({"file": row["caller"], "line": row["line"]}, own)
            profile.library_calls.append(Place(**place, count=row["calls"], what=row["function"]))


def repeated(profile: Profile, raw: dict, own: Own) -> None:
    """Operators and functions that were given the same again and gave the same."""
    for row in raw.get("operators", {}).get("rows", []):
        if not row["repeated"] or not row["file"]:
            continue  # restarting a trajectory is the harness's doing
        place = at(row, own)
        profile.repeated.append(
            Repeat(
                what=f"operator {row['operator']}", **place, calls=row["launches"],
                repeated=row["repeated"], bytes=row["repeated_bytes"] / row["repeated"],
                share=worth(profile, place, row, raw["operators"]["rows"]),
            )
        )  # fmt: skip
    found = raw.get("calls")
    for row in found["rows"] if found else ():
        if row["repeated"] and row["repeated_bytes"] >= 4096 * row["repeated"]:
            place = at({"file": row["caller"], "line": row["line"]}, own)
            profile.repeated.append(
                Repeat(
                    what=f"{row['function']}()", **place, calls=int(row["calls"]),
                    repeated=int(row["repeated"]), bytes=row["repeated_bytes"] / row["repeated"],
                    share=min(1.0, row["repeated_s"] / max(found["wall_s"], TINY)),
                )
            )  # fmt: skip
    profile.repeated.sort(key=lambda r: (-(r.share or 0), -r.repeated * r.bytes))
    del profile.repeated[KEPT:]


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
