"""A project of one's own: what is written, and that nothing is written over."""

import json
import subprocess
import tomllib
from pathlib import Path

import pytest

from groundspeed.tools.cli import init


@pytest.fixture
def simulation(tmp_path) -> Path:
    """Somebody's project under git, with its modules in src/ and at the top."""
    folder = tmp_path / "sim"
    (folder / "src" / "mysim").mkdir(parents=True)
    (folder / "pyproject.toml").write_text(
        '[project]\nname = "mysim"\n[tool.pytest.ini_options]\npythonpath = ["src", "lib"]\n'
    )
    subprocess.run(["git", "init", "-q", "-b", "trunk", folder], check=True)
    return folder


def settings(folder: Path) -> dict:
    return tomllib.loads((folder / "groundspeed.toml").read_text())


def test_a_project_is_made_in_a_sub_folder(simulation, capsys):
    assert init.run(simulation / "performance") == 0
    made = settings(simulation / "performance")
    assert (made["code"], made["paths"]) == ("..", ["../src", "../lib", ".."])
    assert '"repo": ".."' in (simulation / "performance" / "asv.conf.json").read_text()
    workflow = (simulation / ".github/workflows/performance.yml").read_text()
    assert "working-directory: performance" in workflow
    assert "branches: [trunk]" in workflow
    assert 'groundspeed gate --base "${{ github.event' in workflow
    said = capsys.readouterr().out
    assert "KEPT" not in said
    assert "next: groundspeed create" not in said.splitlines()[0]
    assert "groundspeed create" in said.splitlines()[-1]


def test_a_project_may_be_the_repository_itself(simulation):
    init.run(simulation)
    assert (settings(simulation)["code"], settings(simulation)["paths"]) == (".", ["src", "lib"])
    assert '"repo": "."' in (simulation / "asv.conf.json").read_text()


def test_nothing_that_is_there_is_written_over(simulation, capsys):
    init.run(simulation)
    files = [p for p in simulation.rglob("*") if p.is_file() and ".git/" not in str(p)]
    for path in files:
        path.write_text("mine")
    (simulation / "groundspeed.toml").unlink()
    capsys.readouterr()
    init.run(simulation, as_json=True)
    said = json.loads(capsys.readouterr().out)["files"]
    assert [name for name, state in said.items() if state == "WRITTEN"] == [
        name for name in said if name.endswith("groundspeed.toml")
    ]
    assert all(path.read_text() == "mine" for path in files if path.name != "groundspeed.toml")


def test_without_git_it_says_that_no_commit_will_be_named(tmp_path, capsys):
    init.run(tmp_path / "new" / "deep")
    assert "timings will name no commit" in capsys.readouterr().out
    assert not (tmp_path / "new" / "deep" / ".github").exists()


def test_a_file_in_the_way_is_named(tmp_path):
    (tmp_path / "a").write_text("")
    with pytest.raises(ValueError, match="a is a file; allowed: a folder"):
        init.run(tmp_path / "a" / "b")
    assert (tmp_path / "a").read_text() == ""
