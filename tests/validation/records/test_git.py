"""What git is asked, and what its silence means."""

import subprocess

import pytest

from groundspeed.validation.records import git as asked
from groundspeed.validation.records.git import git, history_is_cut, working_tree

WHO = ("-c", "user.name=t", "-c", "user.email=t@example.org")


@pytest.fixture
def repository(tmp_path):
    """A repository whose project lies in a folder of it."""
    project = tmp_path / "repo" / "project with spaces"
    project.mkdir(parents=True)
    (project / "ünï.py").write_text("a = 1\n")
    (project / ".gitignore").write_text("built/\n")
    run(tmp_path / "repo", "init", "-q")
    run(tmp_path / "repo", "add", "-A")
    run(tmp_path / "repo", *WHO, "commit", "-qm", "x")
    return project


def run(folder, *words):
    subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True)


def test_a_clean_tree_is_clean_and_has_a_commit(repository):
    tree = working_tree(repository)
    assert (tree.dirty, tree.unknown, len(tree.commit)) == (False, "", 40)


def test_edited_and_new_files_are_named_from_the_project(repository):
    (repository / "ünï.py").write_text("a = 2\n")
    (repository / "new idea.py").write_text("b = 1\n")
    (repository / "built").mkdir()
    (repository / "built" / "x.py").write_text("c = 1\n")
    (repository.parent / "elsewhere.py").write_text("d = 1\n")
    assert working_tree(repository).changed == ("new idea.py", "ünï.py")


def test_what_a_user_ignores_everywhere_can_still_be_code(repository, tmp_path):
    (tmp_path / "ignore").write_text("tmp_*\n")
    run(repository, "config", "core.excludesFile", str(tmp_path / "ignore"))
    (repository / "tmp_idea.py").write_text("a = 1\n")
    assert working_tree(repository).changed == ("tmp_idea.py",)


def test_settings_of_a_hook_around_us_do_not_count(repository, monkeypatch, tmp_path):
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "nowhere"))
    assert working_tree(repository).dirty is False


@pytest.mark.parametrize("why", ["no git", "no repository", "no commit"])
def test_a_tree_of_which_git_does_not_tell_is_neither_clean_nor_dirty(why, tmp_path, monkeypatch):
    if why == "no git":
        monkeypatch.setenv("PATH", str(tmp_path))
    if why == "no commit":
        run(tmp_path, "init", "-q")
    tree = working_tree(tmp_path)
    assert tree.dirty is None
    assert tree.unknown
    assert (tree.unknown == "git is not installed") == (why == "no git")


def test_a_git_that_hangs_is_no_answer(tmp_path, monkeypatch):
    slow = tmp_path / "git"
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(asked, "PATIENCE_S", 0.2)
    assert "does not answer" in git(tmp_path, "status").failed


def test_a_shallow_clone_is_known_as_one(repository, tmp_path):
    run(repository.parent, *WHO, "commit", "-qm", "y", "--allow-empty")
    run(tmp_path, "clone", "-q", "--depth", "1", repository.parent.as_uri(), "cut")
    assert history_is_cut(tmp_path / "cut")
    assert not history_is_cut(repository)
