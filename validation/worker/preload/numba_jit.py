"""What numba sets up at the first compilation in a process, done before candidates are forked.

Importing this is all; nothing of a candidate is compiled here.
"""

import numba
import numpy as np


@numba.njit
def nothing(numbers):
    for place in range(len(numbers)):
        numbers[place] += 0.0


nothing(np.zeros(1))
