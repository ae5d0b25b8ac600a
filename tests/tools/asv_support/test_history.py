"""asv's history over a scratch repository whose second commit makes an implementation 5× slower.

The repository holds copies of our packages and one tiny engine. `history` is judged and
timed in earnest; `stubbed` replaces judge and clock by a number that each commit's own
implementation states, and tries what asv does with it.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from html import unescape
from pathlib import Path
from threading import Thread

import pytest
from module_constants import set_constant
from PIL import Image

from groundspeed.tools.asv_support import site as asv_support_site
from groundspeed.tools.asv_support.checkout import bring
from groundspeed.tools.asv_support.history_view import TRACKED
from groundspeed.validation import machine
from groundspeed.validation.judge.verdicts import digest_now
from groundspeed.validation.records import digests, results

pytestmark = pytest.mark.xdist_group("test_asv_history")  # its fixtures are costly: one worker
with_stub = pytest.mark.xdist_group("test_asv_stub")  # another fixture: it may be another worker

ROOT = Path(__file__).resolve().parents[3]
COPIED = ("groundspeed", "tools", "validation", "asv.conf.json", "pyproject.toml")
COPIED += ("optimizations/__init__.py", "baselines/__init__.py", "baselines/engine.py")
COPIED += ("baselines/device.py", "baselines/foreign")
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)
SPEEDUP = "decay_repeat.benchmark.Speed.track_speedup"
RELATIVE = "decay_repeat.benchmark.Speed.track_relative_time"
BLUE = (31, 119, 180)  # asv's first colour

ENGINE = '''
"""Decay u_t = -u, by forward Euler."""

from dataclasses import dataclass
from typing import NamedTuple

import torch

from groundspeed.baselines.engine import Case, Engine, Stage


class Field(NamedTuple):
    u: torch.Tensor


@dataclass(frozen=True, kw_only=True)
class Decay(Case):
    cells: int = 50_000


def initial(case):
    return Field(1 + torch.rand(case.cells, generator=case.generator(), dtype=case.dtype))


def decay(case):
    return lambda state: Field(state.u - 0.01 * state.u)


engine = Engine(
    name="decay_v1",
    cases={"line": Decay(steps=60, timed=True)},
    initial=initial,
    stages=(Stage("decay", decay),),
)
'''
IMPLEMENTATION = """
from groundspeed.baselines.engine import replace_stage
from baselines.decay_v1 import Field, engine as baseline


def decay(case):
    def step(state):
        for _ in range({times}):
            u = state.u - 0.01 * state.u
        return Field(u)

    return step


engine = replace_stage(baseline, decay=decay)
"""
CLAIM = """
from groundspeed.validation.claims import Agreement
from .implementation import engine

claim = Agreement(engine=engine, level="exact", because="it is the same expression")
"""
BENCHMARK = """
from groundspeed.tools.suite import Suite


class Speed(Suite):
    def setup_cache(self):
        return self.measure()
"""
STUB = r"""
import json
import re
import sys
from pathlib import Path

if sys.argv[1] == "cases":
    print(json.dumps({"decay_repeat": ["line"]}))
else:
    code = Path("optimizations/decay_repeat/implementation.py").read_text()
    r = float(re.search(r"range\((.*?)\)", code)[1])
    line = {"ratio": r, "low": r, "high": r, "candidate_s": r}
    line["ratios"] = [r * (1 + k / 1e3) for k in range(10)]
    print(json.dumps({"level": "exact", "cases": {"line": line}}))
"""


class Scratch:
    """A git repository with our measuring stick and one engine; asv at home in it."""

    def __init__(self, root: Path):
        self.root, self.home = root, root.parent / "home"
        self.home.mkdir()
        for path in COPIED:
            copy = bring if (ROOT / path).is_dir() else shutil.copy
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            copy(ROOT / path, root / path)
        self.write("baselines/decay_v1/__init__.py", ENGINE)
        self.write(".gitignore", ".asv/\n__pycache__/\nreports/\n")
        self.git("init", "-q", "-b", "main")

    def write(self, path: str, text: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def run(self, *words, **settings) -> subprocess.CompletedProcess:
        env = os.environ | {"HOME": str(self.home)} | settings
        env.pop("ASV_ENV_DIR", None)
        return subprocess.run(words, cwd=self.root, env=env, capture_output=True, text=True)

    def git(self, *words) -> str:
        who = ("-c", "user.name=nobody", "-c", "user.email=nobody@example.org")
        done = self.run("git", *who, *words)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def asv(self, *words, **settings) -> subprocess.CompletedProcess:
        return self.run(sys.executable, "-m", "asv", *words, **settings)

    def commit(self, times: object = None) -> str:
        """A commit in which the implementation does its work that many times."""
        if times is not None:
            leaf = "optimizations/decay_repeat"
            self.write(f"{leaf}/__init__.py", "")
            self.write(f"{leaf}/implementation.py", IMPLEMENTATION.format(times=times))
            self.write(f"{leaf}/validation.py", CLAIM)
            self.write(f"{leaf}/benchmark.py", BENCHMARK)
        self.git("add", ".")
        self.git("commit", "-q", "--allow-empty", "-m", f"the work done {times} times")
        return self.git("rev-parse", "HEAD")

    def result(self, commit: str, name: str):
        """What asv has on file for the one case: a number, None (failed) or "n/a"."""
        (path,) = (self.root / "reports/asv/results").glob(f"*/{commit[:8]}-commit-*.json")
        record = json.loads(path.read_text())
        row = dict(zip(record["result_columns"], record["results"][name], strict=False))
        value = row["result"][0] if row["result"] else None
        return "n/a" if value != value else value


@pytest.fixture(scope="module")
def stubbed(tmp_path_factory) -> Scratch:
    scratch = Scratch(tmp_path_factory.mktemp("stubbed") / "repository")
    scratch.write("tools/asv_support/worker.py", STUB)
    scratch.commits = [scratch.commit(times) for times in (None, 1, 5, 1)]
    return scratch


@pytest.fixture(scope="module")
def history(tmp_path_factory, warm) -> Scratch:
    """Four commits: without the optimization, with it, with it 5× slower, repaired.

    The verdict on the last is on file, and so holds for the second: the slow one is judged anew.
    """
    scratch = Scratch(tmp_path_factory.mktemp("earnest") / "repository")
    for module, constant, value in (
        ("timing/session", "PROCESSES", 1),
        ("timing/session", "MOST", 1),
        ("experiments/compare_commits", "BUDGET_S", 1),
    ):
        set_constant(scratch.root / "tools" / f"{module}.py", constant, value)
    seal = scratch.run(
        sys.executable,
        "-c",
        "from groundspeed.validation.golden.freeze import freeze; freeze('decay_v1')",
    )
    assert seal.returncode == 0, seal.stderr
    scratch.commits = [scratch.commit(times) for times in (None, 1, 5, 1)]
    verdict = warm.run(scratch.root, scratch.home, ["validate", "decay_repeat"])
    assert verdict.returncode == 0, verdict.stdout
    for _ in range(3):  # the clock throws away what it measured while the machine was too busy
        done = scratch.asv("run", "ALL", "--show-stderr", "--skip-existing-successful")
        if done.returncode == 0:
            break
    assert done.returncode == 0, done.stdout + done.stderr
    return scratch


@pytest.fixture(scope="module")
def site(history):
    """The published site, served; its address."""
    html = asv_support_site.publish(history.root)
    with asv_support_site.server(html) as serving:
        Thread(target=serving.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{serving.server_address[1]}"
        serving.shutdown()


@pytest.fixture(scope="module")
def browse(tmp_path_factory):
    """Open a page in a browser that can reach this machine and nothing else."""
    if BROWSER is None and "CI" not in os.environ:
        pytest.skip("no chromium here: apt-get install --no-install-recommends chromium")
    profile = tmp_path_factory.mktemp("profile")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    flags += [f"--user-data-dir={profile}", "--window-size=1200,900"]
    flags += ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
    flags += ["--virtual-time-budget=10000"]

    def open_page(url: str, *how: str) -> str:
        words = [BROWSER, *flags, *(how or ("--dump-dom",)), url]
        return subprocess.run(words, capture_output=True, text=True, check=True, timeout=400).stdout

    return open_page


def test_each_commit_is_measured_with_its_own_implementation(history):
    none, fast, slow, repaired = (history.result(c, RELATIVE) for c in history.commits)
    assert none == "n/a"
    assert slow > 2.5 * fast
    assert slow > 2.5 * repaired
    assert history.result(history.commits[2], SPEEDUP) < 0.4


def test_compare_alarms_at_the_slow_commit_and_only_there(history, warm):
    none, fast, slow, repaired = history.commits

    def compare(*words) -> subprocess.CompletedProcess:
        return warm.run(history.root, history.home, ["compare", *words])

    worse = compare(fast, slow)
    assert worse.returncode == 1, worse.stdout + worse.stderr
    assert "SLOWER" in worse.stdout
    assert re.search(r"[2-5] processes", worse.stdout), "an alarm is confirmed by a second run"
    better = compare(slow, repaired, "--markdown")
    assert better.returncode == 0, better.stdout + better.stderr
    assert re.search(r"\| decay_repeat \| FASTER \| line \| B takes 0\.[1-4]", better.stdout)
    same = compare(fast, repaired)
    assert (same.returncode, "the same bytes" in same.stdout) == (0, True), same.stderr
    assert "NEW" in compare(none, fast).stdout


def test_the_checkout_is_left_as_committed(history):
    for checkout in history.root.glob(".asv/env/*/project"):
        assert not history.git("-C", str(checkout), "status", "--porcelain")


def test_the_site_asks_the_internet_for_nothing(site, history):
    for page in (history.root / "reports/asv/html").glob("*.html"):
        assert not re.search(r'(src|href)="https?://[^"]+\.(js|css)"', page.read_text())


def test_the_site_shows_the_speedup_graph(site, browse, tmp_path):
    dom = browse(f"{site}/#{SPEEDUP}")
    title = re.search(r'id="title"[^>]*>([^<]*)<', dom)[1]
    assert title == "decay_repeat: speedup over the baseline"
    assert len(re.findall(r'<canvas class="flot-base"', dom)) == 2  # the graph, its overview
    assert len(re.findall('class="[^"]*tickLabel', dom)) > 3
    picture = tmp_path / "speedup.png"
    browse(f"{site}/#{SPEEDUP}", f"--screenshot={picture}")
    image = Image.open(picture).convert("RGB")
    drawn = [(x, y) for x in range(250, 1200) for y in range(100, 700) if near(image, x, y)]
    heights = {x: y for x, y in drawn}
    middle = [y for x, y in heights.items() if 600 < x < 820]
    assert max(middle) > heights[min(heights)] + 100, "the slow commit dips in the middle"


def near(image: Image.Image, x: int, y: int) -> bool:
    return all(abs(a - b) < 40 for a, b in zip(image.getpixel((x, y)), BLUE, strict=True))


def test_the_grid_and_the_list_show_it_too(site, browse):
    assert "decay_repeat" in browse(f"{site}/#/")
    dom = browse(f"{site}/#summarylist?sort=0&dir=desc")
    rows = re.findall(r"<tr>.*?>decay_repeat: ([^<(]+)", dom, re.S)
    assert rows == sorted(rows, reverse=True)
    assert set(rows) == set(TRACKED.values())


def test_our_md5_is_md5(site, browse, history):
    texts = ["", "abc", "a" * 55, "b" * 56, "c" * 64, "χ² – 128³" * 30]
    page = f"""<meta charset="utf-8"><script src="vendor/md5.min.js"></script>
        <script>document.write({json.dumps(texts)}.map(md5).join(" "))</script>"""
    (history.root / "reports/asv/html/md5.html").write_text(page)
    found = re.findall(r"\b[0-9a-f]{32}\b", unescape(browse(f"{site}/md5.html")))
    assert found == [hashlib.md5(text.encode()).hexdigest() for text in texts]


@with_stub
def test_continuous_tells_worse_from_better(stubbed):
    _, fast, slow, repaired = stubbed.commits
    worse = stubbed.asv("continuous", fast, slow)
    assert (worse.returncode, "PERFORMANCE DECREASED" in worse.stdout) == (1, True), worse.stdout
    better = stubbed.asv("continuous", slow, repaired)
    assert (better.returncode, "PERFORMANCE INCREASED" in better.stdout) == (0, True)
    assert "+" in stubbed.asv("compare", fast, slow).stdout
    assert [stubbed.result(c, RELATIVE) for c in (fast, slow)] == pytest.approx([1, 5], rel=0.01)


@with_stub
def test_a_range_leaves_out_its_start(stubbed):
    none, fast, slow, _ = stubbed.commits
    shutil.rmtree(stubbed.root / "reports", ignore_errors=True)
    assert stubbed.asv("run", f"{none}..{fast}").returncode == 0
    assert stubbed.result(fast, SPEEDUP) == 1
    with pytest.raises(ValueError, match="not enough values"):
        stubbed.result(none, SPEEDUP)


@with_stub
def test_a_refusal_is_a_failure_and_one_broken_leaf_no_end_of_all(stubbed):
    broken = stubbed.commit("not a number")
    done = stubbed.asv("run", "HEAD^!", "--show-stderr")
    assert done.returncode == 2
    assert "could not convert string to float" in done.stdout + done.stderr
    assert stubbed.result(broken, SPEEDUP) is None
    assert stubbed.asv("run", f"{stubbed.commits[1]}^!").returncode == 0
    stubbed.git("reset", "-q", "--hard", stubbed.commits[-1])


@with_stub
def test_a_measurement_just_made_is_filed_under_its_commit(stubbed):
    commit = stubbed.git("rev-parse", "HEAD")
    code = "optimizations/decay_repeat/implementation.py"
    files = {code: digest_now(code, stubbed.root)}
    line = {"ratio": 0.5, "low": 0.4, "high": 0.6, "ratios": [0.5] * 5, "candidate_s": 1e-3}
    timing = {"level": "exact", "cases": {"line": line}, "conditions": {"dirty": False}}
    verdict = {"baseline": "sealed", "torch": "2", "files": files}
    timing["code"] = digests.of_plain(["sealed", "2", files])[:32]
    place = results.path("decay_repeat", machine.kind(), Path()).as_posix()

    def file(**changed) -> subprocess.CompletedProcess:
        head = {"schema": results.SCHEMA, "name": "decay_repeat", "machine": machine.kind()}
        text = results.layout(head | {"timing": timing | changed, "verdict": verdict})
        stubbed.write(place, text)
        code = "from tools.asv_support.site import record; record(['decay_repeat'])"
        return stubbed.run(sys.executable, "-c", code)

    assert file().returncode == 0
    assert stubbed.result(commit, SPEEDUP) == 2.0
    assert "about a changed tree" in file(conditions={"dirty": True}).stderr
    assert "about other bytes" in file(code="0").stderr
    stubbed.write("baselines/decay_v1/__init__.py", ENGINE + "\n")
    assert "the tree differs from HEAD" in file().stderr
    stubbed.git("checkout", "-q", ".")


def test_a_shallow_clone_says_which_commits_its_site_lacks(tmp_path, monkeypatch):
    results = tmp_path / "results" / "this"
    results.mkdir(parents=True)
    (tmp_path / "asv.conf.json").write_text('{"results_dir": "results"}')
    html = tmp_path / "reports" / "asv" / "html"
    html.mkdir(parents=True)
    (html / "index.json").write_text('{"revision_to_hash": {"1": "aaaa0000ffff"}}')
    for commit in ("aaaa0000", "bbbb1111"):
        (results / f"{commit}-commit.json").touch()
    monkeypatch.setattr(asv_support_site, "history_is_cut", lambda root: True)
    lost = asv_support_site.lost_history(tmp_path)
    assert "the site lacks 1 of 2 commits with results" in lost
    assert "git fetch --unshallow" in lost
    monkeypatch.setattr(asv_support_site, "history_is_cut", lambda root: False)
    assert asv_support_site.lost_history(tmp_path) == "", "a commit of another history is no loss"
