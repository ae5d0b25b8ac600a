"""Git history of any letters: tags, messages and paths, in a worktree of a repository."""

import json
import subprocess
from pathlib import Path

import pytest

from groundspeed.tools.asv_support import site
from groundspeed.tools.gate.base_commit import base_commit
from groundspeed.tools.gate.changes import changes
from groundspeed.validation.records.git import working_tree

ROOT = Path(__file__).resolve().parents[3]
TAGS = ("früh/1.0", "rel'1.0\"")
MESSAGE = b'subject </script><b>"\\ \xff\xfe\n'


@pytest.fixture
def worktree(tmp_path) -> Path:
    """A second working tree, one commit after the tags; asv has no result yet."""
    root, tree = tmp_path / "repository", tmp_path / "my tree ü"
    root.mkdir()
    (root / "asv.conf.json").write_bytes((ROOT / "asv.conf.json").read_bytes())
    (tmp_path / "message").write_bytes(MESSAGE)

    def git(*words: str) -> None:
        who = ("-c", "user.name=näme", "-c", "user.email=t@example.org", "-c", "gc.auto=0")
        subprocess.run(["git", *who, *words], cwd=root, check=True, capture_output=True)

    git("init", "-q", "-b", "main")
    git("add", "-A")
    git("commit", "-q", "-m", "first")
    for tag in TAGS:
        git("tag", "-a", "-m", 'with "quotes" & <b>', tag)
    git("commit", "-q", "--allow-empty", "-F", str(tmp_path / "message"))
    git("worktree", "add", "-q", str(tree), "HEAD")
    return tree


@pytest.mark.parametrize("tag", TAGS)
def test_a_tag_of_any_letters_is_a_base_in_a_worktree(worktree, tag):
    (worktree / "optimizations").mkdir()
    (worktree / "optimizations" / "größer 'x'.py").write_text("a = 1\n")
    found = changes(base_commit(tag, worktree), worktree)
    assert found.base.asked == tag
    assert found.paths == ("optimizations/größer 'x'.py",)
    tree = working_tree(worktree)
    assert (tree.unknown, tree.changed) == ("", found.paths)
    with pytest.raises(LookupError, match="git has no commit 'spät/1.0'"):
        base_commit("spät/1.0", worktree)


def test_a_history_of_any_letters_is_published_from_a_worktree(worktree, monkeypatch):
    monkeypatch.setenv("HOME", str(worktree.parent))
    (worktree / "reports/asv/results").mkdir(parents=True)
    (worktree / "reports/asv/results/benchmarks.json").write_text('{"version": 2}')
    html = site.publish(worktree)
    assert (html / "index.html").exists()
    assert set(json.loads((html / "index.json").read_text())["tags"]) == set(TAGS)
