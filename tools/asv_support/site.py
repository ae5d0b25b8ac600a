"""Builds and serves the asv site; it needs no internet.

asv's page loads ten scripts and styles from content delivery networks and refuses to
work without them. asv runs `Offline` at the end of `asv publish`, however it was started:
it puts local copies beside the page, from packages that ship these files and from
`vendor/` for the three that no package ships, and points the page at them.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from asv.publishing import OutputPublisher
from asv.util import load_json

from groundspeed import project
from groundspeed.tools.asv_support import history_view
from groundspeed.validation import discovery, machine
from groundspeed.validation.records.atomic import write_atomic
from groundspeed.validation.records.errors import Refused
from groundspeed.validation.records.git import history_is_cut
from groundspeed.validation.records.results import FOLDER

ROOT = project.ROOT
OWN = Path(__file__).with_name("vendor")
CONFIG, LOCAL = "asv.conf.json", ".asv.local.json"
VENDOR = "vendor"
VIEW = "history_view.js"
REMOTE = re.compile(r'(src|href)="(https?://[^"]+\.(?:js|css))"([^>]*)')
SHIPPED = {  # what the page asks for: the distribution that has it, and where
    r"jquery-[\d.]+\.min\.js": ("js.jquery", "js/jquery/resources/jquery-3.*.min.js"),
    r"jquery\.flot(\.\w+)?\.min\.js": ("js.jquery_flot", "js/jquery_flot/resources/{name}"),
    r"bootstrap\.min\.js": ("js.bootstrap", "js/bootstrap/resources/js/{name}"),
    r"bootstrap\.min\.css": ("js.bootstrap", "js/bootstrap/resources/css/{name}"),
}


PUBLISHERS = (history_view.Shown, history_view.SeparateMachines)  # asv finds them as loaded


class Offline(OutputPublisher):
    """asv's last step of publishing: the page needs nothing from elsewhere."""

    name = "offline"

    @classmethod
    def publish(cls, conf, repo, benchmarks, graphs, revisions):
        make_local(Path(conf.html_dir))


def make_local(html: Path) -> list[str]:
    """Copy what the pages ask the internet for beside them; the names of the copies.

    Raises:
        Refused: a page asks for something that is neither shipped nor ours.
    """
    (html / VENDOR).mkdir(exist_ok=True)
    copied: set[str] = set()

    def localize(asked: re.Match) -> str:
        attribute, url, rest = asked.groups()
        name = url.rsplit("/", 1)[1]
        shutil.copyfile(stand_in(name), html / VENDOR / name)
        copied.add(name)
        rest = re.sub(r'\s(integrity|crossorigin|referrerpolicy)="[^"]*"', "", rest)
        return f'{attribute}="{VENDOR}/{name}"{rest}'

    for page in html.glob("*.html"):
        page.write_text(REMOTE.sub(localize, page.read_text()))
    add_view(html)
    return sorted(copied)


def add_view(html: Path) -> None:
    """Our own script, behind asv's."""
    shutil.copyfile(OWN / VIEW, html / VENDOR / VIEW)
    page, script = html / "index.html", f'<script src="{VENDOR}/{VIEW}"></script>'
    page.write_text(page.read_text().replace("</head>", f"    {script}\n  </head>"))


def stand_in(name: str) -> Path:
    """The local file for one that the page loads by that name."""
    own = OWN / name.replace(".min.js", ".js")
    if own.exists():
        return own
    for pattern, (package, where) in SHIPPED.items():
        if re.fullmatch(pattern, name):
            return inside(package, where.format(name=name))
    have = [*SHIPPED, *(path.name for path in OWN.glob("*.js"))]
    raise Refused(f"asv's page loads {name}, and nothing here stands in for it; have {have}")


def inside(package: str, where: str) -> Path:
    """A file of an installed distribution, which is not imported for it."""
    try:
        folder, _, pattern = str(distribution(package).locate_file(where)).rpartition("/")
    except PackageNotFoundError:
        raise Refused(f"the site needs {package}; run: pip install {package}") from None
    found = sorted(path for path in Path(folder).glob(pattern) if "slim" not in path.name)
    if not found:
        raise Refused(f"{package} has no {where}; run: pip install --force-reinstall {package}")
    return found[-1]


@contextmanager
def local_results() -> Iterator[str]:
    """A configuration of asv whose results are a copy: what is recorded there is on the site of
    this machine and not in the committed history."""
    committed, copy = results_folder(CONFIG), ROOT / ".asv" / "results"
    shutil.rmtree(copy, ignore_errors=True)
    if committed.is_dir():
        shutil.copytree(committed, copy)
    content = load_json(ROOT / CONFIG, js_comments=True) | {"results_dir": ".asv/results"}
    write_atomic(ROOT / LOCAL, json.dumps(content))
    try:
        yield LOCAL
    finally:
        (ROOT / LOCAL).unlink(missing_ok=True)


def results_folder(config: str, root: Path = ROOT) -> Path:
    return root / load_json(root / config, js_comments=True)["results_dir"]


def has_results(config: str = CONFIG, root: Path = ROOT) -> bool:
    return (root / config).exists() and (results_folder(config, root) / "benchmarks.json").exists()


def run() -> int:
    """The verb ``publish``."""
    if changed := record_measured():
        print(f"the tree differs from HEAD ({changed[0]}, …): nothing is filed under it")
    print(publish())
    if lost := lost_history():
        print(lost)
    return int(bool(lost))


def lost_history(root: Path = ROOT, config: str = CONFIG) -> str:
    """Which recorded commits the site lacks, since this clone does not have them; "" if none."""
    shown = load_json(root / "reports" / "asv" / "html" / "index.json")["revision_to_hash"].values()
    found = {path.name.split("-")[0] for path in results_folder(config, root).glob("*/*-*.json")}
    lacking = [commit for commit in found if not any(full.startswith(commit) for full in shown)]
    if not lacking or not history_is_cut(root):
        return ""
    return (
        f"the site lacks {len(lacking)} of {len(found)} commits with results: this clone is "
        "shallow; run: git fetch --unshallow, and publish again"
    )


def record_measured(config: str = CONFIG) -> list[str]:
    """File under HEAD what was measured of it; the changed files where the tree is another."""
    from groundspeed.tools.records import evidence
    from groundspeed.tools.records.conditions import code_now

    code, timed = code_now(), {n: evidence.measured(n) for n in discovery.names()}
    clean = [n for n, found in timed.items() if found and found.conditions.dirty is False]
    if clean and code.dirty is False:
        record(clean, config=config)
    return list(code.changed)


def publish(root: Path = ROOT, config: str = CONFIG) -> Path:
    """Build the site of ``root`` from the recorded results; its folder.

    Raises:
        Refused: there are no results yet, or asv fails.
    """
    if not has_results(config, root):
        raise Refused("no results in reports/asv/results yet; run: groundspeed bench")
    asv(root, "publish", "--no-pull", config=config)
    return root / "reports" / "asv" / "html"


def record(names: list[str], config: str = CONFIG) -> None:
    """File the measurements of these optimizations in asv's results, under HEAD; nothing is
    measured again.

    Raises:
        Refused: the tree differs from HEAD, or a measurement is about something else.
    """
    from groundspeed.tools.records.conditions import code_now

    code = code_now()
    if code.unknown:
        raise Refused(f"{code.unknown}: asv files results under a commit; mend that, record again")
    if code.changed:
        raise Refused(
            f"the tree differs from HEAD in {len(code.changed)} files ({code.changed[0]}, …): asv "
            "files results under a commit; commit, and record again"
        )
    kinds: dict[str, list[str]] = {}
    for name in names:
        kinds.setdefault(machine.kind(discovery.device(name)), []).append(name)
    for kind, own in kinds.items():
        suites = f"^({'|'.join(map(re.escape, own))})\\.benchmark\\."
        words = ("run", "HEAD^!", "--no-pull", "--show-stderr", "--machine", kind)
        handed = {"GROUNDSPEED_MEASUREMENT": str(ROOT / FOLDER)}
        asv(ROOT, *words, "--bench", suites, config=config, **handed)
    # The list of benchmarks as compact as asv's results are: it says the same of each suite.
    listed = results_folder(config) / "benchmarks.json"
    content = json.loads(listed.read_text(encoding="utf-8"))
    write_atomic(listed, json.dumps(content, separators=(",", ":")))


def asv(root: Path, *words: str, config: str = CONFIG, **settings: str) -> None:
    """Run an asv command in ``root``; its output only where it fails.

    Raises:
        Refused: it fails.
    """
    done = subprocess.run(
        [sys.executable, "-m", "asv", "--config", config, *words],
        cwd=root,
        env=os.environ | settings,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        last_lines = (done.stdout + done.stderr).strip().splitlines()[-12:]
        raise Refused(
            f"asv {' '.join(words)} failed ({done.returncode}):\n" + "\n".join(last_lines)
        )


def preview(root: Path = ROOT) -> None:
    """Serve the site to this machine only, until interrupted."""
    html = root / "reports" / "asv" / "html"
    if not (html / "index.html").exists():
        raise Refused("no site in reports/asv/html yet; run: groundspeed publish")
    with server(html) as serving, suppress(KeyboardInterrupt):
        print(f"http://127.0.0.1:{serving.server_address[1]}/  (Ctrl-C ends)")
        serving.serve_forever()
    print()


def server(html: Path) -> ThreadingHTTPServer:
    """A quiet web server of the folder on a free port of 127.0.0.1."""
    return ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=html))


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass
