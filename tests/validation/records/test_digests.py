"""A verdict rests on every leaf that its code imports, however the import is written."""

import pytest
import torch

from groundspeed.validation.records import digests


@pytest.mark.parametrize(
    "line",
    [
        "from baselines.wave import engine",
        "import baselines.wave",
        "    from baselines.wave.scheme import step",
        "from baselines import wave",
        "from baselines import other, wave as w",
        "from baselines import (\n    other,\n    wave,\n)",
    ],
)
def test_an_imported_leaf_is_found(tmp_path, line):
    (tmp_path / "baselines" / "wave").mkdir(parents=True)
    file = tmp_path / "x.py"
    file.write_text(f"import torch\n{line}\n")
    assert digests.imported_leaves(file, tmp_path) == {tmp_path / "baselines" / "wave"}


def test_siblings_of_siblings_count(tmp_path):
    for name, text in {
        "a": "from optimizations.b import x\n",
        "b": "import optimizations.c\n",
    }.items():
        folder = tmp_path / "optimizations" / name
        folder.mkdir(parents=True)
        (folder / "implementation.py").write_text(text)
    (tmp_path / "optimizations" / "c").mkdir()
    (tmp_path / "optimizations" / "c" / "implementation.py").write_text("")
    found = digests.sources(tmp_path / "optimizations" / "a", tmp_path)
    assert [p.parent.name for p in found] == ["a", "b", "c"]


def test_what_a_foreign_program_imports_is_no_leaf_of_ours(tmp_path):
    (tmp_path / "baselines" / "wave").mkdir(parents=True)
    copies = tmp_path / "baselines" / "made_v1" / digests.FOREIGN
    copies.mkdir(parents=True)
    (copies / "program.py").write_text("from baselines import wave\n")
    (tmp_path / "baselines" / "wave" / "__init__.py").write_text("")
    found = digests.sources(tmp_path / "baselines" / "made_v1", tmp_path)
    assert [p.name for p in found] == ["program.py"]


def test_a_lazy_conjugate_has_the_bits_of_what_it_shows():
    plain = torch.complex(torch.arange(4.0), torch.arange(1.0, 5.0))
    for lazy in (plain.conj(), plain.imag._neg_view(), plain.conj().imag):
        assert lazy.is_conj() or lazy.is_neg()
        shown = lazy.resolve_conj().resolve_neg().clone()
        assert torch.equal(digests.bits(lazy), digests.bits(shown))
        assert digests.same_bits([lazy], [shown])
