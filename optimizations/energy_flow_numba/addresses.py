"""Tensors handed to native loops by their addresses.

Where a thousand flows are collected in little time, making an array object of each field and
taking it apart again costs more than the loop. Whoever passes an address keeps its tensor alive.
"""

from __future__ import annotations

from ctypes import c_void_p

from numba import config, types
from numba.core import cgutils
from numba.extending import intrinsic
from torch import Tensor


def address(field: Tensor) -> int:
    """Where the field starts.

    Raises:
        ValueError: a field that does not lie in one piece.
    """
    if not field.is_contiguous():
        raise ValueError(
            f"a field of strides {field.stride()}; allowed: contiguous, see Tensor.contiguous"
        )
    return field.data_ptr()


@intrinsic
def pointer(typing_context, number):
    """The address as a pointer."""

    def generate(context, builder, signature, values):
        return builder.inttoptr(values[0], cgutils.voidptr_t)

    return types.voidptr(types.int64), generate


if config.DISABLE_JIT:  # numba's own switch: loops run as Python, where no intrinsic can be called
    pointer = c_void_p
