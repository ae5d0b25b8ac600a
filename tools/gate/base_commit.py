"""The commit that a change is compared with, also in a shallow clone that may lack it."""

import re
from dataclasses import dataclass
from pathlib import Path

from groundspeed.validation.records.errors import Refused
from groundspeed.validation.records.git import git, history_is_cut

WHOLE = re.compile(r"[0-9a-f]{40}")
PART = re.compile(r"[0-9a-f]{4,39}|.*[~^@].*")  # what no server is asked for by that name


@dataclass(frozen=True)
class Base:
    """What was asked for, and the commit where the history of HEAD left it."""

    asked: str
    commit: str

    def __str__(self) -> str:
        return f"{self.asked} ({self.commit[:9]})"


def base_commit(asked: str, root: Path) -> Base:
    """The base of a branch, tag or commit: its last commit that HEAD has too, where the history
    goes back that far, so that what others did since counts as nobody's change here.

    Raises:
        Refused: git does not answer here.
        LookupError: there is no such commit; the message names the command that fetches it.
    """
    if (head := commit(root, "HEAD")) is None:
        why = git(root, "rev-parse", "HEAD").failed
        raise Refused(f"no commit to compare here ({why}); run it in a git repository with one")
    found = commit(root, asked) or commit(root, f"{remote(root)}/{asked}")
    if found is None or asked.startswith("-"):
        raise LookupError(f"git has no commit {asked!r} here; {how_to_get(asked, root)}")
    shared = git(root, "merge-base", found, head).text.strip()
    return Base(asked, shared or found)


def commit(root: Path, asked: str) -> str | None:
    """The full name of a commit; none where git has none."""
    found = git(root, "rev-parse", "--verify", "--quiet", f"{asked}^{{commit}}")
    return found.text.strip() or None


def remote(root: Path) -> str:
    """The remote that is asked for what is missing; "" where there is none."""
    known = git(root, "remote").text.split()
    return "origin" if "origin" in known else next(iter(known), "")


def how_to_get(asked: str, root: Path) -> str:
    """The command that fetches it, in the least depth where this clone is shallow."""
    source, cut = remote(root), history_is_cut(root)
    if not source:
        return "see: git branch --all; git tag"
    name, depth = asked.removeprefix(f"{source}/"), "--depth=1 " * cut
    if WHOLE.fullmatch(name):
        return f"run: git fetch {depth}{source} {name}"
    if PART.fullmatch(name):
        return f"run: git fetch {'--unshallow ' * cut}{source}"
    return f"run: git fetch {depth}{source} +{name}:refs/remotes/{source}/{name}"
