"""What git says of the working tree, where there is git and it answers.

Git is asked without the settings of a shell or a hook around us, so that every caller hears of the
same repository. That it does not answer is never taken for an answer: a tree of which nothing is
known is neither clean nor changed.
"""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

PATIENCE_S = 60.0


@dataclass(frozen=True)
class Answer:
    """What a command printed, or why it printed nothing."""

    text: str = ""
    failed: str = ""

    @property
    def paths(self) -> list[str]:
        """Entries of a command that was asked with -z."""
        return [path for path in self.text.split("\0") if path]


@dataclass(frozen=True)
class WorkingTree:
    """The commit that is checked out, and which files differ from it."""

    commit: str = ""
    changed: tuple[str, ...] = ()
    unknown: str = ""  # why git cannot tell; "" where it can

    @property
    def dirty(self) -> bool | None:
        """Whether any file differs; None where nobody knows."""
        return None if self.unknown else bool(self.changed)


def git(root: Path, *words: str | Path) -> Answer:
    """Ask git about the repository in which ``root`` lies."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    own |= {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    try:
        done = subprocess.run(
            ["git", "-C", root, *words], env=own, capture_output=True, timeout=PATIENCE_S
        )
    except FileNotFoundError:
        return Answer(failed="git is not installed")
    except (OSError, subprocess.SubprocessError) as error:
        return Answer(failed=f"git does not answer: {error}")
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        return Answer(failed=said[0] if said else f"git ended with {done.returncode}")
    return Answer(done.stdout.decode(errors="surrogateescape"))


def working_tree(root: Path) -> WorkingTree:
    """Commit and changed files below ``root``, as paths from there.

    New files count unless a `.gitignore` of the project names them: what somebody ignores in all
    of their own repositories can still be code.
    """
    commit = git(root, "rev-parse", "--verify", "HEAD")
    edited = git(root, "diff", "-z", "--name-only", "--relative", "--no-renames", "HEAD", "--", ".")
    new = git(root, "ls-files", "-z", "--others", "--exclude-per-directory=.gitignore", "--", ".")
    failed = commit.failed or edited.failed or new.failed
    if failed:
        return WorkingTree(unknown=failed)
    return WorkingTree(commit.text.strip(), tuple(sorted({*edited.paths, *new.paths})))


def history_is_cut(root: Path) -> bool:
    """Whether this is a shallow clone, which has the last commits only."""
    return git(root, "rev-parse", "--is-shallow-repository").text.strip() == "true"
