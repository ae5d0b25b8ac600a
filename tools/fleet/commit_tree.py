"""The tree in which a job works: the commit, and the evidence on file, in one archive.

The archive is one file, which is kind to shared file systems, and each job unpacks one of its own.
It has a git repository with that one commit, so that records name the commit as they do here.
"""

import os
import shutil
import subprocess
import tarfile
from pathlib import Path

from groundspeed import project
from groundspeed.tools.records.conditions import code_now
from groundspeed.validation.records import results
from groundspeed.validation.records.atomic import replacing, whole_folder
from groundspeed.validation.records.errors import Refused

SHARED = ("kept", "compiled")  # of .groundspeed: named by digests, so jobs may share them


def refuse_uncommitted() -> None:
    """Raise Refused unless the files here that results rest on are those of a commit."""
    tree = code_now()
    top = project.repository()
    if tree.unknown:
        raise Refused(f"{tree.unknown}: jobs work on a commit; make one: git init, git commit")
    if project.repository(project.CODE) != top:
        raise Refused(
            f"{project.CODE} is not in the repository {top}: jobs work on one commit; move it there"
        )
    if tree.changed:
        more = len(tree.changed) - 1
        others = f" and {more} more" if more else ""
        raise Refused(
            f"{tree.changed[0]}{others} differ from the commit, on which jobs work; "
            "run: git commit, or git stash"
        )


def pack(archive: Path) -> None:
    """Write the archive of the commit that is checked out, with the evidence on file."""
    top = project.repository()
    with whole_folder(archive.with_suffix("")) as tree:
        git(tree, "init", "-q")
        git(tree, "fetch", "-q", "--depth", "1", top.as_uri(), "HEAD")
        git(tree, "checkout", "-q", "FETCH_HEAD")
        own = tree / project.prefix().lstrip("/")
        shutil.rmtree(own / results.FOLDER, ignore_errors=True)
        if (project.ROOT / results.FOLDER).exists():
            shutil.copytree(project.ROOT / results.FOLDER, own / results.FOLDER)
        with replacing(archive) as partial, tarfile.open(partial, "w") as packed:
            packed.add(tree, ".")
    shutil.rmtree(archive.with_suffix(""))


def unpack(archive: Path, tree: Path, shared: Path) -> Path:
    """The project in a tree of its own; caches lie in the shared folder."""
    with tarfile.open(archive) as packed:
        packed.extraction_filter = lambda member, _: member  # it is our own, links and all
        packed.extractall(tree)
    own = tree / project.prefix().lstrip("/")
    (own / ".groundspeed").mkdir(exist_ok=True)
    for name in SHARED:
        (shared / name).mkdir(parents=True, exist_ok=True)
        (own / ".groundspeed" / name).symlink_to(shared / name)
    return own


def git(tree: Path, *words: str) -> None:
    """Run git in the tree.

    Raises:
        Refused: it failed.
    """
    own = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    done = subprocess.run(["git", "-C", tree, *words], env=own, capture_output=True, text=True)
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise Refused(f"git {words[0]} ended with {done.returncode}: {said}; mend the repository")
