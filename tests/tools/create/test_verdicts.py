"""From a program to a verdict: what is wrong is refused, and what was tried is said."""

import shutil
from pathlib import Path

import pytest

pytestmark = pytest.mark.xdist_group("create and judge")  # its baseline is made once
ROOT = Path(__file__).resolve().parents[3]
CORE = """
import numpy as np

def lap(u):
    return np.roll(u, 1, 0) + np.roll(u, -1, 0) + np.roll(u, 1, 1) + np.roll(u, -1, 1) - 4 * u

def never(u):
    return u

def step(u, kick):
    return u + 0.1 * lap(u) + kick
"""
BLOB = """
import sys
import numpy as np
from core import step

n = int(sys.argv[1])
x = np.arange(float(n)) - n / 2
u = np.where(x[:, None] ** 2 + x[None, :] ** 2 < 9.0, 1.0, 0.0)
for k in range(12):
    u = step(u, 0.001 * k)
"""
EDGE = """
    up = np.roll(u, 1, 0)
    up[0] = u[0]
    return up + np.roll(u, -1, 0) + np.roll(u, 1, 1) + np.roll(u, -1, 1) - 4 * u
"""
RIGHT = """
    return np.roll(u, 1, 0) + np.roll(u, -1, 0) + np.roll(u, 1, 1) + np.roll(u, -1, 1) - 4 * u
"""
OVER = """

def stepper(case):
    def step(state):
        u = state.u
        lap = np.roll(u, 1, 0) + np.roll(u, -1, 0) + np.roll(u, 1, 1) + np.roll(u, -1, 1) - 4 * u
        return state._replace(u=u + 0.1 * lap + state.kick, calls=state.calls + 1)

    return step


engine = over_state(baseline, stepper)
"""
# of a function: its body, and what the verdict must say
CANDIDATES = {
    "right": ("core:lap", RIGHT, "VERIFIED", "core:lap in place, called"),
    "wrong at an edge that the run does not come to": ("core:lap", EDGE, "REJECTED", "seed 1"),
    "never called": ("core:never", "\n    return u\n", "REJECTED", "never called in a step"),
    "no such function": ("core:laplace", RIGHT, "REJECTED", "nothing in the program answers to"),
}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    root = tmp_path_factory.mktemp("blob")
    (root / "pytest.ini").touch()
    (root / "core.py").write_text(CORE)
    (root / "blob.py").write_text(BLOB)
    return root


@pytest.fixture(scope="module")
def made(tmp_path_factory, project, warm):
    """A harness with one baseline of a program whose state is large, and of a small run of it."""
    root = tmp_path_factory.mktemp("house")
    skip = shutil.ignore_patterns("__pycache__")
    for package in ("tools", "validation"):
        shutil.copytree(ROOT / package, root / package, ignore=skip)
    for package in ("baselines", "optimizations"):
        (root / package).mkdir()
        for file in (ROOT / package).glob("*.py"):
            shutil.copy(file, root / package)
    shutil.copytree(ROOT / "baselines/foreign", root / "baselines/foreign", ignore=skip)
    words = ["create", str(project / "blob.py"), "--step", "core:step", "--case", "large", "--",
             "100", "--case", "small", "--", "60"]  # fmt: skip
    assert ended(warm, root, *words)[0] == 0
    return root


@pytest.fixture
def said(made, warm):
    """Exit code and words of `groundspeed WORDS` there."""
    return lambda *words: ended(warm, made, *words)


def ended(warm, root: Path, *words: str) -> tuple[int, str]:
    folder = root.with_name(f"{root.name}-said")
    folder.mkdir(exist_ok=True)
    done = warm.run(root, folder, list(words))
    return done.returncode, " ".join((done.stdout + done.stderr).split())


@pytest.mark.parametrize("what", list(CANDIDATES))
def test_a_verdict_rests_on_functions_that_ran_and_on_other_starts(made, said, what):
    name, body, status, words = CANDIDATES[what]
    folder = made / "optimizations" / "idea"
    shutil.rmtree(folder, ignore_errors=True)
    said("new", "idea", "--baseline", "blob_v1")
    (folder / "implementation.py").write_text(
        '"""A candidate.\n\nOf a test.\n"""\n\nimport numpy as np\n\n'
        "from baselines.blob_v1 import engine as baseline\n"
        f"from baselines.foreign import substitute\n\n\ndef faster(u):{body}\n\n"
        f'engine = substitute(baseline, {{"{name}": faster}})\n'
    )
    code, text = said("validate", "idea")
    assert f" {status} " in text, text
    assert words in text
    assert code == (status != "VERIFIED")


def test_a_step_from_state_to_state_is_given_what_the_caller_sets(made, said):
    folder = made / "optimizations" / "over"
    said("new", "over", "--baseline", "blob_v1")
    body = OVER.replace("np.roll", "torch.roll")
    (folder / "implementation.py").write_text(
        '"""A candidate.\n\nOf a test.\n"""\n\nimport torch\n\n'
        "from baselines.blob_v1 import engine as baseline\n"
        f"from baselines.foreign import over_state\n{body}"
    )
    code, text = said("validate", "over")
    assert code == 0, text
    assert " VERIFIED exact" in text


def test_a_run_of_which_only_inputs_are_left_is_refused(said, project):
    program = project / "inputs.py"
    program.write_text(
        "import numpy as np\nnu = np.array([0.1, 0.2])\n\ndef main():\n    u = np.ones(4)\n"
        "    return float((u * nu[0]).sum())\n\nmain()\n"
    )
    code, text = said("create", str(program))
    assert code == 1
    assert "all that would be compared (nu) are only inputs or constants" in text
    assert "[E-INPUTS]" in text


def test_a_test_that_asserts_bits_is_frozen_and_its_claims_are_limited(said, project):
    program = project / "test_bits.py"
    program.write_text(
        "import torch\n\ndef test_bits():\n    u = torch.rand(64)\n    v = u * 0.5 + u * 0.25\n"
        "    assert torch.equal(v, u * 0.5 + u * 0.25)\n"
    )
    code, text = said("create", str(program))
    assert code == 0, text
    assert "it stops under random rounding: claim exact or approximate" in text
    assert "one run was compared" in text
