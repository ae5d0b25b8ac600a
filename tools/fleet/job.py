"""In a job: run the portion's verb in a tree of its own, and hand over what it wrote.

Everything is written in a folder of this attempt. Its results take their place in one move, so
that a job that is killed leaves nothing, and one that was requeued is there once.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from groundspeed import project
from groundspeed.tools.fleet import commit_tree
from groundspeed.tools.fleet.job_record import JobRecord
from groundspeed.tools.fleet.portions import Portion
from groundspeed.validation import machine
from groundspeed.validation.records import results
from groundspeed.validation.records.errors import BrokenRecord
from groundspeed.validation.tiers import Coverage

HANDED_OVER = ("samples", "failures", "earlier")  # of .groundspeed
HEAD = ("schema", "name", "machine")  # of a file of results; the rest are its sections
UNSETTLED = ("STALE", "UNJUDGED")


class NoAnswer(RuntimeError):
    """The verb ended without an answer; submitit's log has the words."""


def work(portion: Portion, archive: Path, shared: Path, done: Path) -> None:
    """Do a portion, and leave its record and files in ``done``.

    Raises:
        NoAnswer: the verb was killed, or printed nothing for programs.
    """
    if done.exists():  # an earlier attempt came to its end
        return
    attempts = archive.parent / "attempts"
    attempts.mkdir(exist_ok=True)
    with TemporaryDirectory(prefix=f"{done.name}-", dir=attempts) as place:
        tree, new = Path(place, "tree"), Path(place, "done")
        root = commit_tree.unpack(archive, tree, shared)
        before = snapshot(root)
        if portion.needs_verdicts:
            judge_first(portion, root, tree)
        code, answer = run_verb(portion.words, root, tree)
        hand_over(root, before, new, portion, code, answer)
        done.parent.mkdir(exist_ok=True)
        with suppress(OSError):  # another attempt was faster: its results are there, whole
            new.rename(done)


def judge_first(portion: Portion, root: Path, tree: Path) -> None:
    """Judge those that have no verdict on this kind of machine, and refuse nothing."""
    code, rows = run_verb(["list", *portion.names, "--json"], root, tree)
    if code:
        return  # the verb itself will say what is wrong
    due = [
        row["name"]
        for row in rows
        if row["here"] in UNSETTLED or (portion.full and row["covers"] != Coverage.FULL)
    ]
    if due:
        run_verb(["validate", *due, *(["--full"] if portion.full else []), "--json"], root, tree)


def run_verb(words: list[str], root: Path, tree: Path) -> tuple[int, object]:
    """Run ``groundspeed WORDS`` there: its exit code, and what it printed.

    Raises:
        NoAnswer: it was killed, or printed nothing for programs.
    """
    with started([sys.executable, "-m", "groundspeed", *words], root, environment(tree)) as process:
        text, _ = process.communicate()
    try:
        return process.returncode, json.loads(text)
    except ValueError:
        code = process.returncode
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"
        raise NoAnswer(f"groundspeed {words[0]} {how} without an answer") from None


@contextmanager
def started(words: list[str], root: Path, env: dict[str, str]) -> Iterator[subprocess.Popen]:
    """A process whose group ends with the block, whatever ends the block."""
    process = subprocess.Popen(
        words, cwd=root, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        start_new_session=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def environment(tree: Path) -> dict[str, str]:
    """Of the verb: the project of the tree, and its own harness where it has one."""
    root = tree / project.prefix().lstrip("/")
    env = os.environ | {project.VARIABLE: str(root)}
    if (root / "groundspeed" / "__main__.py").exists():
        env["PYTHONPATH"] = os.pathsep.join([str(root), *filter(None, [env.get("PYTHONPATH")])])
    return env


def snapshot(root: Path) -> dict[str, dict]:
    """Sections of every file of results that can be trusted, by KIND/NAME."""
    found = {}
    for on, name in results.files(root):
        with suppress(BrokenRecord):
            whole = results.read(name, on, root)
            found[f"{on}/{name}"] = {k: v for k, v in whole.items() if k not in HEAD}
    return found


def hand_over(
    root: Path, before: dict[str, dict], new: Path, portion: Portion, code: int, answer: object
) -> None:
    """Copy what has changed, and seal the record."""
    after, sections = snapshot(root), {}
    for place, found in after.items():
        old = before.get(place, {})
        if changed := sorted(k for k in found | old if found.get(k) != old.get(k)):
            sections[place] = changed
            copy(root, new, results.FOLDER / f"{place}.json")
            copy(root, new, results.FOLDER / place.partition("/")[0] / "machine.json")
    written = [
        path.relative_to(root)
        for folder in HANDED_OVER
        for path in sorted((root / ".groundspeed" / folder).rglob("*"))
        if path.is_file() and not path.name.endswith(".tmp")
    ]
    for path in written:
        copy(root, new, path)
    JobRecord(
        machine=machine.kind(portion.device),
        instance=machine.instance(),
        exit=code,
        answer=answer,
        sections=sections,
        files=[path.as_posix() for path in written],
    ).write(new / "job.json")


def copy(root: Path, new: Path, path: Path) -> None:
    (new / path).parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(root / path, new / path)
