"""Sixteen float32 numbers as one value in numba: + − ×, sums with products, loads and stores.

numba leaves vectors to the compiler's loop vectorizer, which gives up on a butterfly: it cannot
see that the rows of an in-place transform do not overlap. Here the vector is said outright;
the code generator splits it on machines with narrower registers.
"""

from __future__ import annotations

import operator

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, models, register_model

WIDTH = 16
NEAREST, DATA = 3, 1  # of caches, in a request for a line
VECTOR = ir.VectorType(ir.FloatType(), WIDTH)


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


def accumulating(sign: int):
    """An intrinsic: a ± b·c, rounded once where the machine can."""

    def accumulate(typing_context, a, b, c):
        def generate(context, builder, signature_, values):
            a, b, c = values
            kind = ir.FunctionType(VECTOR, [VECTOR] * 3)
            name = f"llvm.fmuladd.v{WIDTH}f32"
            call = cgutils.get_or_insert_function(builder.module, kind, name)
            return builder.call(call, [b if sign > 0 else builder.fneg(b), c, a])

        return lanes(lanes, lanes, lanes), generate

    return intrinsic(accumulate)


plus, minus = accumulating(1), accumulating(-1)


def place(context, builder, kind, array, at):
    """Pointer to the vector that starts at an element of a contiguous array."""
    data = context.make_array(kind)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [at]), VECTOR.as_pointer())


@intrinsic
def load(typing_context, array, at):
    """The vector at elements at … at + 15 of a flat float32 array."""

    def generate(context, builder, signature_, values):
        pointer = place(context, builder, signature_.args[0], *values)
        return builder.load(pointer, align=4)

    return lanes(array, types.intp), generate


@intrinsic
def store(typing_context, array, at, value):
    """Write the vector to elements at … at + 15 of a flat float32 array."""

    def generate(context, builder, signature_, values):
        pointer = place(context, builder, signature_.args[0], *values[:2])
        builder.store(values[2], pointer, align=4)
        return context.get_dummy_value()

    return types.void(array, types.intp, lanes), generate


def fetching(to_write: bool):
    """An intrinsic: ask for the cache line of an element, which need not exist."""

    def fetch(typing_context, array, at):
        def generate(context, builder, signature_, values):
            pointer = place(context, builder, signature_.args[0], *values)
            pointer = builder.bitcast(pointer, cgutils.voidptr_t)
            whole = cgutils.int32_t
            kind = ir.FunctionType(ir.VoidType(), [pointer.type, whole, whole, whole])
            ask = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8")
            builder.call(ask, [pointer, whole(int(to_write)), whole(NEAREST), whole(DATA)])
            return context.get_dummy_value()

        return types.void(array, types.intp), generate

    return intrinsic(fetch)


fetch_to_read, fetch_to_write = fetching(False), fetching(True)


@intrinsic
def within(typing_context, value, bound):
    """The vector, no larger than the bound on either side; what is no number is 0."""

    def generate(context, builder, signature_, values):
        value, bound = values
        for sign, beyond in ((bound, ">"), (builder.fneg(bound), "<")):
            value = builder.select(builder.fcmp_ordered(beyond, value, sign), sign, value)
        number = builder.fcmp_ordered("ord", value, value)
        return builder.select(number, value, ir.Constant(VECTOR, [0.0] * WIDTH))

    return lanes(lanes, lanes), generate


def repeated(builder, number):
    """Sixteen times a number."""
    nothing = ir.Constant(VECTOR, ir.Undefined)
    first = builder.insert_element(nothing, number, cgutils.int32_t(0))
    return builder.shuffle_vector(first, nothing, picked([0] * WIDTH))


@intrinsic
def spread(typing_context, array, at):
    """The vector of sixteen times the element ``at`` of a flat float32 array."""

    def generate(context, builder, signature_, values):
        array, at = values
        data = context.make_array(signature_.args[0])(context, builder, array).data
        return repeated(builder, builder.load(builder.gep(data, [at])))

    return lanes(array, types.intp), generate


@intrinsic
def filled(typing_context, number):
    """The vector of sixteen times a float32 number."""

    def generate(context, builder, signature_, values):
        return repeated(builder, *values)

    return lanes(types.float32), generate


def picked(order: list[int]) -> ir.Constant:
    """The mask of a shuffle."""
    return ir.Constant(ir.VectorType(cgutils.int32_t, WIDTH), order)


def interleaving(first: int):
    """An intrinsic: elements of two vectors in turn, from that place of both on."""
    order = [first + i // 2 + (i % 2) * WIDTH for i in range(WIDTH)]

    def interleave(typing_context, one, other):
        def generate(context, builder, signature_, values):
            return builder.shuffle_vector(*values, picked(order))

        return lanes(lanes, lanes), generate

    return intrinsic(interleave)


lower_halves, upper_halves = interleaving(0), interleaving(WIDTH // 2)
