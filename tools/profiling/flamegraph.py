"""Flame graphs of sampled stacks, and of memory by memray."""

import subprocess
import sys
import zlib
from collections import defaultdict
from collections.abc import Iterator
from html import escape
from pathlib import Path

from groundspeed.tools.profiling.program.source_scope import Own
from groundspeed.tools.profiling.program.stacks import Stack

WIDTH, ROW = 1000, 17
LEAST = 0.004  # of the width; what is narrower is left out
OWN = ("#e4572e", "#e8743b", "#ee9b50", "#f2b263", "#d9622b")
OTHER = ("#7fa3c7", "#8fb0d0", "#9dbbd8", "#86a9c4")


Box = tuple[float, float, int, str, bool, int]  # left, width, depth, label, own, samples


def boxes(stacks: list[Stack], own: Own, total: int, left: float, depth: int) -> Iterator[Box]:
    """Frames at this depth of the stacks, and those inside them, as far as they can be seen."""
    inner: dict[tuple[str, bool], list[Stack]] = defaultdict(list)
    for stack in stacks:
        for function, file, line in stack.frames[depth - 1 : depth]:
            inner[f"{function} ({own.short(file)}:{line})", own.is_own(file)].append(stack)
    for label, held in sorted(inner.items()):
        count = sum(stack.count for stack in held)
        if count / total >= LEAST:
            yield left, count / total, depth, *label, count
            yield from boxes(held, own, total, left, depth + 1)
        left += count / total


def draw(stacks: list[Stack], own: Own, title: str) -> str:
    """The flamegraph as one static SVG: own lines warm, libraries cool; titles on hovering."""
    count = sum(stack.count for stack in stacks)
    total = max(count, 1)
    shown = [(0.0, 1.0, 0, "all", False, total), *boxes(stacks, own, total, 0.0, 1)]
    height = (max(box[2] for box in shown) + 1) * ROW + 30
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        'font-family="ui-monospace, Menlo, Consolas, monospace" font-size="11">',
        f'<text x="4" y="16" fill="#7d8590">{escape(title)}: {count:,} samples; '
        "warm: own lines, cool: libraries</text>",
    ]
    for left, width, depth, name, warm, seen in shown:
        x, w, y = left * WIDTH, width * WIDTH, height - (depth + 1) * ROW - 4
        palette = OWN if warm else OTHER
        fill = palette[zlib.crc32(name.encode()) % len(palette)]
        room = int((w - 6) / 6.7)
        text = name if len(name) <= room else name[: max(0, room - 1)] + "…"
        label = f'<text x="{x + 3:.1f}" y="{y + 12}" fill="#111">{escape(text)}</text>'
        parts.append(
            f"<g><title>{escape(name)} {seen / total:.1%}</title>"
            f'<rect x="{x:.1f}" y="{y}" width="{max(w - 0.6, 0.4):.1f}" height="{ROW - 1}" '
            f'rx="1.5" fill="{fill}"/>{label if room > 3 else ""}</g>'
        )
    return "".join([*parts, "</svg>\n"])


def memory(file: Path, out: Path) -> bool:
    """memray's flamegraph of what is alive at the peak; whether it could be made."""
    words = [sys.executable, "-m", "memray", "flamegraph", "--force", "-o", str(out), str(file)]
    try:
        return subprocess.run(words, capture_output=True, check=False, timeout=300).returncode == 0
    except subprocess.TimeoutExpired:
        return False
