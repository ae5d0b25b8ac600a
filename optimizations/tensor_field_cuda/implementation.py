"""The frozen engine on a GPU, operation by operation as it is.

Nothing is made faster; it shows what moving alone gives, and it is what every other engine on a GPU
is timed beside.
"""

from baselines.device import on_device
from baselines.tensor_field_v1 import engine as baseline

engine = on_device(baseline, "cuda")
