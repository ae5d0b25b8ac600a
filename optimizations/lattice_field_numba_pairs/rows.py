"""Two planes of the leapfrog step at once over rows as they are, one vector after another.

The first and the last vector of a row are apart: the neighbour beyond the end comes into its lane
from the far end of the row, so no row has to carry copies. Each vector asks for what comes new:
the plane below, the later of the two and what is overwritten.
"""

from typing import NamedTuple

from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from optimizations.probabilistic_field_separable.emission import (
    WORD,
    Flat,
    Value,
    fetch_to_read,
    fetch_to_write,
)

VECTOR_BYTES = 64  # the code generator splits it where registers are narrower
TILE_BYTES = 128 * 1024  # of one plane: six planes of E and two of E_prev stay in a megabyte
AHEAD_BYTES = 1024  # of what is asked for


class Vectors(NamedTuple):
    """Vectors of one type of number in a flat array: loads, stores, lanes."""

    array: Flat
    kind: ir.VectorType

    def pointer(self, place: Value) -> ir.Value:
        return self.array.builder.bitcast(self.array.at(place), self.kind.as_pointer())

    def load(self, place: Value) -> Value:
        emit, size = self.array.builder, VECTOR_BYTES // self.kind.count
        return Value(emit, emit.load(self.pointer(place), align=size))

    def store(self, place: Value, value: Value) -> None:
        size = VECTOR_BYTES // self.kind.count
        self.array.builder.store(value.code, self.pointer(place), align=size)

    def put(self, place: Value, vector: Value, lane: int) -> Value:
        """The vector with that element of the array in a lane."""
        emit = self.array.builder
        number = emit.load(self.array.at(place))
        return Value(emit, emit.insert_element(vector.code, number, WORD(lane)))

    def filled(self, number: ir.Value) -> Value:
        """The vector of that number alone."""
        emit, nothing = self.array.builder, ir.Constant(self.kind, ir.Undefined)
        first = emit.insert_element(nothing, number, WORD(0))
        lanes = ir.Constant(ir.VectorType(WORD, self.kind.count), [0] * self.kind.count)
        return Value(emit, emit.shuffle_vector(first, nothing, lanes))

    def moved(self, vector: Value, by: int) -> Value:
        """Lane i of the result is lane i + by of the vector; what is beyond is undefined."""
        emit, count = self.array.builder, self.kind.count
        order = [min(max(i + by, 0), count - 1) for i in range(count)]
        lanes = ir.Constant(ir.VectorType(WORD, count), order)
        return Value(emit, emit.shuffle_vector(vector.code, vector.code, lanes))


class Places(NamedTuple):
    """Of one vector of a pair of planes, in flat E and E_prev."""

    above: Value
    e: Value
    f: Value
    below: Value
    up: Value  # from a row to the one above
    down: Value
    far: Value  # from this vector's place to what wraps round: the row's last or first cell


class Factors(NamedTuple):
    """Of the arithmetic of a cell; no inertia where χ = 0."""

    centre: Value
    scale: Value
    now: Value
    inertia: Value | None


def sides(E: Vectors, at: Value, far: Value, first: bool, last: bool) -> tuple[Value, Value]:
    """The neighbours before and after the vector there."""
    here = E.load(at)
    before = E.put(at + far, E.moved(here, -1), 0) if first else E.load(at - 1)
    after = E.put(at + far, E.moved(here, 1), E.kind.count - 1) if last else E.load(at + 1)
    return before, after


def stepped(around: Value, e: Value, p: Value, k: Factors) -> Value:
    """E⁺ from the sum over the neighbours, as frozen."""
    around = around + k.centre * e
    if k.inertia is not None:
        around = around - k.inertia * e
    return (k.now * e - p) + k.scale * around


def both(E: Vectors, P: Vectors, at: Places, k: Factors, first: bool, last: bool) -> None:
    """One vector of both planes of a pair."""
    ahead = AHEAD_BYTES * E.kind.count // VECTOR_BYTES
    fetch_to_read(E.array, at.below + ahead)
    fetch_to_read(E.array, at.f + at.down + ahead)
    fetch_to_write(P.array, at.e + ahead)
    fetch_to_write(P.array, at.f + ahead)
    e, f = E.load(at.e), E.load(at.f)
    found = []
    for own, place, over, under in ((e, at.e, E.load(at.above), f), (f, at.f, e, E.load(at.below))):
        before, after = sides(E, place, at.far, first, last)
        around = (over + under) + E.load(place + at.up) + E.load(place + at.down) + before + after
        found.append((place, stepped(around, own, P.load(place), k)))
    for place, value in found:
        P.store(place, value)


def of_a_row(first: bool = False, last: bool = False):
    """``both`` for native code to call, on flat arrays of E and E_prev."""

    def definition(
        typing_context, E, P, above, e, f, below, up, down, far, centre, scale, now, inertia
    ):
        def generate(context, builder, signature, codes):
            kind = context.get_value_type(E.dtype)
            vector = ir.VectorType(kind, VECTOR_BYTES * 8 // E.dtype.bitwidth)
            arrays = (context.make_array(E)(context, builder, code).data for code in codes[:2])
            E_, P_ = (Vectors(Flat(builder, data), vector) for data in arrays)
            places = Places(*(Value(builder, code) for code in codes[2:9]))
            spread = [E_.filled(code) for code in codes[9:12]]
            heavy = not isinstance(inertia, types.NoneType)
            factors = Factors(*spread, E_.filled(codes[12]) if heavy else None)
            both(E_, P_, places, factors, first, last)
            return context.get_dummy_value()

        return types.void(E, P, *[types.intp] * 7, centre, scale, now, inertia), generate

    return intrinsic(definition)


begin, go_on, end = of_a_row(first=True), of_a_row(), of_a_row(last=True)


@njit(cache=True, nogil=True)
def row(E, P, above, e, f, below, up, down, n, width, k):
    """A row of both planes of a pair, from those places of flat E and E_prev on."""
    begin(E, P, above, e, f, below, up, down, n - 1, *k)
    last = n - width
    for i in range(width, last, width):
        go_on(E, P, above + i, e + i, f + i, below + i, up, down, 0, *k)
    end(E, P, above + last, e + last, f + last, below + last, up, down, -last, *k)


@njit(cache=True, nogil=True)
def step(E, P, centre, scale, now, inertia):
    """P [planes, rows, n] becomes E⁺; E is only read. Planes are even, rows of whole vectors."""
    planes, rows, n = E.shape
    width, plane = VECTOR_BYTES // E.itemsize, rows * n
    E, P, k = E.reshape(E.size), P.reshape(P.size), (centre, scale, now, inertia)
    tile = max(1, TILE_BYTES // (n * E.itemsize))
    for first in range(0, rows, tile):
        for z in range(0, planes, 2):
            above, below = (z - 1) % planes * plane, (z + 2) % planes * plane
            for y in range(first, min(first + tile, rows)):
                up = -n if y else plane - n
                down = n if y + 1 < rows else n - plane
                at, e = y * n, z * plane + y * n
                row(E, P, above + at, e, e + plane, below + at, up, down, n, width, k)
