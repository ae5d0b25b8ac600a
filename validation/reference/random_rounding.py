"""Random rounding: the effect of the last bit of every operation on the final state.

Monte Carlo arithmetic: each floating-point result is moved at random by one unit in the
last place, or left alone. Runs of the baseline under it show how far two right
answers may lie apart, for engines of any kind and without touching their source.

D. S. Parker, B. Pierce and P. R. Eggert, Comput. Sci. Eng. 2(4), 58 (2000),
doi:10.1109/5992.852391; J. Vignes, Math. Comput. Simul. 35, 233 (1993),
doi:10.1016/0378-4754(93)90003-D.
"""

import random

import torch
from torch.utils._python_dispatch import TorchDispatchMode

# Pointwise operations whose result is one of their inputs, or a whole number: nothing is rounded.
EXACT = {
    "abs", "ceil", "clamp", "clamp_max", "clamp_min", "copy", "copysign", "fill", "floor",
    "hardtanh", "isfinite", "masked_fill", "maximum", "minimum", "nan_to_num", "neg", "relu",
    "round", "sgn", "sign", "threshold", "trunc", "where", "zero", "_to_copy", "clone",
}  # fmt: skip
# Operations that are not pointwise and round.
ROUNDING = {
    "addmm", "addmv", "baddbmm", "bmm", "convolution", "cumsum", "dot", "index_add", "linear",
    "linalg_vector_norm", "logsumexp", "mean", "mm", "mv", "native_layer_norm", "norm", "prod",
    "scatter_add", "std", "sum", "var", "vdot", "_fft_c2c", "_fft_c2r", "_fft_r2c",
    "_log_softmax", "_softmax",
}  # fmt: skip
SHIFT = 1 << 16  # elements by which successive draws from the table are shifted at most


class RandomRounding(TorchDispatchMode):
    """Within it, every rounded result moves by −1, 0 or +1 unit in the last place.

    One in eight goes up and one in eight goes down, so that the injected error has the
    size of the one that is there already. Zero stays zero.
    """

    def __init__(self, seed: int):
        super().__init__()
        self.generator = torch.Generator("cpu").manual_seed(seed)
        self.places = random.Random(seed)
        self.tables: dict[torch.dtype, torch.Tensor] = {}

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # nothing is compiled here, and to say so torch would import its compiler

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        if rounds(func):
            for tensor in result if isinstance(result, tuple | list) else (result,):
                self.nudge(tensor)
        return result

    def nudge(self, tensor: object) -> None:
        if not isinstance(tensor, torch.Tensor) or tensor.numel() == 0:
            return
        if tensor.is_complex():
            tensor = torch.view_as_real(tensor)
        if tensor.is_floating_point():
            tensor.mul_(self.factors(tensor.dtype, tensor.numel()).reshape(tensor.shape))

    def factors(self, dtype: torch.dtype, count: int) -> torch.Tensor:
        """1 − ε, 1 or 1 + ε: a slice at a random place of a table drawn once."""
        table = self.tables.get(dtype)
        if table is None or table.numel() < count + SHIFT:
            draw = torch.randint(0, 8, (count + SHIFT,), generator=self.generator)
            moves = torch.where(draw == 0, -1.0, torch.where(draw == 1, 1.0, 0.0)).double()
            table = self.tables[dtype] = (1 + moves * torch.finfo(dtype).eps).to(dtype)
        at = self.places.randrange(SHIFT)
        return table[at : at + count]


def rounds(func) -> bool:
    """Whether an operator's floating-point results are rounded."""
    name = func.overloadpacket.__name__
    name = name.removesuffix("_") if not name.startswith("_") else name
    return name in ROUNDING or (torch.Tag.pointwise in func.tags and name not in EXACT)
