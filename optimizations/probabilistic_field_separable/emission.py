"""Code written out vector by vector: what a Python function says of values becomes instructions.

numba types, optimizes and keeps each function that it compiles, and does so again for what it
links into each caller; a butterfly of forty small functions takes it seconds. Python runs them
here, while the code of the one that calls is generated, and only what they emitted is compiled.
A vector is sixteen float32 numbers; the code generator splits it where registers are narrower.
"""

from __future__ import annotations

from llvmlite import ir
from numba.core import cgutils

WIDTH = 16
VECTOR = ir.VectorType(ir.FloatType(), WIDTH)
PLACE, WORD = ir.IntType(64), ir.IntType(32)
NEAREST, DATA = 3, 1  # of caches, in a request for a line


class Value:
    """A vector or a place of the code to be: operators emit an instruction."""

    def __init__(self, builder: ir.IRBuilder, code: ir.Value):
        self.builder, self.code = builder, code

    def __add__(self, other):
        return self.by("add", other)

    def __sub__(self, other):
        return self.by("sub", other)

    def __mul__(self, other):
        return self.by("mul", other)

    def by(self, operation: str, other: Value | int) -> Value:
        """Of two values, or of a place and a number that is known."""
        emit = getattr(self.builder, operation if self.code.type == PLACE else f"f{operation}")
        return Value(self.builder, emit(self.code, coded(other)))


def coded(value: Value | int) -> ir.Value:
    """What stands for it in the code."""
    return value.code if isinstance(value, Value) else PLACE(value)


class Flat:
    """A flat float32 array of the code to be."""

    def __init__(self, builder: ir.IRBuilder, data: ir.Value):
        self.builder, self.data = builder, data

    def at(self, place: Value | int) -> ir.Value:
        return self.builder.gep(self.data, [coded(place)])

    def vector_at(self, place: Value | int) -> ir.Value:
        return self.builder.bitcast(self.at(place), VECTOR.as_pointer())


def load(array: Flat, place: Value | int) -> Value:
    """The vector at elements place … place + 15."""
    return Value(array.builder, array.builder.load(array.vector_at(place), align=4))


def store(array: Flat, place: Value | int, value: Value) -> None:
    """Writes it there."""
    array.builder.store(value.code, array.vector_at(place), align=4)


def spread(array: Flat, place: Value | int) -> Value:
    """The vector of sixteen times that element."""
    return filled(Value(array.builder, array.builder.load(array.at(place))))


def filled(number: Value) -> Value:
    """The vector of sixteen times a float32 number."""
    emit, nothing = number.builder, ir.Constant(VECTOR, ir.Undefined)
    first = emit.insert_element(nothing, number.code, WORD(0))
    return Value(emit, emit.shuffle_vector(first, nothing, picked([0] * WIDTH)))


def plus(a: Value, b: Value, c: Value) -> Value:
    """a + b·c, rounded once where the machine can."""
    call = named(a.builder, f"llvm.fmuladd.v{WIDTH}f32", VECTOR, [VECTOR] * 3)
    return Value(a.builder, a.builder.call(call, [b.code, c.code, a.code]))


def minus(a: Value, b: Value, c: Value) -> Value:
    """a − b·c, likewise."""
    return plus(a, Value(b.builder, b.builder.fneg(b.code)), c)


def within(value: Value, bound: Value) -> Value:
    """The vector, no larger than the bound on either side; what is no number is 0."""
    emit, kept = value.builder, value.code
    for sign, beyond in ((bound.code, ">"), (emit.fneg(bound.code), "<")):
        kept = emit.select(emit.fcmp_ordered(beyond, kept, sign), sign, kept)
    number = emit.fcmp_ordered("ord", kept, kept)
    return Value(emit, emit.select(number, kept, ir.Constant(VECTOR, [0.0] * WIDTH)))


def interleaved(one: Value, other: Value, first: int) -> Value:
    """Elements of two vectors in turn, from that place of both on."""
    order = picked([first + i // 2 + (i % 2) * WIDTH for i in range(WIDTH)])
    return Value(one.builder, one.builder.shuffle_vector(one.code, other.code, order))


def fetch_to_read(array: Flat, place: Value | int, writing: bool = False) -> None:
    """Ask for the cache line of an element, which need not exist."""
    emit = array.builder
    pointer = emit.bitcast(array.at(place), cgutils.voidptr_t)
    ask = named(emit, "llvm.prefetch.p0i8", ir.VoidType(), [pointer.type, WORD, WORD, WORD])
    emit.call(ask, [pointer, WORD(int(writing)), WORD(NEAREST), WORD(DATA)])


def fetch_to_write(array: Flat, place: Value | int) -> None:
    """Ask for it because it will be written."""
    fetch_to_read(array, place, writing=True)


def named(builder: ir.IRBuilder, name: str, gives: ir.Type, takes: list[ir.Type]) -> ir.Function:
    """A function that the code generator knows."""
    return cgutils.get_or_insert_function(builder.module, ir.FunctionType(gives, takes), name)


def picked(order: list[int]) -> ir.Constant:
    """The mask of a shuffle."""
    return ir.Constant(ir.VectorType(WORD, WIDTH), order)
