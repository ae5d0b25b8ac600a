"""Libraries that change the whole process as they are loaded."""

import ctypes
import shutil
import subprocess

import pytest
import torch

from groundspeed.validation.worker import global_state

# What a compiler links into a library for -Ofast: denormals count as zero from its start on.
SOURCE = """
#include <xmmintrin.h>
__attribute__((constructor)) static void fast(void) { _mm_setcsr(_mm_getcsr() | 0x8040); }
"""


def test_a_library_that_flushes_denormals_is_told(tmp_path):
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no compiler of C here: apt-get install gcc")
    library = tmp_path / "fast.so"
    (tmp_path / "fast.c").write_text(SOURCE)
    words = [compiler, "-shared", "-fPIC", "-o", str(library), str(tmp_path / "fast.c")]
    if subprocess.run(words, capture_output=True).returncode:
        pytest.skip("this processor has no such register")
    before = global_state.settings()
    try:
        ctypes.CDLL(str(library))
        assert global_state.changed(before) == ["denormals"]
    finally:
        torch.set_flush_denormal(False)
    assert global_state.changed(before) == []
