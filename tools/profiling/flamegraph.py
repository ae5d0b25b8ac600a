"""Flame graphs of sampled stacks, and of memory by memray."""

from __future__ import annotations

import subprocess
import sys
import zlib
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from tools.profiling.instruments.py_spy_pass import Stack
from tools.profiling.program.source_scope import Own

WIDTH, ROW = 1000, 17
LEAST = 0.004  # of the width; what is narrower is left out
OWN = ("#e4572e", "#e8743b", "#ee9b50", "#f2b263", "#d9622b")
OTHER = ("#7fa3c7", "#8fb0d0", "#9dbbd8", "#86a9c4")


@dataclass
class Node:
    """A frame in its place, and the samples at or below it."""

    label: str = ""
    own: bool = False
    count: int = 0
    inner: dict[str, Node] = field(default_factory=dict)


def tree(stacks: list[Stack], own: Own) -> Node:
    root = Node("all")
    for stack in stacks:
        node = root
        node.count += stack.count
        for function, file, line in stack.frames:
            label = f"{function} ({own.short(file)}:{line})"
            node = node.inner.setdefault(label, Node(label, own.is_own(file)))
            node.count += stack.count
    return root


def boxes(node: Node, total: int, left: float = 0.0, depth: int = 0) -> list[tuple]:
    """(left, width, depth, node) of what is wide enough to be seen."""
    width = node.count / total
    if width < LEAST:
        return []
    found = [(left, width, depth, node)]
    for inner in sorted(node.inner.values(), key=lambda n: n.label):
        found += boxes(inner, total, left, depth + 1)
        left += inner.count / total
    return found


def draw(stacks: list[Stack], own: Own, title: str) -> str:
    """The flamegraph as one static SVG: own lines warm, libraries cool; titles on hovering."""
    root = tree(stacks, own)
    shown = boxes(root, max(root.count, 1))
    height = (max((b[2] for b in shown), default=0) + 1) * ROW + 30
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        'font-family="ui-monospace, Menlo, Consolas, monospace" font-size="11">',
        f'<text x="4" y="16" fill="#7d8590">{escape(title)}: {root.count:,} samples; '
        "warm: own lines, cool: libraries</text>",
    ]
    for left, width, depth, node in shown:
        x, w, y = left * WIDTH, width * WIDTH, height - (depth + 1) * ROW - 4
        palette = OWN if node.own else OTHER
        fill = palette[zlib.crc32(node.label.encode()) % len(palette)]
        room = int((w - 6) / 6.7)
        text = node.label if len(node.label) <= room else node.label[: max(0, room - 1)] + "…"
        label = f'<text x="{x + 3:.1f}" y="{y + 12}" fill="#111">{escape(text)}</text>'
        parts.append(
            f"<g><title>{escape(node.label)} {node.count / root.count:.1%}</title>"
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
