"""Sampled stacks: hot lines, their functions, and the formats that other programs read."""

import ast
from collections import Counter
from dataclasses import dataclass
from math import sqrt
from pathlib import Path

from groundspeed.tools.profiling.program.source_scope import Own

FEW = 100  # samples; fewer say nothing
Frame = tuple[str, str, int]  # function, file, line


@dataclass
class Stack:
    """Frames from the outermost in, and how often they were seen."""

    frames: list[Frame]
    count: int

    @property
    def importing(self) -> bool:
        """Not the run yet: an import, or pytest before it comes to the test."""
        if any(file.startswith("<frozen importlib") for _, file, _ in self.frames):
            return True
        pytest = any("/_pytest/" in file for _, file, _ in self.frames)
        return pytest and all(function != "runtestprotocol" for function, _, _ in self.frames)


def by_line(stacks: list[Stack], own: Own) -> tuple[Counter, Counter, Counter]:
    """Samples by innermost own line, by every own line on the stack, and of imports by line."""
    leaf, within, imports = Counter(), Counter(), Counter()
    for stack in stacks:
        lines = [(file, line) for _, file, line in stack.frames if own.is_own(file)]
        place = lines[-1] if lines else ("", 0)
        if stack.importing:
            imports[place] += stack.count
            continue
        leaf[place] += stack.count
        for each in set(lines):
            within[each] += stack.count
    return leaf, within, imports


def half_width(share: float, samples: int) -> float:
    """Of the 95 % interval of a share."""
    return 1.96 * sqrt(max(share * (1 - share), 0) / max(samples, 1))


def enclosing(file: str, line: int) -> tuple[int, str, bool]:
    """First line and name of the function around a line (0 for the module), and if in a loop."""
    try:
        tree = ast.parse(Path(file).read_bytes())
    except (OSError, SyntaxError, ValueError):
        return 0, "", False
    around = [
        node for node in ast.walk(tree)
        if getattr(node, "lineno", line + 1) <= line <= (getattr(node, "end_lineno", 0) or 0)
    ]  # fmt: skip
    functions = [n for n in around if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    inner = max(functions, key=lambda n: n.lineno, default=None)
    first, name = (inner.lineno, inner.name) if inner else (0, "<module>")
    loops = [n for n in around if isinstance(n, ast.For | ast.While | ast.AsyncFor)]
    return first, name, any(first <= loop.lineno < line for loop in loops)


def hot_functions(leaf: Counter, main: str, at_most: int = 6) -> dict[str, list[int]]:
    """{file: first lines} of the functions in which most samples fell; 0 is the main script."""
    total, tally = sum(leaf.values()), Counter()
    for (file, line), count in leaf.items():
        if file:
            tally[file, enclosing(file, line)[0]] += count
    found: dict[str, list[int]] = {}
    for (file, first), count in tally.most_common(at_most):
        if count >= 0.05 * total and (first or file == main):
            found.setdefault(file, []).append(first)
    return found


def folded(stacks: list[Stack], own: Own) -> str:
    """As flamegraph programs read them."""
    tally = Counter()
    for stack in stacks:
        tally[";".join(f"{f} ({own.short(p)}:{n})" for f, p, n in stack.frames)] += stack.count
    return "".join(f"{line} {count}\n" for line, count in sorted(tally.items()))


def speedscope(stacks: list[Stack], own: Own, name: str, each_s: float) -> dict:
    """For https://www.speedscope.app: weights are seconds."""
    frames: dict[Frame, int] = {}
    samples = [[frames.setdefault(f, len(frames)) for f in s.frames] for s in stacks]
    weights = [s.count * each_s for s in stacks]
    profile = {
        "type": "sampled", "name": name, "unit": "seconds", "startValue": 0,
        "endValue": sum(weights), "samples": samples, "weights": weights,
    }  # fmt: skip
    shared = {"frames": [{"name": f, "file": own.short(p), "line": n} for f, p, n in frames]}
    schema = "https://www.speedscope.app/file-format-schema.json"
    return {"$schema": schema, "shared": shared, "profiles": [profile], "name": name}
