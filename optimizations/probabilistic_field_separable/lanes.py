"""Sixteen float32 numbers as one value in numba: + − ×, loads, stores, and all that is emitted.

numba leaves vectors to the compiler's loop vectorizer, which gives up on a butterfly: it cannot
see that the rows of an in-place transform do not overlap. Here the vector is said outright.
"""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable

from llvmlite import ir
from numba import njit, types
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, models, register_model

from . import emission
from .emission import VECTOR, Flat, Value

# of functions that native code alone calls: to compile a way in from Python takes as long again
inner = njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)


class Lanes(types.Type):
    """The numba type of such a vector."""

    def __init__(self):
        super().__init__(name="Lanes")


lanes = Lanes()


@register_model(Lanes)
class LanesModel(models.PrimitiveModel):
    """A vector is a vector to the code generator, too."""

    def __init__(self, manager, kind):
        super().__init__(manager, kind, VECTOR)


class Arithmetic(AbstractTemplate):
    """Two vectors give a vector."""

    def generic(self, args, keywords):
        if args == (lanes, lanes):
            return signature(lanes, lanes, lanes)
        return None


for symbol, method in ((operator.add, "fadd"), (operator.sub, "fsub"), (operator.mul, "fmul")):
    infer_global(symbol)(type(f"Arithmetic_{method}", (Arithmetic,), {"key": symbol}))

    @lower_builtin(symbol, Lanes, Lanes)
    def lower(context, builder, types_, values, method=method):
        return getattr(builder, method)(*values)


def emitted(body: Callable, gives: types.Type = types.void):
    """A function of arrays, vectors and places for native code to call: in the place of the call
    stand the instructions that the body emits."""

    def definition(typing_context, *given):
        kept = (types.Array, Lanes, types.Float)
        kinds = [kind if isinstance(kind, kept) else types.intp for kind in given]

        def generate(context, builder, signature_, codes):
            values = (known(context, builder, *x) for x in zip(kinds, codes, strict=True))
            found = body(*values)
            return context.get_dummy_value() if found is None else found.code

        return gives(*kinds), generate

    own = inspect.signature(body).parameters.values()
    names = ["typing_context", *(p.name for p in own if p.default is p.empty)]
    definition.__signature__ = inspect.Signature(
        [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in names]
    )
    return intrinsic(definition)


def known(context, builder: ir.IRBuilder, kind: types.Type, code: ir.Value) -> Flat | Value:
    """An argument as the body has it."""
    if isinstance(kind, types.Array):
        return Flat(builder, context.make_array(kind)(context, builder, code).data)
    return Value(builder, code)


load, spread = emitted(emission.load, lanes), emitted(emission.spread, lanes)
filled, within = emitted(emission.filled, lanes), emitted(emission.within, lanes)
store = emitted(emission.store)
fetch_to_read, fetch_to_write = emitted(emission.fetch_to_read), emitted(emission.fetch_to_write)
