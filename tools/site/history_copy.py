"""asv's own pages inside the site, which a browser can also read from disk."""

import json
import shutil
from pathlib import Path

FOLDER = "history"
DATA = "vendor/disk_data.js"
# Browsers read no JSON from disk. Its copy as a script is large, so a server never sends it.
FROM_DISK = f"""<script>
      if (location.protocol === "file:") {{
        document.write('<script src="{DATA}"><\\/script>');
      }}
    </script>
    """


def graphs(html: Path) -> set[str]:
    """Benchmarks that asv's site shows: what was never published has no graph."""
    return set(json.loads((html / "index.json").read_text(encoding="utf-8"))["benchmarks"])


def addresses(html: Path) -> set[str]:
    """What the site will hold of it."""
    return {f"{FOLDER}/{p.relative_to(html).as_posix()}" for p in html.rglob("*") if p.is_file()}


def copy(html: Path, site: Path) -> None:
    """Put asv's pages into the site."""
    target = site / FOLDER
    shutil.copytree(html, target)
    data = {
        path.relative_to(html).as_posix(): json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(html.rglob("*.json"))
    }
    text = f"window.DISK_DATA = {json.dumps(data, separators=(',', ':'))};\n"
    (target / DATA).write_text(text, encoding="utf-8")
    page = target / "index.html"
    before, view, after = page.read_text(encoding="utf-8").rpartition(
        '<script src="vendor/history_'
    )
    page.write_text(f"{before}{FROM_DISK if view else ''}{view}{after}", encoding="utf-8")
