"""The asv site, complete in one folder: built, made whole without the internet, served.

asv's page loads ten scripts and styles from content delivery networks and refuses to
work without them. asv runs `Offline` at the end of `asv publish`, however it was started:
it puts local copies beside the page, from packages that ship these files and from
`tools/site/` for the three that no package ships, and points the page at them.
"""

import os
import re
import shutil
import subprocess
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from asv.publishing import OutputPublisher

ROOT = Path(__file__).resolve().parent.parent
OWN = ROOT / "tools" / "site"
RESULTS = ROOT / "reports" / "asv" / "results" / "benchmarks.json"
VENDOR = "vendor"
REMOTE = re.compile(r'(src|href)="(https?://[^"]+\.(?:js|css))"([^>]*)')
SHIPPED = {  # what the page asks for: the distribution that has it, and where
    r"jquery-[\d.]+\.min\.js": ("js.jquery", "js/jquery/resources/jquery-3.*.min.js"),
    r"jquery\.flot(\.\w+)?\.min\.js": ("js.jquery_flot", "js/jquery_flot/resources/{name}"),
    r"bootstrap\.min\.js": ("js.bootstrap", "js/bootstrap/resources/js/{name}"),
    r"bootstrap\.min\.css": ("js.bootstrap", "js/bootstrap/resources/css/{name}"),
}


class Refused(RuntimeError):
    """Nothing was published or filed; the message says why and what to do."""


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
    return sorted(copied)


def stand_in(name: str) -> Path:
    """The local file for one that the page loads by that name."""
    own = OWN / name.replace(".min.js", ".js")
    if own.exists():
        return own
    for pattern, (package, where) in SHIPPED.items():
        if re.fullmatch(pattern, name):
            return inside(package, where.format(name=name))
    raise Refused(f"asv's page loads {name}, and nothing here stands in for it; have {known()}")


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


def known() -> list[str]:
    return [*SHIPPED, *(path.name for path in OWN.glob("*.js"))]


def publish(root: Path = ROOT) -> Path:
    """Build the site of ``root`` from the recorded results; its folder.

    Raises:
        Refused: there are no results yet, or asv fails.
    """
    if not (root / "reports" / "asv" / "results" / "benchmarks.json").exists():
        raise Refused("no results in reports/asv/results yet; run: groundspeed bench")
    asv(root, "publish", "--no-pull")
    return root / "reports" / "asv" / "html"


def record(names: list[str], root: Path = ROOT, measurements: Path | None = None) -> None:
    """File the measurements of these optimizations in asv's results, under HEAD.

    ``measurements`` is a record, or the folder of records; nothing is measured again.

    Raises:
        Refused: the tree differs from HEAD, or a record is about something else.
    """
    from tools.conditions import changes

    changed = changes(root)
    if changed:
        raise Refused(
            f"the tree differs from HEAD in {len(changed)} files ({changed[0]}, …): asv files "
            "results under a commit; commit, and record again"
        )
    suites = f"^({'|'.join(map(re.escape, names))})\\.benchmark\\."
    handed = measurements or root / "reports" / "measurements"
    words = ("run", "HEAD^!", "--no-pull", "--show-stderr", "--bench", suites)
    asv(root, *words, GROUNDSPEED_MEASUREMENT=str(handed.resolve()))


def asv(root: Path, *words: str, **settings: str) -> None:
    """Run an asv command in ``root``; its output only where it fails.

    Raises:
        Refused: it fails.
    """
    done = subprocess.run(
        [sys.executable, "-m", "asv", *words],
        cwd=root,
        env=os.environ | settings,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        said = (done.stdout + done.stderr).strip().splitlines()[-12:]
        raise Refused(f"asv {' '.join(words)} failed ({done.returncode}):\n" + "\n".join(said))


def preview(root: Path = ROOT, port: int = 0, tell=print) -> None:
    """Serve the site to this machine only, until interrupted."""
    html = root / "reports" / "asv" / "html"
    if not (html / "index.html").exists():
        raise Refused("no site in reports/asv/html yet; run: groundspeed publish")
    with server(html, port) as serving:
        tell(f"http://127.0.0.1:{serving.server_address[1]}/  (Ctrl-C ends)")
        try:
            serving.serve_forever()
        except KeyboardInterrupt:
            tell("")


def server(html: Path, port: int = 0) -> ThreadingHTTPServer:
    """A web server of the folder on 127.0.0.1, quiet; port 0 takes a free one."""
    return ThreadingHTTPServer(("127.0.0.1", port), partial(Quiet, directory=html))


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass
