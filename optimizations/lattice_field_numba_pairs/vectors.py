"""How wide the vectors of a native loop are."""

from numba import config, types
from numba.extending import intrinsic


@intrinsic
def widest(_):
    """In a native function: its loops use the widest vectors that the processor has.

    The compiler's own choice for many processors with 512-bit vectors is 256 bits, for fear of a
    lower clock. A loop that does more sums than loads gains more by the width than that costs.
    """

    def mark(context, builder, *_):
        # llvmlite's own ``add`` refuses what has a value; as a plain set it takes it
        set.add(builder.function.attributes, '"prefer-vector-width"="512"')
        return context.get_dummy_value()

    return types.void(), mark


if config.DISABLE_JIT:  # numba's own switch: loops run as Python, where no intrinsic can be called

    def widest() -> None:
        """Nothing is compiled, so nothing has a width."""
