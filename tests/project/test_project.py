"""Where a project is found, what its settings may say, and whose modules short names are."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from groundspeed import project

HARNESS = str(project.HARNESS)


@pytest.fixture
def own(tmp_path) -> Path:
    """A repository with a project in a folder of its own."""
    (tmp_path / ".git").mkdir()
    folder = tmp_path / "performance"
    (folder / "baselines").mkdir(parents=True)
    (folder / "optimizations").mkdir()
    (folder / "groundspeed.toml").write_text('code = ".."\npaths = ["../src", ".."]\n')
    return folder


def asked(folder: Path, code: str, **variables: str) -> str:
    """What a program prints in that folder, or the last line of its complaint."""
    env = {k: v for k, v in os.environ.items() if k != project.VARIABLE}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=env | {"PYTHONPATH": HARNESS} | variables,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip() or done.stderr.strip().splitlines()[-1]


ROOT = "from groundspeed import project; print(project.FOUND)"


def test_a_project_is_found_from_inside_beside_and_by_name(own, tmp_path):
    (own / "optimizations" / "deep").mkdir()
    (tmp_path / "src" / "mysim").mkdir(parents=True)
    for folder in (own, own / "optimizations" / "deep", tmp_path, tmp_path / "src" / "mysim"):
        assert asked(folder, ROOT) == str(own), folder
    assert asked(Path("/"), ROOT, **{project.VARIABLE: str(own)}) == str(own)


def test_what_lies_above_the_repository_is_somebody_elses(own, tmp_path):
    inner = tmp_path / "other"
    (inner / ".git").mkdir(parents=True)
    (tmp_path / "performance").rename(tmp_path / "theirs")
    assert asked(inner, ROOT) == HARNESS  # no project of its own: this checkout


def test_two_projects_in_a_repository_are_told_apart(own, tmp_path):
    (tmp_path / "second").mkdir()
    (tmp_path / "second" / "groundspeed.toml").touch()
    words = asked(tmp_path, ROOT)
    assert "has 2 projects: performance, second; say which: groundspeed --root" in words
    assert asked(own, ROOT) == str(own)


def test_the_checkout_itself_is_a_project():
    assert asked(project.HARNESS / "tools", ROOT) == HARNESS


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("code = 1", "paths is a list of folders, all else is text"),
        ('paths = "src"', "paths is a list of folders"),
        ('root = ".."', "has 'root'; allowed: code, machine, paths, tier"),
        ('tier = "all"', "has tier 'all'; allowed: everyday, full"),
        ("code = ", "is no TOML"),
    ],
)
def test_settings_that_mean_nothing_are_refused(own, text, words):
    (own / "groundspeed.toml").write_text(text)
    assert words in asked(own, ROOT)


def test_places_and_prefix_are_relative_to_the_project(own, tmp_path):
    code = (
        "from groundspeed import project as p; from pathlib import Path; "
        f"print(p.place_of(Path({str(tmp_path)!r}) / 'src/a.py'), p.prefix(), p.CODE)"
    )
    assert asked(own, code) == f"../src/a.py performance {tmp_path}"


SAME = """
import baselines.lattice_field_v1 as engine, validation.claims as short
import groundspeed.baselines.engine as contract, groundspeed.validation.claims as long
from groundspeed import Agreement, Engine
print(isinstance(engine.engine, contract.Engine), short is long, Agreement is short.Agreement)
"""


def test_short_names_are_the_same_modules():
    assert asked(project.HARNESS, SAME) == "True True True"


def test_tools_and_validation_of_a_project_are_its_own(own, tmp_path):
    """The harness is there under its long name beside them."""
    for name in ("tools", "validation"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(f"whose = 'mine: {name}'\n")
    code = (
        "import sys; from groundspeed.validation.records import leaf_imports; "
        f"sys.path.remove({HARNESS!r}); leaf_imports.install(); import tools, validation; "
        "import groundspeed.tools.console; print(tools.whose, validation.whose)"
    )
    assert asked(own, code) == "mine: tools mine: validation"


def test_public_names_are_there_and_no_others():
    import groundspeed

    assert all(getattr(groundspeed, name) for name in groundspeed.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Engines'"):
        _ = groundspeed.Engines


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--root", "{own}", "list"], "project {own}"),
        (["--root={own}", "list"], "project {own}"),
        (["--root", "/nowhere", "list"], "--root is '/nowhere'; allowed: a folder"),
        (["--version", "--root", "{own}"], "--root comes before all else"),
        (["--root", "/", "list"], "no project in /"),
    ],
)
def test_the_command_line_says_which_project_it_works_on(own, words, said):
    words = [word.format(own=own) for word in words]
    env = {k: v for k, v in os.environ.items() if k != project.VARIABLE}
    done = subprocess.run(
        [sys.executable, "-m", "groundspeed", *words],
        cwd="/",
        env=env | {"PYTHONPATH": HARNESS},
        capture_output=True,
        text=True,
    )
    assert said.format(own=own) in done.stderr
