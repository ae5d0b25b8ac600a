"""A fleet on a real Slurm of two nodes: `make test-slurm`.

Judges and times a few optimizations of a fresh clone here and then on the fleet, and compares the
evidence file for file; `run` does the same with all that has no evidence. A node dies in the middle
of a job, a job is cancelled, the submitting verb is interrupted. Needs slurm-wlm and munge of the
system, and minutes.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from loopback import Cluster, lacking
from verdict_content import content

ROOT = Path(__file__).resolve().parents[2]
NAMES = ["lattice_field_buffers", "lattice_field_null"]
TIMED = NAMES[:1]
TRIES = 3
FLEET = """
together = 1
[kinds.judging]
partition = "shared"
cpus = 2
jobs = 3
[kinds.timing]
partition = "timing"
exclusive = true
jobs = 2
"""
BOUND = ("optimization", "engine", "level", "code", "baseline", "protocol", "device")


@dataclass
class Clone:
    """A fresh clone, and the commands that are run in it."""

    root: Path
    fleet: Path = field(init=False)

    def __post_init__(self):
        source = ["git", "clone", "-q", "--depth", "1", ROOT.as_uri(), str(self.root)]
        subprocess.run(source, check=True)
        self.fleet = self.root.with_name("fleet.toml")
        self.fleet.write_text(FLEET)

    def start(self, *words: str) -> subprocess.Popen:
        env = os.environ | {"PYTHONPATH": str(self.root), "GROUNDSPEED_WAIT_S": "0"}
        print("$ groundspeed", *words, flush=True)
        return subprocess.Popen(
            [sys.executable, "-m", "groundspeed", *words], cwd=self.root, env=env,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip

    def run(self, *words: str, code: int = 0) -> str:
        return self.ended(self.start(*words), code)

    def bench(self, *words: str) -> None:
        """Until there is a number: on a busy machine the clock refuses some."""
        for _ in range(TRIES):
            process = self.start("bench", *TIMED, "--processes", "1", *words)
            print(*process.communicate(), sep="", end="", flush=True)
            if process.returncode == 0:
                return
        raise AssertionError(f"no number in {TRIES} tries; wait for a quiet machine")

    def ended(self, process: subprocess.Popen, code: int = 0) -> str:
        out, errors = process.communicate()
        print(out + errors, end="", flush=True)
        expect(process.returncode == code, f"exit code {process.returncode}, expected {code}")
        return out + errors

    def evidence(self) -> dict[str, dict]:
        """Every file of results that differs from the commit."""
        words = ["git", "-C", self.root, "status", "--porcelain", "-uall", "--", "reports/results"]
        told = subprocess.run(words, capture_output=True, text=True, check=True).stdout
        paths = [line[3:] for line in told.splitlines()]
        return {path: json.loads((self.root / path).read_text()) for path in paths}

    def forget(self) -> None:
        for words in (("checkout", "-q", "reports"), ("clean", "-fdq", "reports")):
            subprocess.run(["git", "-C", self.root, *words], check=True)

    def lose(self, names: list[str]) -> None:
        """A commit in which no machine has evidence of these."""
        self.forget()
        for path in (self.root / "reports" / "results").glob("*/*.json"):
            if path.stem in names:
                path.unlink()
        author = ("-c", "user.name=test", "-c", "user.email=test@localhost")
        words = ["git", "-C", self.root, *author, "commit", "-qam", "no evidence"]
        subprocess.run(words, check=True)

    def fleet_folder(self) -> list[str]:
        folder = self.root / ".groundspeed" / "fleet"
        return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def expect(true: object, words: str) -> None:
    if not true:
        raise AssertionError(words)


def same(here: dict[str, dict], there: dict[str, dict]) -> None:
    """The same files, the same verdicts, and timings of the same code and cases."""
    expect(here.keys() == there.keys(), f"files {sorted(here)} here, {sorted(there)} there")
    for path in here:
        verdicts = [content(one[path]["verdict"]) for one in (here, there)]
        expect(verdicts[0] == verdicts[1], f"{path}: the verdicts differ")
        timings = [one[path].get("timing", {}) for one in (here, there)]
        for key in BOUND:
            expect(timings[0].get(key) == timings[1].get(key), f"{path}: {key} of timings differs")
        settled = [settings(timing.get("conditions", {})) for timing in timings]
        expect(settled[0] == settled[1], f"{path}: conditions of timings differ")
        cases = [set(timing.get("cases", ())) for timing in timings]
        expect(cases[0] == cases[1], f"{path}: cases of timings differ")
        print(f"the same: {path}", flush=True)


def settings(conditions: dict) -> dict:
    """Without the node itself, and what else it did at that moment."""
    return {k: v for k, v in conditions.items() if k not in ("instance", "load_before", "beside")}


def a_node_dies(clone: Clone, cluster: Cluster) -> None:
    """Its job is requeued and done by the other node, and counted once."""
    process = clone.start("validate", *NAMES, "--on", str(clone.fleet))
    killed = []

    def kill() -> None:
        cluster.wait_for(lambda: on_node(cluster, "n2"), "job on n2")
        time.sleep(3)
        killed.extend(on_node(cluster, "n2"))
        cluster.kill("n2")
        print(f"killed node n2 with job {', '.join(killed)}", flush=True)

    killer = threading.Thread(target=kill)
    killer.start()
    told = clone.ended(process)
    killer.join()
    expect(killed, "no job was on the node that was killed")
    expect(f"{len(NAMES)} of {len(NAMES)} jobs done" in told, "a requeued job was not done")
    cluster.start("slurmd", "-D", "-N", "n2")
    cluster.wait_for(lambda: cluster.idle() == 2, "node n2 after its return")


def on_node(cluster: Cluster, node: str) -> list[str]:
    return [job for job, at in cluster.states().items() if at == ("RUNNING", node)]


def a_job_is_cancelled(clone: Clone, cluster: Cluster) -> None:
    """It is missing work and nothing else."""
    before = clone.evidence()
    process = clone.start("validate", "--small", *NAMES, "--on", str(clone.fleet))
    cluster.wait_for(lambda: len(running(cluster)) == 2, "two jobs")
    victim = running(cluster)[0]
    time.sleep(3)
    subprocess.run(["scancel", victim], check=True)
    print(f"cancelled job {victim}", flush=True)
    told = clone.ended(process, code=1)
    expect("[E-JOB]" in told, "no line about the lost job")
    expect("1 of 2 jobs done, 1 lost" in told, "the other job did not go on")
    files = clone.fleet_folder()
    expect(files, "no log was kept")
    expect(all("/logs/" in name for name in files), f"more than logs was left: {files}")
    after = clone.evidence()
    new = [path for path in after if after[path] != before.get(path)]
    expect(len(new) == 1, f"new evidence in {new}, expected one file")


def running(cluster: Cluster) -> list[str]:
    return [job for job, at in cluster.states().items() if at[0] == "RUNNING"]


def the_verb_is_interrupted(clone: Clone, cluster: Cluster) -> None:
    """Ctrl-C empties the queue, and nothing of it is left."""
    before = clone.evidence()
    process = clone.start("validate", *NAMES, "--on", "slurm")
    cluster.wait_for(cluster.states, "job")
    time.sleep(2)
    process.send_signal(signal.SIGINT)
    clone.ended(process, code=130)
    expect(not cluster.states(), "jobs are still in the queue")
    expect(clone.evidence() == before, "evidence was left by jobs that were interrupted")


def the_main_job(clone: Clone, cluster: Cluster) -> None:
    """`run` finds out by itself what nobody has evidence of, here as on the fleet."""
    clone.lose(NAMES)
    clone.run("run")
    here = clone.evidence()
    clone.forget()
    clone.run("run", "--on", "slurm")
    expect(not cluster.states(), "jobs are still in the queue")
    there = clone.evidence()
    expect(here.keys() == there.keys(), f"files {sorted(here)} here, {sorted(there)} there")
    judged = [path for path, found in here.items() if "verdict" in found]
    expect(len(judged) == len(NAMES), f"verdicts in {judged}, expected {len(NAMES)}")
    same(*({path: found[path] for path in judged} for found in (here, there)))
    for path in sorted({*here} - {*judged}):  # checks of the baselines
        one, other = (without_moment(found[path]) for found in (here, there))
        expect(one == other, f"{path}: {one} here, {other} there")


def without_moment(found: dict) -> dict:
    return {**found, "seal": "", "check": {**found["check"], "made": ""}}


def main() -> int:
    absent = lacking()
    if absent:
        print(f"test-slurm needs {absent[0]}; install: apt-get install slurm-wlm munge")
        return 1
    folder = Path(tempfile.mkdtemp(prefix="groundspeed-slurm-"))
    cluster = Cluster(folder / "slurm")
    try:
        clone = Clone(folder / "clone")
        clone.run("validate", *NAMES)
        clone.bench()
        here = clone.evidence()
        clone.forget()
        with cluster:
            a_node_dies(clone, cluster)
            clone.bench("--on", str(clone.fleet))
            same(here, clone.evidence())
            the_verb_is_interrupted(clone, cluster)
            a_job_is_cancelled(clone, cluster)
            the_main_job(clone, cluster)
        left = [" ".join(process.cmdline()) for process in cluster.left()]
        expect(not left, f"still running: {left}")
        print("test-slurm: passed")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
