"""Right functions that stand in for those of a program are verified, whatever they are made of."""

import pytest

PROGRAM = """
import numpy as np

def pull(x, m):
    d = x[None, :] - x[:, None]
    w = (d**2 + 0.01) ** -1.5
    return (d * w) @ m

def warm(u, nu):
    u += nu * (np.roll(u, 1) + np.roll(u, -1) - 2 * u)

rng = np.random.default_rng(1)
x, m, v, u = rng.random(100), np.full(100, 0.3), np.zeros(100), np.sin(np.arange(64.0))
for _ in range(8):
    v = v + 0.001 * pull(x, m)
    x = x + 0.001 * v
    warm(u, 0.1)
"""
ANOTHER_ORDER = """
def faster(x, m):
    d = x[None, :] - x[:, None]
    r2 = d**2 + 0.01
    return np.einsum("ij,ij,j->i", d, 1 / (r2 * np.sqrt(r2)), m)
"""
COMPILED = """
import numba

@numba.njit
def inner(u, nu, out):
    n = u.size
    for i in range(n):
        out[i] = u[i] + nu * (u[i - 1] + u[(i + 1) % n] - 2 * u[i])

def faster(u, nu):
    out = np.empty_like(u)
    inner(u, nu, out)
    u[:] = out
"""
# what stands in: for which function, its text, and the level that is claimed
STAND_INS = {
    "another order of a sum": ("pull", ANOTHER_ORDER, "rounding"),
    "functions compiled by numba": ("warm", COMPILED, "exact"),
}


@pytest.mark.exhaustive
@pytest.mark.parametrize("what", list(STAND_INS))
def test_a_step_that_computes_the_same_otherwise_is_verified(repository, warm, tmp_path, what):
    pytest.importorskip("numba")
    function, text, level = STAND_INS[what]
    step, baseline, idea = f"pairs:{function}", f"{function}_v1", f"{function}_idea"
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "pairs.py").write_text(PROGRAM)

    def groundspeed(*words: str) -> str:
        done = warm.run(repository, tmp_path, list(words))
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    path = str(tmp_path / "project" / "pairs.py")
    groundspeed("create", path, "--step", step, "--name", baseline)
    groundspeed("new", idea, "--baseline", baseline)
    folder = repository / "optimizations" / idea
    (folder / "implementation.py").write_text(
        '"""A candidate.\n\nOf a test.\n"""\n\nimport numpy as np\n\n'
        f"from baselines.{baseline} import engine as baseline\n"
        f"from baselines.foreign import substitute\n{text}\n"
        f'engine = substitute(baseline, {{"{step}": faster}})\n'
    )
    claim = folder / "validation.py"
    claim.write_text(claim.read_text().replace('"exact"', f'"{level}"', 1))
    assert f"VERIFIED {level}" in " ".join(groundspeed("validate", idea).split())
